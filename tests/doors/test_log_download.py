"""A run's log is taken away at its reader's pace, and the pages wait for nobody."""

import contextlib
import socket
import time
from collections.abc import Iterator

import httpx
import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from environments.delivery import deployments
from environments.models import Run
from environments.planning import plans
from environments.runs import logs
from environments.views import copies
from projects.access import Actor
from projects.models import Role
from tests.doors.visiting import signed_in
from tests.doors.web import Web
from tests.environments import house as houses
from tests.environments.house import House
from tests.patience import patience


def run_with_a_log(house: House, *, lines: int) -> Run:
    development = house.environment("development")
    release = house.release(house.app("ledger"), "2.0")
    plan = plans.propose(by=house.owner, release=release, environment=development)
    run = house.claimed(deployments.carry_out(plan, by=house.owner))
    line = {"text": "x" * 15_000, "stream": "out", "step": 1, "at": "2026-01-01T10:00:00.123Z"}
    for offset in range(0, lines, 250):
        logs.append(run.id, run.attempt, house.workers[development.id], offset, [line] * min(250, lines - offset))
    return run


def cookie_of(actor: Actor) -> str:
    client = Client()
    assert actor.user is not None
    client.force_login(actor.user)
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


@contextlib.contextmanager
def reading_nothing(server: Web, path: str, cookies: list[str]) -> Iterator[None]:
    """These have asked for it and been answered, and have taken no more than its first bytes."""
    with contextlib.ExitStack() as stack:
        for cookie in cookies:
            reader = stack.enter_context(socket.socket())
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.settimeout(20)
            reader.connect(("127.0.0.1", server.port))
            reader.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n".encode())
            assert reader.recv(12) == b"HTTP/1.1 200"
        yield


def test_readers_who_take_nothing_of_a_long_log_hold_no_thread(server: Web) -> None:
    house = houses.house()
    run = run_with_a_log(house, lines=1500)
    cookie = cookie_of(house.owner)
    others = [cookie_of(house.person(Role.VIEWER)) for _ in range(10)]

    with reading_nothing(server, reverse("run-log", args=[run.id]), others):
        time.sleep(0.5)
        begun = time.monotonic()
        page = httpx.get(server.url + reverse("run", args=[run.id]), headers={"cookie": cookie}, timeout=20)
        assert page.status_code == 200
        assert time.monotonic() - begun < patience(3)


@pytest.mark.django_db
def test_a_log_is_taken_away_whole_and_its_length_is_told() -> None:
    house = houses.house()
    run = run_with_a_log(house, lines=300)

    answer = signed_in(house.owner).get(reverse("run-log", args=[run.id]))

    content = b"".join(answer.streaming_content)
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["Content-Disposition"] == f'attachment; filename="run-{run.number}-attempt-1.log"'
    assert int(answer["Content-Length"]) == len(content)
    assert content.decode() == f"2026-01-01T10:00:00.123Z {'x' * 15_000}\n" * 300


@pytest.mark.django_db
def test_more_copies_than_the_disk_is_meant_for_are_refused_until_one_is_taken() -> None:
    house = houses.house()
    run = run_with_a_log(house, lines=1)
    client, path = signed_in(house.owner), reverse("run-log", args=[run.id])
    others = [signed_in(house.person(Role.VIEWER)) for _ in range(copies.AT_ONCE - 1)]

    held = [*(other.get(path) for other in others), client.get(path)]
    refused = client.get(path)
    taken = b"".join(held.pop().streaming_content)
    again = client.get(path)
    for answer in [*held, again]:
        b"".join(answer.streaming_content)

    assert refused.status_code == 503
    assert "Too many logs" in refused.content.decode()
    assert taken and again.status_code == 200


@pytest.mark.django_db
def test_one_person_takes_no_more_than_a_few_at_once() -> None:
    house = houses.house()
    run = run_with_a_log(house, lines=1)
    client, path = signed_in(house.owner), reverse("run-log", args=[run.id])

    held = [client.get(path) for _ in range(copies.OF_ONE)]

    assert client.get(path).status_code == 503
    assert signed_in(house.person(Role.VIEWER)).get(path).status_code == 200
    for answer in held:
        b"".join(answer.streaming_content)
    assert client.get(path).status_code == 200
