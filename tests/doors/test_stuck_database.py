"""A process that is frozen in the middle of a change costs others some seconds and a sentence, never their answer."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest
from django.db import connection

from config import env
from config.env import ROOT
from config.front import pool
from tests import builders
from tests.doors.web import Web
from tests.environments.house import House
from tests.patience import patience


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
    assert max(took for _, took in answers) < patience(20)
    frozen.rollback()
    change()
    assert answers[-1][0].status_code == 201


def test_whether_it_is_ready_is_answered_also_while_every_thread_waits(
    server: Web, house: House, frozen: psycopg.Connection
) -> None:
    headers = {"authorization": f"Bearer {builders.grant_token(house.owner)}"}

    def change(key: str) -> int:
        body = {"key": key, "name": "x"}
        return httpx.post(f"{server.url}/api/v1/projects", json=body, headers=headers, timeout=60).status_code

    with ThreadPoolExecutor(pool.THREADS + 4) as many:
        asked = [many.submit(change, builders.name("P")) for _ in range(pool.THREADS + 4)]
        time.sleep(1)
        answers = [httpx.get(f"{server.url}{path}", timeout=5).status_code for path in ("/readyz", "/livez")]
        waiting = [one for one in asked if not one.done()]
        frozen.rollback()

    assert answers == [200, 200]
    assert len(waiting) == len(asked)
    assert {one.result() for one in asked} == {201}


def test_a_server_that_is_frozen_is_away_and_comes_back(server: Web, house: House) -> None:
    assert server.process is not None
    assert httpx.get(f"{server.url}/readyz").status_code == 200
    with connection.cursor() as cursor:
        ours = "datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        cursor.execute(f"SELECT pid FROM pg_stat_activity WHERE {ours}")
        backends = [pid for (pid,) in cursor.fetchall()]
    assert backends

    for pid in backends:
        os.kill(pid, signal.SIGSTOP)
    try:
        answers = [httpx.get(f"{server.url}/readyz", timeout=5) for _ in range(3)]
    finally:
        for pid in backends:
            os.kill(pid, signal.SIGCONT)

    assert [(one.status_code, one.json()["database"]) for one in answers] == [(503, "away")] * 3
    assert httpx.get(f"{server.url}/readyz").status_code == 200


@pytest.mark.parametrize(
    ("begins", "longest"), [("from config import wsgi", "30s"), ("import django; django.setup()", "0")]
)
def test_a_statement_of_the_web_has_an_end_and_one_of_a_command_has_none(
    server_environment: dict[str, str], begins: str, longest: str
) -> None:
    words = f"{begins}; from django.db import connection as c; k = c.cursor(); k.execute('SHOW statement_timeout')"
    outcome = subprocess.run(
        [sys.executable, "-c", f"{words}; print(k.fetchone()[0])"],
        cwd=ROOT,
        env=server_environment,
        capture_output=True,
        text=True,
    )

    assert outcome.stdout.strip() == longest, outcome.stderr


def test_what_a_url_asks_of_the_server_is_asked_beside_our_own() -> None:
    options = env.database("postgresql://u@h/d?sslmode=require&options=-c%20search_path%3Dtowpath")["OPTIONS"]

    assert options["options"] == f"{env.PATIENCE} {env.PLANNED} -c search_path=towpath"
    assert options["sslmode"] == "require"
