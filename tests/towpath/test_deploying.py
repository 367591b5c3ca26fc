"""Deployments by a real worker with real processes."""

import os
import shlex
import signal
import socket
import sys
import threading
import time
import uuid
from types import SimpleNamespace

import psutil
import pytest

from tests.towpath.conftest import a_control_plane, a_site, deployment, eventually, web
from towpath.worker import restarting
from towpath.worker.attempts import Failed


@pytest.fixture(scope="module")
def control_plane():
    with a_control_plane() as control_plane:
        yield control_plane


@pytest.fixture(scope="module")
def site(tmp_path_factory, control_plane):
    """One for all tests here: each has an app of its own, and none hurts the worker."""
    with a_site(tmp_path_factory.mktemp("site"), control_plane) as site:
        yield site


@pytest.fixture
def app():
    return str(uuid.uuid4())


def test_a_release_is_deployed_and_answers(site, control_plane, app):
    run = control_plane.submit(deployment(app, "1.0"))

    record = control_plane.wait(run)

    assert record["phase"] == "succeeded", (record, site.said())
    assert site.get(app) == "1.0"
    assert [step["name"] for _, step in sorted(record["steps"].items())] == [
        "Fetch", "write", "Start", "Health check", "Switch", "Drain",
    ]  # fmt: skip
    assert "written" in control_plane.lines(run)
    assert {step["phase"] for step in record["steps"].values()} == {"succeeded"}
    # What is a program has an exit code, and of what takes no time only the end is told.
    assert [step["exit_code"] for _, step in sorted(record["steps"].items())] == [None, 0, None, None, None, None]
    begun = [step["name"] for step in record["history"] if step["phase"] == "running"]
    assert begun == ["write", "Start", "Health check", "Switch"]


def test_what_is_said_of_a_run_belongs_to_the_trace_of_whoever_asked_for_it(site, control_plane, app):
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    run = control_plane.submit(deployment(app, "1.0") | {"traceparent": trace})
    control_plane.wait(run)

    own = [traced for path, traced in control_plane.traced if run in path]
    assert own and set(own) == {trace}
    assert {traced for path, traced in control_plane.traced if "/runs/" not in path} == {None}


def test_a_failed_step_leaves_what_ran_before_untouched(site, control_plane, app):
    control_plane.wait(control_plane.submit(deployment(app, "1.0")))
    steps = [{"n": 1, "name": "install", "run": "echo looking; echo no such version >&2; exit 3", "timeout": 60}]

    record = control_plane.wait(control_plane.submit(deployment(app, "2.0", steps=steps)))

    assert record["phase"] == "failed"
    assert record["conclusion"]["reason"] == "install ended with exit code 3"
    assert record["conclusion"]["last_lines"][-1] == "no such version"
    assert (record["steps"][2]["phase"], record["steps"][2]["exit_code"]) == ("failed", 3)
    assert site.get(app) == "1.0"
    assert len(directories(site, app)) == 1


def test_of_a_step_that_writes_without_end_no_more_is_sent_than_is_kept(site, control_plane, app, monkeypatch):
    monkeypatch.setattr(control_plane, "most_lines", 1000)
    steps = [{"n": 1, "name": "talk", "run": "yes | head -n 300000; echo done; exit 4", "timeout": 60}]

    record = control_plane.wait(control_plane.submit(deployment(app, "1.0", steps=steps)))

    assert 1000 <= len(record["lines"]) < 3000
    assert record["chunks"] < 10
    # Whoever reads why it failed still finds its last words.
    assert record["conclusion"]["last_lines"][-1] == "done"


def test_a_step_that_takes_too_long_is_ended_with_all_it_started(site, control_plane, app, tmp_path):
    mark = f"sleep 98{time.time_ns() % 10**6}"
    steps = [{"n": 1, "name": "hang", "run": f"{mark} & {mark}", "timeout": 1}]

    record = control_plane.wait(control_plane.submit(deployment(app, "1.0", steps=steps)))

    assert record["phase"] == "failed"
    assert record["conclusion"]["reason"] == "hang took longer than 1 s"
    assert not running(mark)


def test_an_unhealthy_release_never_gets_the_traffic(site, control_plane, app):
    control_plane.wait(control_plane.submit(deployment(app, "1.0")))
    services = [web(health={"type": "http", "path": "/broken", "within": 2})]

    record = control_plane.wait(control_plane.submit(deployment(app, "2.0", services=services)))

    assert record["phase"] == "failed"
    assert "web was not healthy within 2 s: GET /broken answered 500" in record["conclusion"]["reason"]
    assert "serving 2.0" in record["conclusion"]["last_lines"]
    assert site.get(app) == "1.0"
    assert len(site.routes.instances(app)) == 1


def test_a_release_that_ends_at_once_fails_with_its_last_words(site, control_plane, app):
    services = [web(run="echo cannot find the database >&2; exit 4")]

    record = control_plane.wait(control_plane.submit(deployment(app, "1.0", services=services)))

    assert record["phase"] == "failed"
    assert record["conclusion"]["reason"] == "web ended 3 times: exit code 4"
    assert record["conclusion"]["last_lines"][-1] == "cannot find the database"
    assert site.address(app) is None


def test_a_promotion_under_load_loses_no_request(site, control_plane, app):
    control_plane.wait(control_plane.submit(deployment(app, "1.0")))
    seen: set[str] = set()
    failures: list[str] = []
    stop = threading.Event()

    def load() -> None:
        while not stop.is_set():
            try:
                seen.add(site.get(app))
            except Exception as error:
                failures.append(repr(error))
            time.sleep(0.002)

    thread = threading.Thread(target=load)
    thread.start()
    try:
        for version in ("2.0", "3.0"):
            assert control_plane.wait(control_plane.submit(deployment(app, version)))["phase"] == "succeeded"
        time.sleep(0.3)
    finally:
        stop.set()
        thread.join()

    assert failures == []
    assert seen == {"1.0", "2.0", "3.0"}
    eventually(lambda: len(site.routes.instances(app)) == 1, 20)


def test_a_rollback_returns_to_the_kept_directory_without_its_steps(site, control_plane, app):
    first = deployment(app, "1.0")
    control_plane.wait(control_plane.submit(first))
    second = deployment(app, "2.0", keep=[first["deployment"]["id"]])
    second["keep"].append(second["deployment"]["id"])
    control_plane.wait(control_plane.submit(second))
    back = deployment(app, "1.0", reuse=first["deployment"]["id"], keep=second["keep"])

    record = control_plane.wait(control_plane.submit(back))

    assert record["phase"] == "succeeded"
    assert site.get(app) == "1.0"
    assert record["steps"][1]["name"] == "Reuse"
    assert record["steps"][2]["phase"] == "skipped"


def test_only_the_directories_to_keep_stay(site, control_plane, app):
    ids = []
    for version in ("1", "2", "3"):
        submitted = deployment(app, version)
        ids.append(submitted["deployment"]["id"])
        submitted["keep"] = ids[-2:]
        control_plane.wait(control_plane.submit(submitted))

    eventually(lambda: {name.rpartition("-")[0] for name in directories(site, app)} == set(ids[-2:]), 60)


def test_a_removal_stops_the_services_and_takes_everything_away(site, control_plane, app):
    control_plane.wait(control_plane.submit(deployment(app, "1.0")))
    port = int(site.address(app))

    record = control_plane.wait(control_plane.submit(deployment(app, "", action="remove")))

    assert record["phase"] == "succeeded", record
    assert site.address(app) is None
    assert directories(site, app) == []
    assert not [c for c in psutil.net_connections("tcp") if c.status == "LISTEN" and c.laddr.port == port]


class Undying:
    """A supervisor whose one program does not end, whatever it is sent: no program of a test can be made so."""

    def __init__(self) -> None:
        self.kills = 0

    def stop(self, program: str) -> None:
        pass

    def kill(self, program: str) -> None:
        self.kills += 1

    def state(self, program: str) -> dict[str, str]:
        return {"state": "stopping"}


def test_a_restart_does_not_wait_for_ever_for_what_cannot_be_killed(monkeypatch):
    monkeypatch.setattr(restarting, "KILL_AFTER", 0.1)
    monkeypatch.setattr(restarting, "GIVE_UP_AFTER", 0.5)
    supervisor, attempt = Undying(), SimpleNamespace(wait=time.sleep, specification=SimpleNamespace(services=[]))
    current = SimpleNamespace(program=str, services={"web": {"stop_timeout": 0.2}})

    with pytest.raises(Failed, match="web did not end, though it was killed"):
        restarting.again(supervisor, attempt, current, "web")

    assert supervisor.kills


def test_a_service_is_restarted_on_its_port(site, control_plane, app):
    control_plane.wait(control_plane.submit(deployment(app, "1.0")))
    address = site.address(app)
    restart = {**deployment(app, "1.0"), "action": "restart", "deployment": None, "service": "web"}

    record = control_plane.wait(control_plane.submit(restart))

    assert record["phase"] == "succeeded", record
    assert (site.get(app), site.address(app)) == ("1.0", address)
    eventually(lambda: service_lines(control_plane, app).count("serving 1.0") == 2)


def test_a_cancelled_run_ends_its_step_at_once(site, control_plane, app):
    mark = f"sleep 97{time.time_ns() % 10**6}"
    run = control_plane.submit(deployment(app, "1.0", steps=[{"n": 1, "name": "wait", "run": mark, "timeout": 60}]))
    control_plane.wait_step(run, "wait", "running")
    eventually(lambda: running(mark))

    control_plane.runs[run]["cancel"] = True

    assert control_plane.wait(run)["phase"] == "cancelled"
    assert not running(mark)


def test_only_a_step_that_must_not_be_repeated_waits_until_its_beginning_was_heard(site, control_plane, app):
    marks = {once: f"sleep 96{once:d}{time.time_ns() % 10**6}" for once in (False, True)}
    control_plane.hold = "wait"
    runs = []
    for once, mark in marks.items():
        steps = [{"n": 1, "name": "wait", "run": mark, "timeout": 60, "once": once}]
        runs.append(control_plane.submit(deployment(str(uuid.uuid4()), "1.0", steps=steps, services=[])))

    control_plane.until(lambda: control_plane.held == 2)
    eventually(lambda: running(marks[False]))
    assert not running(marks[True])

    control_plane.hold = ""
    eventually(lambda: running(marks[True]))
    for run in runs:
        control_plane.runs[run]["cancel"] = True
    for run in runs:
        assert control_plane.wait(run)["phase"] == "cancelled"


def test_two_apps_are_deployed_side_by_side(site, control_plane):
    slow = [{"n": 1, "name": "wait", "run": "sleep 60", "timeout": 90}]
    waiting = control_plane.submit(deployment(str(uuid.uuid4()), "1.0", steps=slow, services=[]))
    control_plane.wait(waiting, "running")

    assert control_plane.wait(control_plane.submit(deployment(str(uuid.uuid4()), "1.0")))["phase"] == "succeeded"
    assert control_plane.runs[waiting]["phase"] == "running"
    control_plane.runs[waiting]["cancel"] = True
    assert control_plane.wait(waiting)["phase"] == "cancelled"


def test_a_step_knows_its_release_and_nothing_of_the_worker(site, control_plane, app):
    steps = [{"n": 1, "name": "env", "run": "env", "timeout": 60, "env": {"COLOR": 'blue; "red" 100%\nsecond'}}]

    run = control_plane.submit(deployment(app, "1.0", steps=steps, services=[]))
    control_plane.wait(run)

    lines = control_plane.lines(run)
    names = {line.partition("=")[0] for line in lines if "=" in line}
    assert "TOWPATH_VERSION=1.0" in lines
    assert 'COLOR=blue; "red" 100%' in lines and "second" in lines
    assert names <= {
        "COLOR", "HOME", "LANG", "PATH", "PWD", "OLDPWD", "SHLVL", "_", "TMPDIR",
        "TOWPATH_VERSION", "TOWPATH_RUN", "TOWPATH_ATTEMPT",
    }  # fmt: skip


def test_what_a_service_started_ends_with_it(site, control_plane, app):
    mark = f"sleep 96{time.time_ns() % 10**6}"
    services = [web(run=f"setsid {mark} & exec {shlex.quote(sys.executable)} app.py")]
    control_plane.wait(control_plane.submit(deployment(app, "1.0", services=services)))
    assert running(mark)

    control_plane.wait(control_plane.submit(deployment(app, "", action="remove")))

    assert not running(mark)


def test_a_command_can_say_that_a_service_is_well(site, control_plane, app):
    health = {"type": "command", "run": "test -f ready", "within": 50}
    services = [
        {"name": "jobs", "run": "sleep 1; touch ready; sleep 600", "port": False, "stop_timeout": 1, "health": health}
    ]

    record = control_plane.wait(control_plane.submit(deployment(app, "1.0", steps=[], services=services)))

    assert record["phase"] == "succeeded", record


def test_an_answer_that_got_lost_changes_nothing(site, control_plane, app):
    control_plane.break_after = {"/reports": 2, "/seal": 1, "/conclusion": 1, "/log-chunks": 1, "/claims": 1}

    run = control_plane.submit(deployment(app, "1.0"))

    assert control_plane.wait(run)["phase"] == "succeeded"
    assert control_plane.lines(run).count("written") == 1
    eventually(lambda: site.get(app) == "1.0")


def directories(site, app: str) -> list[str]:
    """Release directories of this app that are on disk."""
    there = {path.name for path in site.layout.project("SHOP").releases.iterdir()}
    return sorted(there & {path.stem for path in (site.layout.routes / app).glob("releases/*.json")})


def running(mark: str) -> bool:
    """Whether a process with exactly these arguments runs."""
    words = mark.split()
    return any(process.info["cmdline"] == words for process in psutil.process_iter(["cmdline"]))


def service_lines(control_plane, app: str) -> list[str]:
    kept = [kept for (of, _, _), kept in control_plane.service_lines.items() if of == app]
    return [line for lines in kept for _, line in sorted(lines.items())]


def test_a_service_whose_port_was_taken_at_the_last_moment_comes_up_on_another(site, control_plane, app):
    services = [web(run=f"while [ ! -f go ]; do sleep 0.1; done; exec {shlex.quote(sys.executable)} app.py")]
    run = control_plane.submit(deployment(app, "1.0", services=services))
    instance = eventually(lambda: site.routes.instances(app))[0]
    port = instance.services["web"]["port"]

    with socket.create_server(("127.0.0.1", port)):
        eventually((site.layout.project("SHOP").releases / instance.release / "work").is_dir)
        (site.layout.project("SHOP").releases / instance.release / "work" / "go").touch()
        assert control_plane.wait(run)["phase"] == "succeeded"

        assert site.get(app) == "1.0"
        assert site.address(app) != str(port)
    assert "has taken port" in "\n".join(control_plane.lines(run))


def test_a_service_that_lost_its_port_while_it_was_down_comes_back_on_another(site, control_plane, app):
    slowly = web(run=f"sleep 3; exec {shlex.quote(sys.executable)} app.py")  # time for somebody else to be first
    control_plane.wait(control_plane.submit(deployment(app, "1.0", services=[slowly])))
    port = int(site.address(app))

    taken = socket.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    pid = eventually(lambda: next(c.pid for c in psutil.net_connections("tcp") if c.laddr and c.laddr.port == port))
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: takes(taken, port))
    with taken:
        eventually(lambda: site.get(app) == "1.0" and site.address(app) != str(port), 90)


def takes(taken: socket.socket, port: int) -> bool:
    taken.bind(("127.0.0.1", port))
    taken.listen()
    return True
