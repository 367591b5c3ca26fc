"""What a service's supervisor, exits and answers say about it, in one word."""

import os
import signal
import time
import uuid
from types import SimpleNamespace

import pytest

from tests.patience import patience
from tests.towpath.conftest import deployment, eventually, web
from tests.towpath.test_reconciling import states
from towpath.worker import messages, supervisors
from towpath.worker.host import recognise
from towpath.worker.judging import Watched, judge
from towpath.worker.storage import read
from towpath.worker.watching import Watcher, shortened
from towpath.worker.worksite import Worksite


@pytest.fixture
def app():
    return str(uuid.uuid4())


def look(state: int = 20, exits=()) -> dict:
    return {"state": state, "exits": [(1000.0 - ago, 1) for ago in exits], "exit_count": len(exits)}


def word(watched: Watched, seen, clock: float = 1000.0) -> str:
    return judge(watched, seen, 60, wall=1000.0, clock=clock)


@pytest.mark.parametrize(
    ("line", "weight"),
    [
        ('{"bytes": 4096}', 4096),
        ('{"bytes": -1}', 0),
        *[(line, None) for line in ('{"bytes": 1e30}', '{"bytes": 1e999}', '{"bytes": "a"}', "[" * 100_000, "")],
    ],
    ids=lambda said: str(said)[:20],
)
def test_a_weight_that_a_project_could_have_written_is_believed_only_as_a_number(line, weight):
    if weight is None:
        with pytest.raises((ValueError, OverflowError, RecursionError)):
            read(line)
    else:
        assert read(line) == weight


def test_three_exits_in_five_minutes_are_a_crash_loop():
    well = Watched(first_seen=0, trouble=None, well_at=999)

    assert word(well, look(exits=(299, 100, 10))) == "crash-looping"
    assert word(well, look(exits=(301, 100, 10))) == "running"


def test_a_service_is_unhealthy_after_a_minute_without_a_good_answer():
    assert word(Watched(first_seen=0, trouble="refused", well_at=950), look()) == "running"
    assert word(Watched(first_seen=0, trouble="refused", well_at=939), look()) == "unhealthy"


def test_a_service_is_starting_for_as_long_as_it_was_given():
    assert word(Watched(first_seen=950, trouble="refused"), look()) == "starting"
    assert word(Watched(first_seen=930, trouble="refused"), look()) == "unhealthy"


def test_what_does_not_run_is_stopped_or_waits_for_its_next_start():
    assert word(Watched(), None) == "stopped"
    assert word(Watched(), look(state=0)) == "stopped"
    assert word(Watched(), look(state=30)) == "backoff"


def test_what_is_reckoned_from_the_largest_numbers_is_still_one_that_a_message_carries():
    watched, most = Watched(), supervisors.MOST
    for said in (0, most - 1, 0, most - 1):
        watched.use({"pid": 7, "cpu_seconds": said})
        assert 0 <= watched.cpu < most
        assert 0 <= watched.exits({"exit_count": int(said)}) < most


def test_two_projects_that_name_a_program_alike_are_watched_apart(site, control_plane, app):
    control_plane.wait(control_plane.submit(deployment(app, "1.0")))
    current = site.routes.current(app)
    worksite = Worksite.at(site.layout, recognise(site.layout))
    watcher = Watcher(SimpleNamespace(worksite=worksite), SimpleNamespace(missing=[]))
    watcher.watched["OTHER", current.program("web")] = foreign = Watched(state="crash-looping")

    mine = watcher._service(None, current, "web", None)

    assert (mine["state"], foreign.state) == ("stopped", "crash-looping")


def test_a_crash_looping_service_is_told_with_its_last_exit_and_line(site, control_plane, app):
    fall = "while [ ! -f fall ]; do sleep 0.2; done; echo going down >&2; kill -9 $$"
    services = [web(run=f"echo attempt; ({fall}) & exec python3 app.py")]
    control_plane.wait(control_plane.submit(deployment(app, "1.0", services=services)))

    (site.layout.project("SHOP").releases / site.routes.current(app).release / "work" / "fall").touch()

    eventually(lambda: states(control_plane, app) == ["crash-looping"], 60)

    service = control_plane.observed(app)["services"][0]
    assert service["restarts"] >= 3
    assert service["exit"] == "killed by SIGKILL"
    assert service["line"] in ("going down", "Killed", "attempt", "serving 1.0", "asked /")


def test_a_project_whose_supervisor_is_frozen_blinds_nobody_else(site, control_plane, app):
    shop = site.supervisor
    other = site.start_supervisor("OTHER")
    site.supervisor = shop
    control_plane.wait(control_plane.submit(deployment(app, "1.0")))
    os.kill(other.pid, signal.SIGSTOP)
    try:
        time.sleep(8)  # until it has been waited for once
        control_plane.observations.clear()
        begun = time.monotonic()
        for n in range(2):
            eventually(lambda n=n: len(control_plane.observations) > n, 20)
        assert time.monotonic() - begun < patience(17)
        assert states(control_plane, app) == ["running"]
    finally:
        os.kill(other.pid, signal.SIGCONT)


def test_silence_of_a_supervisor_costs_its_services_no_address_and_their_state_only_after_a_while(
    site, control_plane, app
):
    control_plane.wait(control_plane.submit(deployment(app, "1.0")))
    eventually(lambda: states(control_plane, app) == ["running"])
    os.kill(site.supervisor.pid, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        while states(control_plane, app) == ["running"] and time.monotonic() - begun < 60:
            assert site.get(app) == "1.0"
            time.sleep(0.5)
        assert time.monotonic() - begun > 20
        assert states(control_plane, app) == ["unknown"]
        time.sleep(2)
        assert site.get(app) == "1.0"
    finally:
        os.kill(site.supervisor.pid, signal.SIGCONT)
    eventually(lambda: states(control_plane, app) == ["running"], 25)
    assert site.get(app) == "1.0"


def test_many_services_that_said_much_still_fit_into_one_observation():
    service = {"name": "web", "state": "running", "line": "\U0001f600" * 2000, "trouble": "x" * 20_000}
    slots = [{"app_id": str(n), "services": [dict(service) for _ in range(20)]} for n in range(20)]

    told = shortened({"slots": slots, "missing": []})

    assert len(messages.encoded(told)) <= messages.MOST
    said = told["slots"][19]["services"][19]
    assert said["line"].startswith("\U0001f600") and said["trouble"].startswith("x")
    few = {"slots": [{"services": [dict(service)]}]}
    assert shortened(few)["slots"][0]["services"][0] == service


def test_service_lines_arrive_once_over_a_restart_of_the_worker(site, control_plane, app):
    services = [{"name": "count", "run": "for n in $(seq 1 40); do echo line $n; sleep 0.1; done; sleep 600",
                 "port": False, "stop_timeout": 1, "health": None}]  # fmt: skip
    submitted = deployment(app, "1.0", steps=[], services=services)
    control_plane.wait(control_plane.submit(submitted))
    kept = lambda: control_plane.service_lines.get((app, submitted["deployment"]["id"], "count"), {})  # noqa: E731
    eventually(lambda: len(kept()) >= 5)

    site.kill_worker()
    time.sleep(0.5)
    site.start_worker()

    eventually(lambda: len(kept()) >= 40)
    assert [text for _, text in sorted(kept().items())] == [f"line {n}" for n in range(1, 41)]


def test_an_address_stays_where_its_service_began_to_listen_just_after_the_look(site, control_plane, app):
    control_plane.wait(control_plane.submit(deployment(app, "1.0")))
    current = site.routes.current(app)
    port = current.services["web"]["port"]
    worksite = Worksite.at(site.layout, recognise(site.layout))
    watcher = Watcher(SimpleNamespace(worksite=worksite), SimpleNamespace(missing=[]))
    down = {**worksite.answering("SHOP").look()[current.program("web")], "ports": []}

    watcher._guard_address(current, "web", port, down)
    assert site.get(app) == "1.0", "nobody listened there before the look, so it is the service that does now"
