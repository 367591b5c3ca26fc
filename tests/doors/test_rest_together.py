"""Two changes of the same version at the same moment: one is made, the other is told that it is outdated."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection
from django.test import Client

from environments import lifecycle
from projects.models import Event
from tests import builders
from tests.doors.rest import delete, get, is_problem, patch, post
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
    assert Event.objects.filter(kind=f"{family[:-1]}.updated").count() == 1


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
