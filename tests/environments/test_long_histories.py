"""However often something was deployed, what is asked all the time costs the same."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.db.models import Model
from django.test.utils import CaptureQueriesContext

from environments.doing import assignments
from environments.doing.directories import LOOKED_AT, Directories
from environments.models import Deployment, Environment, Plan, Run, Slot
from environments.overview import environment as page
from projects.models import App
from tests.environments.house import House, house

pytestmark = pytest.mark.django_db
MANY = 3000


@pytest.fixture
def harbour() -> House:
    return house()


@pytest.fixture
def busy(harbour: House) -> Environment:
    """Three apps, live in one environment."""
    environment, project = harbour.environment("busy"), harbour.project()
    for n in range(3):
        harbour.live(harbour.release(harbour.app(f"app-{n}", project=project), "1.0"), environment)
    return environment


def rest(model: type[Model], *but: str) -> str:
    return ", ".join(field.column for field in model._meta.concrete_fields if field.column not in but)


def deployed_often(app: App, environment: Environment, phase: str = "succeeded") -> None:
    """Many more times, each ended in this `phase`, and the statistics know of it."""
    first = Deployment.objects.get(app=app, environment=environment)
    plan, deployment = rest(Plan, "id"), rest(Deployment, "id", "number", "plan_id")
    run = rest(Run, "id", "number", "deployment_id", "phase", "created_at")
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE again ON COMMIT DROP AS SELECT gen_random_uuid() AS plan_id,"
            " gen_random_uuid() AS deployment_id, n FROM generate_series(2, %s) n",
            [MANY],
        )
        cursor.execute(
            f"INSERT INTO environments_plan (id, {plan})"
            f" SELECT again.plan_id, {plan} FROM again, environments_plan p WHERE p.id = %s",
            [first.plan_id],
        )
        cursor.execute(
            f"INSERT INTO environments_deployment (id, number, plan_id, {deployment})"
            f" SELECT deployment_id, n, again.plan_id, {deployment}"
            " FROM again, environments_deployment d WHERE d.id = %s",
            [first.pk],
        )
        cursor.execute(
            f"INSERT INTO environments_run (id, deployment_id, phase, created_at, {run})"
            f" SELECT gen_random_uuid(), again.deployment_id, %s, now() + n * interval '1 second', {run}"
            " FROM again, environments_run r WHERE r.deployment_id = %s",
            [phase, first.pk],
        )
        cursor.execute("DROP TABLE again")
    Slot.objects.filter(app=app, environment=environment).update(last_number=MANY)
    known()


def known() -> None:
    """The statistics are made by whom the tables belong to."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        role = cursor.fetchone()[0]
        cursor.execute("RESET ROLE")
        cursor.execute("ANALYZE environments_plan, environments_deployment, environments_run, environments_slot")
        cursor.execute(f'SET ROLE "{role}"')


def blocks(act: Callable[[], Any]) -> int:
    """How many blocks the statements of `act` read."""
    with CaptureQueriesContext(connection) as captured:
        act()
    read = 0
    with connection.cursor() as cursor:
        for query in captured.captured_queries:
            if query["sql"].lstrip().startswith(("SELECT", "WITH")):
                cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query['sql']}")
                found = cursor.fetchone()[0]
                top = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
                read += top["Shared Hit Blocks"] + top["Shared Read Blocks"]
    return read


def test_a_worker_is_told_by_what_went_live_last_however_much_there_was(harbour: House, busy: Environment) -> None:
    often, seldom = App.objects.get(name="app-0"), App.objects.get(name="app-1")
    deployed_often(often, busy)

    lines = Directories.of(busy.id, [often.id, seldom.id]).lines

    assert [one.number for one in lines[often.id]] == list(range(MANY, MANY - LOOKED_AT, -1))
    assert [one.number for one in lines[seldom.id]] == [1]
    told = {slot["app"]["name"]: slot for slot in assignments.desired(harbour.workers[busy.id])["slots"]}
    assert told["app-0"]["keep"] == [str(one.pk) for one in lines[often.id][: settings.TOWPATH_RELEASES_KEPT]]


def test_what_failed_again_and_again_does_not_hide_what_went_live_before(harbour: House, busy: Environment) -> None:
    app = App.objects.get(name="app-0")
    deployed_often(app, busy, "failed")

    assert [one.number for one in Directories.of(busy.id, [app.id]).lines[app.id]] == [1]


def test_an_environments_page_does_not_grow(harbour: House, busy: Environment) -> None:
    known()
    few = blocks(lambda: page.releases(busy, harbour.owner))
    deployed_often(App.objects.get(name="app-0"), busy)

    assert blocks(lambda: page.releases(busy, harbour.owner)) < 3 * few
