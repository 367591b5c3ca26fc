"""What the installation says of its own health is true also where a part of it is dead, frozen or late."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from django.db import connection
from django.test import Client

from config import health
from config.env import ROOT
from config.up import ports, valkey
from environments import heartbeats, lifecycle
from environments.management.commands import scheduler
from environments.models import Heartbeat, Run
from tests import builders
from tests.doors.web import Web, web
from tests.environments.site import all_look, until
from tests.tying import tied
from towpath import __version__


def detailed(server: Web) -> tuple[int, dict[str, Any], float]:
    begun = time.monotonic()
    answer = httpx.get(f"{server.url}/api/health/detailed", timeout=20)
    return answer.status_code, answer.json(), time.monotonic() - begun


def statuses(told: dict[str, Any]) -> dict[str, str]:
    return {name: part["status"] for name, part in told["parts"].items()}


def put_back(seconds: int, name: str = "scheduler") -> None:
    """As if the scheduler had finished its last round so long ago."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE environments_heartbeat SET at = at - %s * interval '1 second' WHERE name = %s", [seconds, name]
        )


@contextmanager
def process(words: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    running = subprocess.Popen(tied(words), cwd=ROOT, env=environment)
    try:
        yield running
    finally:
        running.send_signal(signal.SIGCONT)
        running.kill()
        running.wait(10)


ALL_WELL = dict.fromkeys(("database", "broker", "scheduler", "control_workers", "disk"), "ok")


def test_where_all_is_well_each_part_is_told_with_what_was_measured(server: Web) -> None:
    all_look()

    status, told, _ = detailed(server)

    assert (status, told["status"], statuses(told)) == (200, "ok", ALL_WELL)
    assert told["version"] == __version__
    parts = told["parts"]
    assert 0 < parts["database"]["milliseconds"] < 2000 and 0 < parts["broker"]["milliseconds"] < 2000
    assert parts["scheduler"]["seconds_since_last_round"] < 30
    assert parts["control_workers"]["oldest_waiting_seconds"] == 0
    assert parts["control_workers"]["seconds_since_last_look"] < 30
    assert 0 < parts["disk"]["free_ratio"] < 1


def test_a_frozen_broker_is_away_and_all_else_is_told_in_time(
    server_environment: dict[str, str], tmp_path: Path
) -> None:
    broker = valkey.broker(tmp_path, port=ports.anywhere())
    valkey.initialize(broker)
    all_look()
    with (
        process(valkey.command(broker, durable=False), server_environment) as frozen,
        web({**server_environment, "REDIS_URL": broker.url}) as server,
    ):
        valkey.wait(broker.url)
        before, _, _ = detailed(server)
        frozen.send_signal(signal.SIGSTOP)
        status, told, took = detailed(server)
        frozen.send_signal(signal.SIGCONT)
        after, _, _ = detailed(server)

    assert (before, status, after) == (200, 503, 200)
    assert statuses(told) == {**ALL_WELL, "broker": "away"} and took < 4


def test_a_scheduler_that_is_stopped_is_late_and_one_that_goes_on_is_not(
    server: Web, server_environment: dict[str, str]
) -> None:
    never, told, _ = detailed(server)
    assert (never, told["parts"]["scheduler"]) == (503, {"status": "never", "seconds_since_last_round": None})

    heartbeats.beat(Heartbeat.Name.CONTROL)
    with process([sys.executable, "manage.py", "scheduler"], server_environment) as running:
        until(Heartbeat.objects.filter(name="scheduler").exists, 60)
        put_back(60)
        until(lambda: detailed(server)[0] == 200, 20, "it lives, so its next round is told")
        running.send_signal(signal.SIGSTOP)
        put_back(60)
        time.sleep(scheduler.EVERY + 1)
        status, told, _ = detailed(server)
        running.send_signal(signal.SIGCONT)
        until(lambda: detailed(server)[0] == 200, 20)

    assert (status, statuses(told)) == (503, {**ALL_WELL, "scheduler": "late"})
    assert told["parts"]["scheduler"]["seconds_since_last_round"] > 60


def test_a_control_worker_that_is_stopped_is_late_although_nothing_waits_and_one_that_goes_on_is_not(
    server: Web, server_environment: dict[str, str]
) -> None:
    scheduler.work()
    never, told, _ = detailed(server)
    assert (never, told["parts"]["control_workers"]["status"]) == (503, "never")

    celery = [sys.executable, "-m", "celery", "-A", "config.celery", "worker", "--pool=threads", "-c", "2"]
    with process(celery, server_environment) as running:
        until(Heartbeat.objects.filter(name="control").exists, 30)
        put_back(60, "control")
        until(lambda: detailed(server)[0] == 200, 20, "it lives, so it looks again")
        running.send_signal(signal.SIGSTOP)
        put_back(60, "control")
        scheduler.work()
        status, told, _ = detailed(server)

    assert (status, statuses(told)) == (503, {**ALL_WELL, "control_workers": "late"})
    assert told["parts"]["control_workers"]["seconds_since_last_look"] > 60


def test_a_dead_database_is_away_and_what_only_it_knows_is_unknown(server_environment: dict[str, str]) -> None:
    parts = urlsplit(server_environment["DATABASE_URL"])
    dead = f"postgresql://app:hush-hush-hush@127.0.0.1:1{parts.path}"
    with web({**server_environment, "DATABASE_URL": dead}) as server:
        status, told, took = detailed(server)
        text = httpx.get(f"{server.url}/api/health/detailed", timeout=20).text

    unknown = {"database": "away", "scheduler": "unknown", "control_workers": "unknown"}
    assert (status, statuses(told)) == (503, {**ALL_WELL, **unknown}) and took < 4
    assert "hush" not in text and "127.0.0.1" not in text


def test_a_run_that_no_control_worker_takes_is_told_by_its_age(client: Client, transactional_db: None) -> None:
    all_look()
    owner = builders.owner_of(builders.organization())
    lifecycle.create(by=owner, name="waits", provisioner="external")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE environments_run SET created_at = now() - interval '90 seconds'")

    late = client.get("/api/health/detailed")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE environments_run SET not_before = now() - interval '5 seconds'")
    sent_back = client.get("/api/health/detailed")

    assert late.status_code == 503
    assert late.json()["parts"]["control_workers"]["status"] == "late"
    assert 89 < late.json()["parts"]["control_workers"]["oldest_waiting_seconds"] < 120
    # One that a lost attempt gave back waits since then.
    assert sent_back.json()["parts"]["control_workers"]["status"] == "ok"
    assert Run.objects.count() == 1


def test_a_disk_that_is_full_is_told(client: Client, transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    all_look()
    usage = type(health.shutil.disk_usage("/"))
    monkeypatch.setattr(health.shutil, "disk_usage", lambda path: usage(1000, 960, 40))

    answer = client.get("/api/health/detailed")

    assert answer.status_code == 503
    assert statuses(answer.json()) == {**ALL_WELL, "disk": "full"}
    assert answer.json()["parts"]["disk"]["free_ratio"] == 0.04
