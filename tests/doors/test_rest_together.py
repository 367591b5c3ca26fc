"""Two changes of the same version at the same moment: one is made, the other is told that it is outdated."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

from config import refusals
from environments import lifecycle
from environments.planning import plans
from projects import models
from tests import builders
from tests.doors.rest import delete, get, is_problem, patch, post
from tests.environments import house as houses
from tests.environments.meeting import behind

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("family", ["projects", "apps", "environments", "chains"])
def test_of_changes_with_one_tag_exactly_one_is_made(family):
    cast = builders.cast()
    headers = {"Authorization": f"Bearer {builders.grant_token(cast.owner)}"}
    app = builders.app(cast.owner)
    environment = lifecycle.create(by=cast.owner, name="qa", provisioner="external")
    stages = [{"name": "One", "environments": ["qa"]}]
    chain = post(Client(headers=headers), "/chains", {"name": "Chain", "stages": stages}).json()["id"]
    ident = {"projects": app.project_id, "apps": app.id, "environments": environment.id, "chains": chain}[family]
    tag = get(Client(headers=headers), f"/{family}/{ident}")["ETag"]
    together = Barrier(4)

    def change(n: int) -> int:
        try:
            together.wait(20)
            body = {"name": f"name-{n}"}
            return patch(Client(headers=headers), f"/{family}/{ident}", body, If_Match=tag).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(change, range(4))) == [200, 412, 412, 412]
    assert models.Event.objects.filter(kind=f"{family[:-1]}.updated").count() == 1


@pytest.mark.parametrize("family", ["projects", "chains"])
def test_a_change_of_what_is_deleted_at_this_moment_finds_nothing(family):
    owner = builders.cast().owner
    client, other = builders.rest(owner), builders.rest(owner)
    lifecycle.create(by=owner, name="qa", provisioner="external")
    body = {"key": "AB", "name": "x"}
    if family == "chains":
        body = {"name": "x", "stages": [{"name": "One", "environments": ["qa"]}]}
    path = f"/{family}/{post(client, f'/{family}', body).json()['id']}"
    assert is_problem(behind(lambda: delete(client, path), lambda: patch(other, path, {"name": "y"})), 404)


def test_whoever_waits_too_long_for_others_is_told_that_it_is_they_and_not_the_database():
    owner = builders.cast().owner
    qa = lifecycle.create(by=owner, name="qa", provisioner="external")
    client = builders.rest(owner)

    answer = impatient(held(qa), lambda: patch(client, f"/environments/{qa.id}", {"description": "x"}))

    assert is_problem(answer, 503)
    assert answer.json()["detail"] == refusals.BUSY_SENTENCE
    assert int(answer["Retry-After"]) > 0


def test_whoever_may_not_promote_is_told_so_without_standing_in_the_queue():
    house = houses.house()
    qa = house.environment("qa")
    release = house.release(house.app("ledger"), "1.0")
    slot = plans.slot_of(release.app, qa)
    viewer = builders.rest(builders.member(house.organization, "viewer"))
    wish = {"release_id": str(release.id), "environment_id": str(qa.id)}

    assert is_problem(impatient(held(slot), lambda: post(viewer, "/promotions", wish)), 403)


def held(row: Any) -> Callable[[], object]:
    return lambda: type(row).objects.select_for_update().get(pk=row.pk)


def impatient(hold: Callable[[], object], act: Callable[[], Any]) -> Any:
    """What `act` gets while somebody else holds a row, and waits for it but a moment."""
    begun, done = Event(), Event()

    def stand() -> None:
        try:
            with transaction.atomic():
                hold()
                begun.set()
                done.wait(20)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool, connection.cursor() as cursor:
        holding = pool.submit(stand)
        assert begun.wait(20)
        cursor.execute("SET lock_timeout = '300ms'")
        try:
            return act()
        finally:
            cursor.execute("RESET lock_timeout")
            done.set()
            holding.result(20)
