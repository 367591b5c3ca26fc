"""Every log line says which request, run and actor it belongs to, readable or as JSON, and none says a secret."""

import contextlib
import contextvars
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from config import logs
from config.env import ROOT
from environments.models import Run
from projects import correlation
from tests import builders
from tests.doors.web import Web
from tests.environments.site import until
from tests.tying import tied

SECRET = "tpa_" + "s3cr3tS3CR3T" * 3


def record(message: str, error: Exception | None = None) -> logging.LogRecord:
    found = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("house", logging.WARNING, __file__, 1, message, None, found)


def test_a_readable_line_ends_with_what_is_known_of_request_run_and_actor() -> None:
    with correlation.work(request="order-4711"):
        correlation.acted_by("user:ada")
        line = logs.Readable().format(record("It is late"))
    bare = logs.Readable().format(record("It is late"))

    assert line.endswith("WARNING house It is late [request=order-4711 actor=user:ada]")
    assert bare.endswith("It is late")


def test_a_json_line_is_one_object_with_the_traceback_in_it() -> None:
    try:
        raise RuntimeError("over\nthere")
    except RuntimeError as error:
        with correlation.work(run="r-1", actor="system"):
            text = logs.Json().format(record("It broke", error))
    line = json.loads(text)

    assert "\n" not in text
    assert line.items() >= {"level": "WARNING", "logger": "house", "message": "It broke", "run": "r-1"}.items()
    assert "RuntimeError: over\nthere" in line["exception"] and "request" not in line


@pytest.mark.parametrize("name", logs.FORMATTERS)
@pytest.mark.parametrize(
    "said",
    [
        SECRET,
        f"redis://:{SECRET[4:]}@broker:6379",
        f"Authorization: Bearer {SECRET[4:]}",
        f"/join/tpi_{SECRET[4:]}",
        f"/password/{'0a' * 16}/cw1xyz-{SECRET[4:]}",
    ],
    ids=["token", "address", "header", "invitation", "password link"],
)
def test_no_secret_that_is_quoted_reaches_a_line(name: str, said: str) -> None:
    try:
        raise RuntimeError(f"refused\n{said}")
    except RuntimeError as error:
        text = logs.FORMATTERS[name]().format(record(f"They sent {said}", error))

    assert SECRET[4:] not in text and "They sent" in text


def test_what_one_thread_learns_of_a_request_is_known_to_the_others() -> None:
    """The pool and the bridge carry a request's context into their threads by copying it."""
    with correlation.work(request="r") as work:
        thread = threading.Thread(target=contextvars.copy_context().run, args=(correlation.acted_by, "user:ada"))
        thread.start()
        thread.join()

    assert work.actor == "user:ada" and correlation.present().actor == ""


def test_another_format_than_those_there_are_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="text, json"):
        logs.formatter("xml")


@contextlib.contextmanager
def written_to(file: Path, words: list[str], environment: dict[str, str], **more: Any) -> Iterator[None]:
    """A process of the control plane, whose every word goes into this file; it is told to end at the end."""
    command = tied([sys.executable, *words])
    with file.open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT, **more)
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def lines_of(file: Path) -> list[dict[str, Any]]:
    """Every line there is; one that is not JSON fails here."""
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_web_control_worker_and_scheduler_write_json_and_nothing_else(
    server_environment: dict[str, str], tmp_path: Path
) -> None:
    owner = builders.owner_of(builders.organization())
    environment = {**server_environment, "TOWPATH_LOG_FORMAT": "json"}
    # A web whose broker is away has something to say in the middle of a request.
    deaf = {**environment, "REDIS_URL": "redis://:hush-hush-hush@127.0.0.1:1/0"}
    control = ["-m", "celery", "-A", "config.celery", "--quiet", "worker", "--pool=threads", "-c", "2"]
    headers = {"authorization": f"Bearer {builders.grant_token(owner)}", "x-request-id": "order-4711-a"}
    server = Web(deaf)
    with (
        written_to(tmp_path / "web", ["-m", "config.up.web"], deaf, stdin=server.listener),
        written_to(tmp_path / "control", control, environment),
        written_to(tmp_path / "scheduler", ["manage.py", "scheduler"], deaf),
    ):
        body = {"name": builders.name("json"), "provisioner": "external"}
        answer = httpx.post(f"{server.url}/api/v1/environments", json=body, headers=headers, timeout=30)
        assert answer.status_code in {201, 202}, answer.text
        run = Run.objects.get()
        stream = {**headers, "x-request-id": "a-stream-of-events"}
        with httpx.stream("GET", f"{server.url}/api/v1/events/stream", headers=stream, timeout=30) as listening:
            assert listening.status_code == 200
        until(lambda: "ended: succeeded" in (tmp_path / "control").read_text(), 30)
        # Before they are told to end: Celery then says so past all logging.
        web, worker, _ = (lines_of(tmp_path / name) for name in ("web", "control", "scheduler"))
    server.listener.close()

    assert any("Started server process" in line["message"] for line in web)
    (asked,) = [line for line in web if line.get("request") == "order-4711-a"]
    assert "broker cannot be reached" in asked["message"] and asked["actor"] == run.created_by
    # Whoever listens for all streams works for none of them, though the first one has woken it.
    heard = [line for line in web if "streams look for themselves" in line["message"]]
    assert heard and not [line for line in heard if "request" in line or "actor" in line]
    told = [line for line in worker if line.get("run") == str(run.pk)]
    assert [line["message"] for line in told] == [f"{run} begins, attempt 1", f"{run} ended: succeeded"]
    assert {line["actor"] for line in told} == {run.created_by}
    assert "hush-hush" not in "".join((tmp_path / name).read_text() for name in ("web", "control", "scheduler"))
