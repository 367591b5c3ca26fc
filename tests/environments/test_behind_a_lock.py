"""Who has waited for a lock judges what is there now, not what was read before."""

from collections.abc import Callable

import pytest
from django.db import transaction
from django.db.models import Model
from django.urls import reverse

from environments import cancellations, lifecycle, retries, undoing, worker_tokens, workers
from environments.delivery import archivals, chains, holds, promotions, restarts
from environments.doing import assignments, overtaking
from environments.models import Chain, Endpoint, Environment, Host, Run, Slot, Stage, Worker, WorkerToken
from environments.planning import addresses
from projects import apps, releases
from projects.errors import Conflict, NotAllowed, NotFound
from projects.models import App, Event, Release, Role
from tests.doors import visiting
from tests.doors.test_plan_sheet import form
from tests.environments.house import MANIFEST, house
from tests.environments.line import Line, line
from tests.environments.meeting import behind

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def road() -> Line:
    built = line()
    built.deployed(built.v1, built.development)
    return built


def test_an_environment_that_is_being_protected_is_left_alone_by_whom_no_grant_names(road: Line) -> None:
    operator, place = road.house.person(Role.OPERATOR), road.development
    failed = road.house.ended(road.deploy(road.v2, place), "failed").run
    hold = holds.place(road.app, place, by=road.owner)
    other = road.house.app("other", project=road.app.project)
    acts: list[Callable[[], object]] = [
        lambda: lifecycle.stop(place, by=operator),
        lambda: restarts.restart(by=operator, environment=place, app=road.app, service="web"),
        lambda: retries.retry(failed, by=operator),
        lambda: holds.place(other, place, by=operator),
        lambda: holds.lift(hold, by=operator),
        lambda: lifecycle.update(place, by=operator, status="inactive"),
    ]

    for act in acts:
        assert isinstance(behind(lambda: lifecycle.update(place, by=road.owner, protected=True), act), NotAllowed)
        lifecycle.update(place, by=road.owner, protected=False)
        place.refresh_from_db()

    holds.lift(hold, by=road.owner)
    queued = Run.objects.select_related("environment").get(deployment=road.deploy(road.v3, place))
    protecting = behind(
        lambda: lifecycle.update(place, by=road.owner, protected=True),
        lambda: cancellations.cancel(queued, by=operator),
    )
    assert isinstance(protecting, NotAllowed)


def test_a_chain_that_is_being_changed_is_not_overwritten_by_whom_saw_it_before(road: Line) -> None:
    chain = Chain.objects.get()
    page = visiting.signed_in(road.owner)
    saw = chains.version(chain)
    turned = [{"name": name, "environments": [name]} for name in ("production", "staging", "development")]

    answer = behind(
        lambda: chains.update(chain, by=road.owner, stages=turned),
        lambda: page.post(reverse("chain-stages", args=[chain.id]), {"seen": saw, "act": "remove:0"}),
    )

    assert answer.status_code == 409 and "Somebody changed this chain meanwhile" in answer.content.decode()
    assert list(Stage.objects.order_by("position").values_list("name", flat=True)) == [
        stage["name"] for stage in turned
    ]
    gone = behind(lambda: chains.delete(chain, by=road.owner), lambda: chains.update(chain, by=road.owner, name="Main"))
    assert isinstance(gone, NotFound)


def test_a_plan_is_not_carried_out_on_values_that_are_being_changed(road: Line) -> None:
    draft = f"{reverse('plan-draft')}?app={road.app.id}&environment_id={road.development.id}&release={road.v2.id}"
    page = visiting.signed_in(road.owner)
    sent = form(page.get(draft).content.decode())

    def change() -> None:
        list(Slot.objects.select_for_update(no_key=True).filter(environment=road.development))
        lifecycle.update(road.development, by=road.owner, execution_environment={"env_vars": {"MODE": "new"}})

    answer = behind(change, lambda: page.post(reverse("plans"), sent))

    assert answer.status_code == 409
    assert road.slot(road.development).last_number == 1


def held(*rows: Model) -> Callable[[], object]:
    """Lock them, in this order; who would have to wait for one learns of it at once."""
    return lambda: [type(row).objects.select_for_update(no_key=True, nowait=True).get(pk=row.pk) for row in rows]


class TestLocksAreTakenInOneOrder:
    """Slots, environments, runs, and several of a kind by their ids: nobody then waits in a circle."""

    def test_a_worker_that_leaves_gives_back_the_runs_of_several_apps(self, road: Line) -> None:
        other = road.house.app("other", project=road.app.project)
        running = [
            road.deploy(road.v2, road.development),
            road.deploy(road.house.release(other, "1"), road.development),
        ]
        first, second = Slot.objects.filter(environment=road.development).order_by("id")
        worker = road.house.workers[road.development.id]
        for slot in (first, second):
            for asked in running:
                road.house.claimed(asked)
            runs = Run.objects.filter(environment=road.development, kind="deploy").exclude(phase="succeeded")
            behind(
                held(slot),
                lambda: workers.disconnect(worker, by=road.owner, reason="bye"),
                meanwhile=held(road.development, *runs),
            )
            assert set(runs.values_list("phase", flat=True)) == {"queued"}

    def test_a_claim_that_finds_no_address_left_ends_the_run_without_holding_it(self) -> None:
        home = house()
        place = home.environment("two-hosts")
        full = home.worker(place, addresses=0)
        asked = promotions.promote(by=home.owner, environment=place, release=home.release(home.app(), "1"))
        Endpoint.objects.filter(app=asked.app).delete()
        Run.objects.filter(deployment=asked).update(host=None)
        Slot.objects.filter(app=asked.app).update(placement=None)

        told = behind(
            held(place),
            lambda: assignments.take(full, "one"),
            meanwhile=held(Run.objects.get(deployment=asked)),
        )

        assert told["run"] is None and Run.objects.get(deployment=asked).phase == "failed"

    def test_a_chain_is_written_of_environments_named_in_any_order(self, road: Line) -> None:
        places = sorted((road.development, road.staging, road.production), key=lambda place: place.id)
        named = [{"name": f"Stage {place.name}", "environments": [place.name]} for place in reversed(places)]
        behind(
            held(places[0]),
            lambda: chains.update(Chain.objects.get(), by=road.owner, stages=named),
            meanwhile=held(*places[1:]),
        )
        assert list(Stage.objects.order_by("position").values_list("name", flat=True)) == [
            stage["name"] for stage in named
        ]

    def test_a_first_chain_is_begun_where_its_environments_are_already(self) -> None:
        home = house()
        places = sorted((home.environment(name) for name in ("development", "production")), key=lambda each: each.id)
        behind(held(places[0]), lambda: chains.begin(by=home.owner), meanwhile=held(places[1]))
        assert Environment.objects.get(name="production").protected


def test_an_app_that_is_being_archived_takes_no_release(road: Line) -> None:
    refusal = behind(
        lambda: apps.archive(App.objects.get(pk=road.app.pk), by=road.owner),
        lambda: releases.cut(by=road.owner, app=road.app, version="9", manifest=MANIFEST),
    )

    assert isinstance(refusal, Conflict) and refusal.code == "archived"
    assert not Release.objects.filter(version="9").exists()


def test_an_app_that_is_being_archived_again_is_not_restored_by_undoing_the_first_time(road: Line) -> None:
    apps.archive(road.app, by=road.owner)
    first = Event.objects.get(kind="app.archived")
    apps.restore(road.app, by=road.owner)

    refusal = behind(
        lambda: archivals.archive(App.objects.get(pk=road.app.pk), by=road.owner),
        lambda: undoing.undo(first.pk, by=road.owner),
    )

    assert isinstance(refusal, undoing.MovedOn)
    assert App.objects.get(pk=road.app.pk).archived_at is not None


@pytest.mark.parametrize("before", ["revoked", "never made"])
def test_two_who_need_a_worker_token_at_once_are_given_the_same(road: Line, before: str) -> None:
    place, given = road.development, []
    worker_tokens.revoke(place)
    kind = Worker.Kind.JOINED if before == "revoked" else Worker.Kind.BUILTIN
    assert WorkerToken.objects.filter(environment=place, kind=kind).exists() == (before == "revoked")

    second = behind(lambda: given.append(worker_tokens.give(place, kind)), lambda: worker_tokens.give(place, kind))

    assert second.reveal() == given[0].reveal()
    assert workers.of_token(given[0].reveal()).environment == place


def test_two_who_give_an_app_its_addresses_at_once_give_them_once(road: Line) -> None:
    place, given = road.development, []
    host = Host.objects.get(pk=Endpoint.objects.get(app=road.app, environment=place, released_at=None).host_id)
    addresses.release_all(road.app, place)

    def give() -> list[Endpoint]:
        with transaction.atomic():
            return addresses.allocate(road.app, place, road.v2, host=host)

    second = behind(lambda: given.extend(give()), give)

    assert (len(given), second) == (1, [])


def test_what_was_overtaken_is_told_of_what_is_live_once_a_switch_is_through(road: Line) -> None:
    road.configure(road.development, HOST="db")
    slot = Slot.objects.get(app=road.app, environment=road.development)
    newer = road.deploy(road.v2, road.development)  # it pins what holds now, and is live in a moment

    behind(
        lambda: Slot.objects.filter(pk=slot.pk).update(live=newer, overtaken=0),
        lambda: overtaking.look_at([slot.pk]),
    )

    slot.refresh_from_db()
    assert slot.overtaken == 0, "what was live before would have counted one"
