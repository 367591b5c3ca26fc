"""A process that is frozen in the middle of a change costs others some seconds and a sentence, never their answer."""

import threading
import time
from collections.abc import Iterator

import httpx
import psycopg
import pytest
from django.db import connection

from tests import builders
from tests.doors.web import Web
from tests.environments import house as houses
from tests.environments.house import House


@pytest.fixture
def house() -> House:
    return houses.house()


@pytest.fixture
def frozen(house: House) -> Iterator[psycopg.Connection]:
    """Somebody who has numbered an event of the organization and does not go on."""
    parameters = connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}
    parameters.pop("context", None)
    with psycopg.connect(**parameters) as held:
        held.execute("UPDATE projects_eventcounter SET last = last WHERE organization_id = %s", [house.organization.pk])
        yield held
        held.rollback()


def test_a_change_that_must_wait_is_503_in_some_seconds_and_others_are_answered_meanwhile(
    server: Web, house: House, frozen: psycopg.Connection
) -> None:
    headers = {"authorization": f"Bearer {builders.grant_token(house.owner)}"}
    answers: list[tuple[httpx.Response, float]] = []

    def change() -> None:
        begun = time.monotonic()
        answer = httpx.post(
            f"{server.url}/api/v1/projects", json={"key": builders.name("P"), "name": "x"}, headers=headers, timeout=40
        )
        answers.append((answer, time.monotonic() - begun))

    asking = [threading.Thread(target=change) for _ in range(3)]
    for thread in asking:
        thread.start()
    time.sleep(0.5)
    assert httpx.get(f"{server.url}/readyz", timeout=5).status_code == 200
    for thread in asking:
        thread.join()

    assert {answer.status_code for answer, _ in answers} == {503}
    assert {answer.headers["Retry-After"] for answer, _ in answers} == {"5"}
    assert max(took for _, took in answers) < 20
    frozen.rollback()
    change()
    assert answers[-1][0].status_code == 201
