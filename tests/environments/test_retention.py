"""What is older than the installation keeps it goes in a nightly sweep, and nothing else goes."""

import asyncio
import os
import uuid
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.db import connection
from django.utils import timezone
from psycopg import errors as refusals

from environments.doing import retention
from environments.models import LogChunk, Phase, Run, ServiceLogChunk, Sweep
from environments.runs import claim, finish, logs, queue
from environments.stream.cursors import Cursor
from environments.stream.feeds import Lost
from environments.stream.hub import Hub
from projects import access, history
from projects.models import Event, Organization
from projects.narration import sentence
from tests import builders
from tests.environments.house import House, house

pytestmark = pytest.mark.django_db
YEAR, MONTH, DAY = timedelta(days=366), timedelta(days=31), timedelta(days=1)
NIGHT = datetime(2030, 1, 2, 3, 30, tzinfo=UTC)


@pytest.fixture
def harbour() -> House:
    return house()


def happened(organization: Organization, *, ago: timedelta, count: int = 1) -> None:
    """Events that follow those that are there, and are so old: no rule of the database speaks while they become so."""
    rows = [Event(organization_id=organization.pk, kind="app.updated", actor="system") for _ in range(count)]
    Event.objects.bulk_create(rows)
    role = os.environ.get("TOWPATH_TEST_APP_ROLE")
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE; SET session_replication_role = replica")
        at, ids = timezone.now() - ago, [row.pk for row in rows]
        cursor.execute("UPDATE projects_event SET at = %s WHERE id = ANY(%s)", [at, ids])
        cursor.execute(f"RESET session_replication_role; SET ROLE {role}" if role else "RESET session_replication_role")


def forget(organization: Organization, *, most: int = 1000) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT towpath_forget_events(%s, 365, %s)", [organization.pk, most])
        return int(cursor.fetchone()[0])


def written(harbour: House, *, ended: timedelta) -> Run:
    """A control run that wrote a line and ended so long ago."""
    by = harbour.owner
    run = queue.enqueue(kind="prepare", by=by, organization=by.organization)
    claimed = claim.by_control("me", run.pk)
    assert claimed is not None
    logs.append(run.pk, 1, "me", 0, [{"at": "", "step": 0, "stream": "out", "text": "a line"}])
    finish.finish(run.pk, 1, "me", outcome=Phase.SUCCEEDED)
    Run.objects.filter(pk=run.pk).update(finished_at=timezone.now() - ended)
    return Run.objects.get(pk=run.pk)


def test_only_the_beginning_of_a_log_is_forgotten_and_only_what_is_old() -> None:
    organization = Organization(pk=uuid.uuid4())
    happened(organization, ago=YEAR, count=3)
    happened(organization, ago=DAY)
    happened(organization, ago=YEAR)

    assert forget(organization, most=2) == 2
    assert forget(organization) == 1
    assert forget(organization) == 0
    assert list(Event.objects.filter(organization_id=organization.pk).values_list("number", flat=True)) == [4, 5]


def test_another_organization_keeps_its_own() -> None:
    one, other = Organization(pk=uuid.uuid4()), Organization(pk=uuid.uuid4())
    for each in (one, other):
        happened(each, ago=YEAR)

    forget(one)

    assert not Event.objects.filter(organization_id=one.pk).exists()
    assert Event.objects.filter(organization_id=other.pk).count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("TOWPATH_TEST_APP_ROLE" not in os.environ, reason="the database given has one role for everything")
def test_the_application_forgets_by_this_function_and_by_no_other_way(server_environment: dict[str, str]) -> None:
    organization = Organization(pk=uuid.uuid4())
    happened(organization, ago=YEAR)
    with psycopg.connect(server_environment["DATABASE_URL"], autocommit=True) as application:
        with pytest.raises(refusals.InsufficientPrivilege):
            application.execute("DELETE FROM projects_event")
        with pytest.raises(refusals.RestrictViolation, match="30 days at least"):
            application.execute("SELECT towpath_forget_events(%s, 1, 10)", [organization.pk])

        found = application.execute("SELECT towpath_forget_events(%s, 30, 10)", [organization.pk]).fetchone()

    assert found == (1,)


@pytest.mark.django_db(transaction=True)
def test_afterwards_even_the_owner_deletes_no_event_by_mistake() -> None:
    organization = Organization(pk=uuid.uuid4())
    happened(organization, ago=YEAR)
    happened(organization, ago=DAY)
    with psycopg.connect(_owner_url(), autocommit=False) as owner:
        owner.execute("SELECT towpath_forget_events(%s, 365, 10)", [organization.pk])
        with pytest.raises(refusals.RestrictViolation):
            owner.execute("DELETE FROM projects_event")


def _owner_url() -> str:
    return os.environ["DATABASE_URL"].rpartition("/")[0] + "/" + connection.settings_dict["NAME"]


def test_a_run_older_than_its_log_is_kept_stays_without_it(harbour: House) -> None:
    old, young = written(harbour, ended=MONTH), written(harbour, ended=DAY)

    retention.sweep()

    assert not LogChunk.objects.filter(run=old).exists()
    assert LogChunk.objects.filter(run=young).exists()
    assert Run.objects.get(pk=old.pk).phase == Phase.SUCCEEDED
    assert Run.objects.get(pk=old.pk).log_size == 0


def test_what_services_wrote_long_ago_goes(harbour: House) -> None:
    environment = harbour.environment("quay")
    live = harbour.live(harbour.release(harbour.app("ledger"), "1.0"), environment)
    for n, ago in enumerate((MONTH, DAY)):
        ServiceLogChunk.objects.create(
            environment=environment,
            app=live.app,
            deployment=live,
            service="web",
            offset=n,
            count=1,
            size=40,
            lines=[{"at": "", "stream": "out", "text": str(n)}],
            at=timezone.now() - ago,
        )

    retention.sweep()

    assert [chunk.offset for chunk in ServiceLogChunk.objects.filter(environment=environment)] == [1]


def test_one_event_says_what_a_sweep_freed(harbour: House) -> None:
    written(harbour, ended=MONTH)
    happened(harbour.owner.organization, ago=DAY)

    retention.sweep()

    told = Event.objects.filter(organization_id=harbour.owner.organization.pk, kind="history.swept")
    assert [sentence(one) for one in told] == ["The nightly sweep forgot the log of 1 run."]


def test_a_sweep_that_found_nothing_records_no_event(harbour: House) -> None:
    retention.sweep()

    assert Sweep.objects.get().finished_at is not None
    assert not Event.objects.filter(kind="history.swept").exists()


def test_it_is_once_a_night_and_made_up_for_after_a_while_off() -> None:
    assert retention.sweep(now=NIGHT) is not None
    for later in (timedelta(minutes=1), timedelta(hours=12), timedelta(hours=23)):
        assert retention.sweep(now=NIGHT + later) is None

    assert retention.sweep(now=NIGHT + timedelta(days=1)) is not None
    assert retention.sweep(now=NIGHT + timedelta(days=9, hours=9)) is not None
    assert Sweep.objects.count() == 3


def test_a_sweep_that_has_much_to_do_goes_on_in_the_next_round(harbour: House) -> None:
    for _ in range(12):
        written(harbour, ended=MONTH)

    first = retention.sweep(seconds=0)
    assert first is not None and first.finished_at is None
    for _ in range(20):
        if retention.sweep(seconds=0) is None:
            break

    assert Sweep.objects.get().finished_at is not None
    assert Sweep.objects.get().freed[str(harbour.owner.organization.pk)]["runs"] == 12
    assert not LogChunk.objects.exists()


def test_a_reader_whose_place_is_forgotten_is_told_to_begin_anew() -> None:
    organization = Organization.objects.create(name=builders.name("old"))
    by = access.system(organization)
    happened(organization, ago=YEAR, count=3)
    happened(organization, ago=DAY, count=2)
    forget(organization)

    for place in (0, 2):
        with pytest.raises(history.Reset) as refused:
            history.events(by, after=f"1-{place}")
        assert refused.value.code == "reset"
    assert [one.number for one in history.events(by, after="1-3")] == [4, 5]
    assert [one.number for one in history.events(by)] == [4, 5]


@pytest.mark.django_db(transaction=True)
def test_a_stream_at_a_place_that_is_forgotten_is_lost() -> None:
    organization = Organization.objects.create(name=builders.name("old"))
    happened(organization, ago=YEAR, count=3)
    happened(organization, ago=DAY)
    forget(organization)

    async def after(number: int) -> list[int]:
        hub = Hub()
        try:
            async with hub.feed(organization) as feed:
                return [event.number for event in await feed.after(Cursor(1, number))]
        finally:
            await hub.stop()

    assert asyncio.run(after(3)) == [4]
    with pytest.raises(Lost):
        asyncio.run(after(2))
