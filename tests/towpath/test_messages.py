"""However much is written, it arrives: messages are measured in the bytes that are sent."""

import shlex
import uuid

import pytest

from tests.towpath.conftest import deployment, eventually
from towpath.worker import messages


@pytest.fixture
def app():
    return str(uuid.uuid4())


def python(program: str) -> str:
    return f"python3 -c {shlex.quote(program)}"


def printing(line: str, times: int, then: str = "") -> dict:
    run = python(f"import sys; sys.stdout.buffer.write({line.encode()!r} * {times})")
    return {"n": 1, "name": "print", "run": run + then, "timeout": 60}


@pytest.mark.parametrize("letter", ["a", "\u044f", "\U0001f600", "\x01"])
def test_what_fits_is_measured_as_it_is_sent(letter):
    lines = [{"text": letter * 16_000} for _ in range(100)]
    taken = messages.fitting(lines, most=400)
    assert 0 < len(taken) < 100
    assert len(messages.encoded({"lines": taken})) < messages.MOST + 100


def test_long_lines_in_any_letters_reach_the_runs_log(site, control_plane, app):
    step = printing("\u044f" * 9000 + "\n", 40)

    run = control_plane.submit(deployment(app, "1.0", steps=[step], services=[]))

    assert control_plane.wait(run)["phase"] == "succeeded"
    lines = control_plane.lines(run, notes=False)
    assert [len(line) for line in lines] == [9000] * 40


def test_a_step_that_fails_after_long_lines_has_failed_once(site, control_plane, app):
    step = printing("\U0001f600" * 15_000 + "\n", 25, then="; exit 3")

    record = control_plane.wait(control_plane.submit(deployment(app, "1.0", steps=[step], services=[])))

    assert (record["phase"], record["attempt"]) == ("failed", 1)
    assert all(len(line) <= messages.LONGEST for line in record["conclusion"]["last_lines"])


def test_a_service_that_writes_without_end_silences_no_other(site, control_plane, app):
    loud = "import time\nwhile True: print(('x' * 6000 + chr(10)) * 300, flush=True); time.sleep(0.5)"
    runs = {"loud": python(loud), "quiet": "while true; do echo here; sleep 0.5; done"}
    plain = {"port": False, "stop_timeout": 1, "health": None}
    services = [{"name": name, "run": run, **plain} for name, run in runs.items()]
    submitted = deployment(app, "1.0", steps=[], services=services)
    control_plane.wait(control_plane.submit(submitted))

    def told(name: str) -> int:
        return len(control_plane.service_lines.get((app, submitted["deployment"]["id"], name), {}))

    eventually(lambda: told("quiet") >= 4 and told("loud") >= 300, 30)
