"""What is killed, frozen or cut off in the middle of a deployment is put right by looking at what really runs."""

import os
import shutil
import signal
import time
import uuid

import psutil
import pytest

from tests.towpath.conftest import a_site, deployment, eventually, web
from tests.towpath.test_deploying import running, service_lines


@pytest.fixture
def app():
    return str(uuid.uuid4())


def listeners(site, app: str) -> list[int]:
    """Ports of the environment's range on which something listens."""
    ports = {service["port"] for instance in site.routes.instances(app) for service in instance.services.values()}
    return sorted(c.laddr.port for c in psutil.net_connections("tcp") if c.status == "LISTEN" and c.laddr.port in ports)


def test_a_worker_killed_in_a_step_begins_again_and_leaves_nothing_running(site, control_plane, app):
    mark = f"sleep 95{time.time_ns() % 10**6}"
    wait_once = f"if [ $TOWPATH_ATTEMPT = 1 ]; then {mark}; fi; echo attempt $TOWPATH_ATTEMPT in $(ls | wc -l) files"
    steps = [{"n": 1, "name": "wait", "run": wait_once, "timeout": 60}, *deployment(app, "1.0")["steps"]]
    run = control_plane.submit(deployment(app, "1.0", steps=steps))
    control_plane.wait_step(run, "wait", "running")
    eventually(lambda: running(mark))

    site.kill_worker()
    site.start_worker()

    assert control_plane.wait(run)["phase"] == "succeeded"
    assert control_plane.runs[run]["attempt"] == 2
    assert "attempt 2 in 0 files" in control_plane.lines(run)
    assert not running(mark)
    assert site.get(app) == "1.0"
    assert len(list(site.layout.project("SHOP").releases.iterdir())) == 1


def test_a_worker_killed_before_the_switch_goes_forward_and_the_old_one_serves_meanwhile(site, control_plane, app):
    control_plane.wait(control_plane.submit(deployment(app, "1.0")))
    control_plane.hold = "/seal"
    run = control_plane.submit(deployment(app, "2.0"))
    eventually(lambda: control_plane.held)

    site.kill_worker()
    assert site.get(app) == "1.0"
    control_plane.hold = ""
    site.start_worker()

    assert control_plane.wait(run)["phase"] == "succeeded"
    assert site.get(app) == "2.0"
    eventually(lambda: len(listeners(site, app)) == 1)


def test_a_worker_killed_after_sealing_switches_to_what_runs_already(site, control_plane, app):
    control_plane.hold = "Switch"
    run = control_plane.submit(deployment(app, "1.0"))
    eventually(lambda: control_plane.held)

    site.kill_worker()
    control_plane.hold = ""
    site.start_worker()

    record = control_plane.wait(run)
    assert record["phase"] == "succeeded"
    assert [step["phase"] for _, step in sorted(record["steps"].items())] == [*["skipped"] * 4, *["succeeded"] * 2]
    assert site.get(app) == "1.0"
    eventually(lambda: "serving 1.0" in service_lines(control_plane, app))
    assert service_lines(control_plane, app).count("serving 1.0") == 1


def test_a_worker_killed_after_the_switch_reports_what_the_link_names(site, control_plane, app):
    control_plane.wait(control_plane.submit(deployment(app, "1.0")))
    control_plane.hold = "/conclusion"
    run = control_plane.submit(deployment(app, "2.0"))
    eventually(lambda: control_plane.held)

    site.kill_worker()
    assert site.get(app) == "2.0"
    control_plane.hold = ""
    site.start_worker()

    assert control_plane.wait(run)["phase"] == "succeeded"
    assert site.get(app) == "2.0"
    eventually(lambda: len(site.routes.instances(app)) == 1)
    assert len(listeners(site, app)) == 1


def test_a_frozen_worker_that_wakes_gives_up_what_it_lost(site, control_plane, app):
    mark = f"sleep 94{time.time_ns() % 10**6}"
    wait_once = f"if [ $TOWPATH_ATTEMPT = 1 ]; then {mark}; fi"
    steps = [{"n": 1, "name": "wait", "run": wait_once, "timeout": 60}]
    run = control_plane.submit(deployment(app, "1.0", steps=steps, services=[]))
    eventually(lambda: running(mark))

    site.worker.send_signal(signal.SIGSTOP)
    control_plane.expire(run)
    site.worker.send_signal(signal.SIGCONT)

    assert control_plane.wait(run)["phase"] == "succeeded"
    assert control_plane.runs[run]["attempt"] == 2
    assert not running(mark)


def test_an_older_attempt_never_takes_the_traffic_back(site, control_plane, app):
    control_plane.wait(control_plane.submit(deployment(app, "1.0", number=5)))
    control_plane.wait(control_plane.submit(deployment(app, "2.0", number=7)))

    # As an attempt would that was frozen for long and believes itself at work.
    late = control_plane.submit(deployment(app, "1.1", number=6))

    assert control_plane.wait(late)["phase"] == "errored"
    assert site.get(app) == "2.0"


def test_services_come_back_once_when_their_supervisor_is_killed(site, control_plane, app):
    control_plane.wait(control_plane.submit(deployment(app, "1.0")))
    address = site.address(app)
    eventually(lambda: len(service_lines(control_plane, app)) >= 1)

    os.kill(int((site.layout.project("SHOP").run / "supervisord.pid").read_text()), signal.SIGKILL)
    site.children[0].wait()
    port = int(address.rpartition(":")[2])
    eventually(lambda: not [c for c in psutil.net_connections("tcp") if c.status == "LISTEN" and c.laddr.port == port])
    site.start_supervisor()

    eventually(lambda: site.address(app) == address and site.get(app) == "1.0")
    assert len(listeners(site, app)) == 1


def test_half_a_file_left_by_a_power_cut_keeps_no_supervisor_from_starting(site, control_plane, app):
    control_plane.wait(control_plane.submit(deployment(app, "1.0")))
    site.kill_worker()
    site.supervisor.kill()
    site.supervisor.wait()
    name = site.routes.current(app).program("web")  # beside it may lie what was being measured when the worker died
    program = site.layout.project("SHOP").specs / name / "program.conf"
    whole = program.read_text()
    program.write_text(whole[:8])
    (program.parent.parent / "empty").mkdir()
    shutil.copytree(program.parent, program.parent.parent / ".unpack")  # whole, and not yet in its place
    (program.parent.parent / ".unpack" / "program.conf").write_text(whole)
    assert site.start_supervisor().wait(20) != 0, "this is what it is about"

    site.start_worker()
    eventually(lambda: not program.exists())
    site.start_supervisor()

    eventually(lambda: site.get(app) == "1.0")
    assert not (program.parent.parent / "empty").exists()
    assert not (program.parent.parent / ".unpack").exists()


def test_a_port_taken_by_somebody_else_gets_no_traffic(site, control_plane, app):
    services = [web(run="if [ -f gone ]; then sleep 600; else touch gone; exec python3 app.py; fi")]
    control_plane.wait(control_plane.submit(deployment(app, "1.0", services=services)))
    port = int(site.address(app))

    victim = next(c.pid for c in psutil.net_connections("tcp") if c.status == "LISTEN" and c.laddr.port == port)
    os.kill(victim, signal.SIGKILL)
    thief = os.fork()
    if thief == 0:
        os.execvp("python3", ["python3", "-m", "http.server", str(port), "--bind", "127.0.0.1"])
    try:
        eventually(lambda: site.address(app) is None)
    finally:
        os.kill(thief, signal.SIGKILL)
        os.waitpid(thief, 0)


def test_work_is_ended_when_nobody_renews(tmp_path, control_plane, app):
    control_plane.lease = 15.0
    with a_site(tmp_path, control_plane):
        leave_unrenewed(control_plane, app)


def leave_unrenewed(control_plane, app: str) -> None:
    mark = f"sleep 93{time.time_ns() % 10**6}"
    run = control_plane.submit(deployment(app, "1.0", steps=[{"n": 1, "name": "w", "run": mark, "timeout": 60}]))
    eventually(lambda: running(mark))
    began = time.monotonic()

    control_plane.down = True

    eventually(lambda: not running(mark), 30)
    assert 7 < time.monotonic() - began < 15, "the next attempt would begin while this one still works"
    control_plane.down = False
    assert run
