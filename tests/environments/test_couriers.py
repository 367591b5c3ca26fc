"""Messages ring a bell and are never waited for: a broker that is dead or frozen costs a request next to nothing."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from django.test import Client

from environments import lifecycle, tasks
from environments.models import Environment, Run, State
from projects.broker import forget
from tests import builders
from tests.environments.site import until
from tests.patience import patience

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def rested() -> Iterator[None]:
    """Every test meets the broker afresh."""
    _forget()
    yield
    _forget()


def _forget() -> None:
    tasks._BELL._forget()
    forget()


@pytest.fixture
def broker() -> psutil.Process:
    port = urlsplit(os.environ["REDIS_URL"]).port
    for process in psutil.Process().children(recursive=True):
        if "valkey" in process.name() and any(str(port) in word for word in process.cmdline()):
            return process
    pytest.fail("REDIS_URL names a broker that this run did not start, so it cannot freeze it: run without REDIS_URL.")


@pytest.fixture
def frozen(broker: psutil.Process) -> Iterator[None]:
    broker.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        broker.send_signal(signal.SIGCONT)


@pytest.fixture
def dead(settings: pytest.FixtureRequest) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"  # type: ignore[attr-defined]


def posts(client: Client, count: int) -> list[float]:
    """How long each of these took, in seconds; every one is accepted."""
    took = []
    for n in range(count):
        begun = time.monotonic()
        answer = client.post("/api/v1/environments", {"name": f"feature/{n}"}, content_type="application/json")
        took.append(time.monotonic() - begun)
        assert answer.status_code == 201, answer.content
    return took


@pytest.fixture
def client() -> Client:
    made = builders.rest(builders.owner_of(builders.organization()))
    # The first request of a process imports every door, which is no matter of the broker's.
    assert made.get("/api/v1/environments").status_code == 200
    return made


def test_with_the_broker_dead_every_post_answers(client: Client, dead: None) -> None:
    took = posts(client, 5)
    assert max(took) < patience(2) and Environment.objects.filter(state=State.PENDING).count() == 5


def test_with_the_broker_frozen_the_first_post_waits_a_moment_and_the_others_do_not(
    client: Client, frozen: None
) -> None:
    took = posts(client, 5)
    assert took[0] < patience(3) and sum(took[1:]) < patience(4), took
    assert Run.objects.filter(phase="queued").count() == 5


def test_ringing_in_vain_takes_half_a_second_at_most(frozen: None) -> None:
    begun = time.monotonic()
    tasks._BELL.ring(tasks.carry, str(uuid.uuid4()))
    assert time.monotonic() - begun < patience(1)


def test_a_broker_that_has_thawed_is_rung_again(client: Client, broker: psutil.Process) -> None:
    broker.send_signal(signal.SIGSTOP)
    try:
        posts(client, 1)
    finally:
        broker.send_signal(signal.SIGCONT)
    forget()
    begun = waiting()
    client.post("/api/v1/environments", {"name": "after"}, content_type="application/json")
    assert waiting() == begun + 1


def waiting() -> int:
    import redis

    return int(redis.Redis.from_url(os.environ["REDIS_URL"]).llen(tasks.QUEUE))  # type: ignore[arg-type]


def test_nothing_is_rung_for_what_is_rolled_back(client: Client) -> None:
    from django.db import transaction

    owner = builders.owner_of(builders.organization())
    before = waiting()
    try:
        with transaction.atomic():
            lifecycle.create(by=owner, name="never")
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    assert waiting() == before


def test_without_control_workers_it_stays_pending_and_with_them_it_proceeds(
    client: Client, server_environment: dict[str, str]
) -> None:
    posted = {"name": "patient", "provisioner": "external"}
    made = client.post("/api/v1/environments", posted, content_type="application/json").json()
    time.sleep(1)
    assert client.get(f"/api/v1/environments/{made['id']}").json()["state"] == "pending"

    with control(server_environment):
        until(lambda: client.get(f"/api/v1/environments/{made['id']}").json()["state"] == "running", 60)
        second = client.post(
            "/api/v1/environments", {**posted, "name": "quick"}, content_type="application/json"
        ).json()
        begun = time.monotonic()
        until(lambda: client.get(f"/api/v1/environments/{second['id']}").json()["state"] == "running", 60)
        assert time.monotonic() - begun < patience(20)


def test_control_workers_find_work_by_looking_while_the_broker_is_away(
    client: Client, server_environment: dict[str, str]
) -> None:
    made = client.post(
        "/api/v1/environments", {"name": "alone", "provisioner": "external"}, content_type="application/json"
    ).json()
    with control({**server_environment, "REDIS_URL": "redis://127.0.0.1:1/0"}):
        until(lambda: client.get(f"/api/v1/environments/{made['id']}").json()["state"] == "running", 60)


class control:
    """A Celery worker as `make up` starts it."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment

    def __enter__(self) -> "control":
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "celery",
                "-A",
                "config.celery",
                "worker",
                "--pool=threads",
                "-c",
                "4",
                "-l",
                "WARNING",
            ],
            cwd=ROOT,
            env={**self.environment, "HOME": self.environment["TOWPATH_HOME"]},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
