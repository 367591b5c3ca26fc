"""A worker that joined by command, over a real server: it deploys, is frozen, loses its lease, and goes on rightly."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from environments import lifecycle, worker_tokens
from environments.delivery import removals
from environments.doing import performing, sweeping
from environments.models import Endpoint, Environment, Phase, Run, Slot, State, Worker
from projects.models import Event
from tests.doors.web import Web, web
from tests.environments.yard import Yard, silent, steps_of, yard
from tests.patience import patience

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(170)]

SERVE = "python3 -m http.server $PORT --bind 127.0.0.1"
SLOWLY = "echo begun >> {journal}; sleep 6; echo ended >> {journal}; echo slow > index.html"


def manifest(step: str) -> dict[str, Any]:
    return {
        "steps": [{"name": "make", "run": step}],
        "services": [{"name": "web", "run": SERVE, "health": {"http": "/", "within": "20s"}}],
    }


QUICK = manifest("echo $TOWPATH_VERSION > index.html")


class Joined:
    """A worker process that can be killed and started again in its directory."""

    def __init__(self, here: Yard, server: Web, directory: Path) -> None:
        self.directory = directory
        token = directory / "token"
        token.write_text(worker_tokens.give(here.environment).reveal())
        token.chmod(0o600)
        self.command = [sys.executable, "-m", "towpath", "worker", "start", "--token-file", str(token)]
        self.command += ["--environment", here.environment.name, "--server", server.url]
        self.command += ["--directory", str(directory / "work")]

    def start(self) -> None:
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(self.directory)}
        with open(self.directory / "worker.log", "ab") as log:
            self.process = subprocess.Popen(
                self.command, env=environment, stdout=log, stderr=log, cwd=Path(__file__).parents[2]
            )

    def send_signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)


@contextlib.contextmanager
def joined(here: Yard, server: Web, directory: Path) -> Iterator[Joined]:
    worker = Joined(here, server, directory)
    worker.start()
    try:
        until(lambda: Worker.objects.filter(environment=here.environment, ended_at=None).exists(), 20, "worker")
        yield worker
    finally:
        worker.stop()
        end_left_behind(directory)
        print((directory / "worker.log").read_text())


def end_left_behind(directory: Path) -> None:
    """Services of a joined worker outlive it by design; those of the test do not."""
    for pidfile in directory.glob("work/projects/*/run/supervisord.pid"):
        with contextlib.suppress(OSError, ValueError):
            os.kill(int(pidfile.read_text()), signal.SIGTERM)
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str(directory).encode() in (process / "cmdline").read_bytes():
                os.kill(int(process.name), signal.SIGKILL)


def until(question: Callable[[], Any], seconds: float, what: str) -> Any:
    end = time.monotonic() + patience(seconds)
    while not (answer := question()):
        assert time.monotonic() < end, f"no {what} within {seconds} s"
        time.sleep(0.2)
    return answer


def ended(run: Run, seconds: float = 60) -> Run:
    return until(lambda: Run.objects.filter(pk=run.pk).exclude(phase__in=["queued", "running"]).first(), seconds, "end")


def test_a_joined_worker_deploys_and_is_seen(server_environment: dict[str, str], tmp_path: Path) -> None:
    here = yard()
    with web(server_environment) as server, joined(here, server, tmp_path):
        first = ended(here.deploy("1.0", manifest=QUICK).run)
        assert (first.phase, first.reason) == (Phase.SUCCEEDED, ""), steps_of(first)
        endpoint = Endpoint.objects.get(app=here.app)
        assert httpx.get(endpoint.url, timeout=5).text == "1.0\n"

        second = ended(here.deploy("2.0", manifest=QUICK).run)
        assert second.phase == Phase.SUCCEEDED
        assert httpx.get(endpoint.url, timeout=5).text == "2.0\n"
        slot = until(lambda: seen(here), 20, "observation of what is live")
        assert slot.services[0]["state"] == "running" and slot.condition == "ok"


def test_a_killed_service_is_started_again_and_told_and_a_removed_app_gives_its_address_back(
    server_environment: dict[str, str], tmp_path: Path
) -> None:
    here = yard()
    with web(server_environment) as server, joined(here, server, tmp_path):
        assert ended(here.deploy("1.0", manifest=QUICK).run).phase == Phase.SUCCEEDED
        slot = until(lambda: seen(here), 20, "observation of what is live")
        url = Endpoint.objects.get(app=here.app).url

        os.kill(slot.services[0]["pid"], signal.SIGKILL)

        until(lambda: here.slot.condition == "degraded", 20, "degraded cell")
        assert Event.objects.filter(kind="app.degraded", app_id=here.app.pk).count() == 1
        until(lambda: answers(url), 20, "answer after the restart")

        removal = removals.remove(by=here.owner, app=here.app, environment=here.environment)
        assert ended(removal.run).phase == Phase.SUCCEEDED
        until(lambda: not answers(url), 20, "silent address")
        assert not Endpoint.objects.filter(app=here.app, released_at=None).exists()


def test_a_worker_that_was_killed_proves_itself_and_begins_again_while_the_old_release_serves(
    server_environment: dict[str, str], tmp_path: Path
) -> None:
    here = yard()
    journal = tmp_path / "journal"
    with web(server_environment) as server, joined(here, server, tmp_path) as worker:
        assert ended(here.deploy("1.0", manifest=QUICK).run).phase == Phase.SUCCEEDED
        url = Endpoint.objects.get(app=here.app).url
        run = here.deploy("2.0", manifest=manifest(SLOWLY.format(journal=journal))).run
        until(lambda: journal.exists(), 30, "begun step")
        first = Worker.objects.get(environment=here.environment, ended_at=None)

        worker.send_signal(signal.SIGKILL)
        worker.process.wait(5)
        assert answers(url), "services outlive their worker"
        worker.start()

        until(lambda: Run.objects.filter(pk=run.pk, attempt=2).exists(), 20, "second attempt before the lease ran out")
        run = ended(run, 90)
        assert (run.phase, run.attempt) == (Phase.SUCCEEDED, 2), run.reason
        assert journal.read_text().split().count("ended") == 1
        assert httpx.get(url, timeout=5).text == "slow\n"
        first.refresh_from_db()
        assert first.end_reason == "superseded"


def test_a_stopped_environment_rests_and_brings_its_release_back_at_its_address(
    server_environment: dict[str, str], tmp_path: Path
) -> None:
    here = yard()
    with web(server_environment) as server, joined(here, server, tmp_path):
        assert ended(here.deploy("1.0", manifest=QUICK).run).phase == Phase.SUCCEEDED
        url = Endpoint.objects.get(app=here.app).url
        until(lambda: seen(here), 20, "observation of what is live")

        lifecycle.stop(here.environment, by=here.owner)
        performing.perform_all()
        assert Environment.objects.get(pk=here.environment.pk).state == State.STOPPED
        assert not answers(url)

        lifecycle.start(here.environment, by=here.owner)
        performing.perform_all()
        assert Environment.objects.get(pk=here.environment.pk).state == State.RUNNING
        until(lambda: answers(url), 30, "answer at the old address")
        assert here.slot.condition == "ok"


def test_a_deleted_environment_stops_what_its_joined_worker_serves(
    server_environment: dict[str, str], tmp_path: Path
) -> None:
    here = yard()
    with web(server_environment) as server, joined(here, server, tmp_path) as worker:
        assert ended(here.deploy("1.0", manifest=QUICK).run).phase == Phase.SUCCEEDED
        url = Endpoint.objects.get(app=here.app).url
        assert answers(url)

        lifecycle.delete(here.environment, by=here.owner)
        performing.perform_all()

        until(lambda: worker.process.poll() is not None, 30, "end of the worker")
        assert not answers(url)
        gone = Environment.objects.get(pk=here.environment.pk)
        assert gone.terminated_at is not None, gone.error_message
        assert not Worker.objects.filter(environment=gone, ended_at=None).exists()


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def seen(here: Yard) -> Slot | None:
    slot = here.slot
    services = slot.services
    return slot if slot.observed_id == slot.live_id and services and services[0]["state"] == "running" else None


def test_a_frozen_worker_that_lost_its_lease_does_the_work_once_more_and_never_twice_at_once(
    server_environment: dict[str, str], tmp_path: Path
) -> None:
    here = yard()
    journal = tmp_path / "journal"
    with web(server_environment) as server, joined(here, server, tmp_path) as worker:
        run = here.deploy("1.0", manifest=manifest(SLOWLY.format(journal=journal))).run
        until(lambda: journal.exists(), 30, "begun step")

        worker.send_signal(signal.SIGSTOP)
        silent(run)
        sweeping.sweep()
        assert Run.objects.get(pk=run.pk).phase == Phase.QUEUED
        worker.send_signal(signal.SIGCONT)

        run = ended(run, 90)
        assert (run.phase, run.attempt) == (Phase.SUCCEEDED, 2), run.reason
        words = journal.read_text().split()
        assert words.count("ended") == 1, "the first attempt was killed before the second ended"
        assert httpx.get(Endpoint.objects.get(app=here.app).url, timeout=5).text == "slow\n"
