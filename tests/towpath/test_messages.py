"""However much is written, it arrives: messages are measured in the bytes that are sent."""

import shlex
import uuid

import pytest

import tests.towpath.control_plane
from tests.towpath.conftest import Site, deployment, eventually
from towpath.worker import messages
from towpath.worker.control_plane import ControlPlane
from towpath.worker.host import recognise
from towpath.worker.run_log import RunLog
from towpath.worker.session import Session


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


def test_long_lines_in_any_letters_and_all_that_follow_reach_the_runs_log(site, control_plane, app):
    step = printing("\u044f" * 9000 + "\n", 40, then=f"; {python('print(chr(10).join(map(str, range(60000))))')}")

    run = control_plane.submit(deployment(app, "1.0", steps=[step], services=[]))

    assert control_plane.wait(run)["phase"] == "succeeded"
    lines = control_plane.lines(run, notes=False)
    assert [len(line) for line in lines[:40]] == [9000] * 40
    assert lines[40:] == [str(n) for n in range(60_000)]


@pytest.fixture
def session(tmp_path, control_plane):
    site = Site(tmp_path / "e", control_plane)
    host = recognise(site.layout)
    session = Session(ControlPlane(control_plane.url), site.layout, host, "development", "")
    session.register(0)
    return session


def claimed(control_plane, session, app) -> RunLog:
    run = control_plane.submit(deployment(app, "1.0", steps=[], services=[]))
    session.call("/workers/me/claims", {"claim_key": "x", "wait": 1})
    return RunLog(run, 1)


def test_lines_that_are_refused_leave_a_mark_and_do_not_hold_up_the_rest(control_plane, session, app, monkeypatch):
    log = claimed(control_plane, session, app)
    for n in range(10):
        log.add(step=1, stream="out", text=f"{n}" * 1000)
    monkeypatch.setattr(tests.towpath.control_plane, "LARGEST", 2000)
    log.send_all(session)
    log.add(step=1, stream="out", text="after")
    log.send_all(session)

    missing, after = control_plane.lines(log.run)
    assert "10 lines are missing here" in missing
    assert after == "after"


def test_a_log_that_nobody_wants_is_neither_kept_nor_ever_full(control_plane, session, app):
    log = RunLog(control_plane.submit(deployment(app, "1.0")), 1)
    for n in range(25_000):
        log.add(step=1, stream="out", text=str(n))
    assert log.is_full

    log.send_all(session)
    log.add(step=1, stream="out", text="more")

    assert not log.is_full
    assert not log.send(session)


def test_a_note_of_any_length_holds_up_no_log(control_plane, session, app):
    log = claimed(control_plane, session, app)
    log.add(step=1, stream="note", text="\x01" * 1_000_000)
    log.add(step=1, stream="note", text="after")

    log.send_all(session)

    assert control_plane.lines(log.run)[1:] == ["after"]


def test_few_lines_fill_a_log_when_they_are_long(app):
    log = RunLog(app, 1)
    for _ in range(2000):
        log.add(step=1, stream="out", text="x" * 16_000)
    assert log.is_full


def test_a_step_that_fails_after_long_lines_has_failed_once(site, control_plane, app):
    step = printing("\U0001f600" * 15_000 + "\n", 25, then="; exit 3")

    record = control_plane.wait(control_plane.submit(deployment(app, "1.0", steps=[step], services=[])))

    assert (record["phase"], record["attempt"]) == ("failed", 1)
    assert all(len(line) <= messages.LONGEST for line in record["conclusion"]["last_lines"])


def test_a_run_whose_last_words_are_refused_ends_without_them(site, control_plane, app, monkeypatch):
    monkeypatch.setattr(tests.towpath.control_plane, "LARGEST", 6000)
    step = printing("x" * 1000 + "\n", 20, then="; exit 3")

    record = control_plane.wait(control_plane.submit(deployment(app, "1.0", steps=[step], services=[])))

    assert (record["phase"], record["attempt"]) == ("failed", 1)
    assert record["conclusion"]["last_lines"] == []
    assert "The body is too large" in record["conclusion"]["reason"]


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
