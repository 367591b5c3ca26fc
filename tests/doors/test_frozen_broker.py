"""A broker that is stopped in its tracks answers nothing and refuses nothing: pages, REST and streams go on without."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from django.conf import settings
from django.test import Client

from config.up import ports, valkey
from projects.access import Actor
from tests import builders
from tests.doors.web import Web, listening, web
from tests.patience import patience


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    broker = valkey.broker(tmp_path, port=ports.anywhere())
    valkey.initialize(broker)
    process = subprocess.Popen(valkey.command(broker, durable=False), stdout=subprocess.DEVNULL)
    valkey.wait(broker.url)
    yield process, broker.url
    process.send_signal(signal.SIGCONT)
    process.kill()
    process.wait(10)


@pytest.fixture
def server(server_environment: dict[str, str], broker: tuple[subprocess.Popen[bytes], str]) -> Iterator[Web]:
    with web({**server_environment, "REDIS_URL": broker[1]}) as running:
        yield running


@pytest.fixture
def owner(server: Web) -> Actor:
    return builders.owner_of(builders.organization())


def cookie(actor: Actor) -> dict[str, str]:
    client = Client()
    client.force_login(actor.user)
    name = settings.SESSION_COOKIE_NAME
    return {"cookie": f"{name}={client.cookies[name].value}"}


def create(server: Web, headers: dict[str, str], key: str) -> float:
    begun = time.monotonic()
    answer = httpx.post(f"{server.url}/api/v1/projects", json={"name": key, "key": key}, headers=headers, timeout=30)
    assert answer.status_code == 201, answer.text
    return time.monotonic() - begun


def test_everything_is_answered_and_heard_while_the_broker_is_frozen(
    server: Web, broker: tuple[subprocess.Popen[bytes], str], owner: Actor
) -> None:
    headers = {"authorization": f"Bearer {builders.grant_token(owner)}"}
    create(server, headers, "BEFORE")
    with listening(f"{server.url}/live", cookie(owner)) as stream:
        broker[0].send_signal(signal.SIGSTOP)

        took = [create(server, headers, f"FROZEN{n}") for n in range(5)]
        message = stream.next(within=10)
        with listening(f"{server.url}/live", cookie(owner)) as another:
            create(server, headers, "LATER")
            later = another.next(within=10)
        broker[0].send_signal(signal.SIGCONT)

    # The first ones pay for a short timeout, then the bell rests.
    assert max(took) < patience(2.5) and min(took) < patience(0.5), took
    assert message is not None and len(json.loads(message.data)) >= 1
    assert later is not None and later.event == "change"


def test_once_it_goes_on_changes_are_heard_at_once_again(
    server: Web, broker: tuple[subprocess.Popen[bytes], str], owner: Actor
) -> None:
    headers = {"authorization": f"Bearer {builders.grant_token(owner)}"}
    with listening(f"{server.url}/live", cookie(owner)) as stream:
        broker[0].send_signal(signal.SIGSTOP)
        create(server, headers, "FROZEN")
        stream.next(within=10)
        broker[0].send_signal(signal.SIGCONT)
        time.sleep(9)  # the bell's rest, and the ear's return

        begun = time.monotonic()
        create(server, headers, "AFTER")
        message = stream.next(within=10)

    assert message is not None and message.at - begun < patience(1.5, most=2.3), (
        "sooner than whoever looks by themselves"
    )
