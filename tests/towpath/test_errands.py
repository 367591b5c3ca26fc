"""A workflow's or agent's run on a worker: steps in a fresh directory, live output, and nothing left afterwards."""

import signal
import time
import uuid

from tests.towpath.conftest import eventually
from tests.towpath.test_deploying import running
from towpath.worker.masks import INSTEAD


def errand(*steps: str, **more) -> dict:
    named = [
        {"n": n, "name": f"step {n}", "run": run, "timeout": 60, "env": {}} for n, run in enumerate(steps, start=1)
    ]
    return {
        "action": "errand",
        "kind": "workflow",
        "deployment": None,
        "app": {"id": str(uuid.uuid4()), "name": "Nightly"},
        "project": {"id": "p", "key": "SHOP"},
        "environment": {"id": "e", "name": "development"},
        "release": None,
        "artifact": None,
        "steps": named,
        "services": [],
        "env": {},
        **more,
    }


def directories(site) -> list[str]:
    return [path.name for path in site.layout.project("SHOP").releases.iterdir()]


def test_steps_run_one_after_the_other_in_one_fresh_directory(site, control_plane):
    run = control_plane.submit(
        errand(
            "pwd; ls -A; echo hello $INPUT_WHO > greeting",
            "cat greeting; echo $LEVEL",
            env={"INPUT_WHO": "$(whoami); world", "LEVEL": "9"},
        )
    )

    ended = control_plane.wait(run)

    assert ended["phase"] == "succeeded", ended
    said = control_plane.lines(run)
    assert "hello $(whoami); world" in said and "9" in said
    assert any(line.endswith(f"errand-{run}-1/work") for line in said)
    assert [step["name"] for step in ended["history"] if step["phase"] == "succeeded"] == ["step 1", "step 2"]
    assert directories(site) == []


def test_a_step_that_fails_ends_the_run_with_its_last_lines(site, control_plane):
    run = control_plane.submit(
        errand("echo all is well", "echo $KEY broke; exit 3", "echo never", env={"KEY": "hunter22"}, masks=["hunter22"])
    )

    ended = control_plane.wait(run)

    assert ended["phase"] == "failed"
    assert ended["conclusion"]["reason"] == "step 2 ended with exit code 3"
    assert ended["conclusion"]["last_lines"] == [f"{INSTEAD} broke"]
    assert "never" not in control_plane.lines(run)
    assert directories(site) == []


def test_a_cancelled_run_is_killed_at_once_with_all_it_began(site, control_plane):
    mark = f"sleep 96{time.time_ns() % 10**6}"
    run = control_plane.submit(errand(f"{mark} & {mark}"))
    eventually(lambda: running(mark))

    control_plane.runs[run]["cancel"] = True

    assert control_plane.wait(run)["phase"] == "cancelled"
    eventually(lambda: not running(mark))
    assert directories(site) == []


def test_a_worker_that_is_killed_begins_again_in_another_directory(site, control_plane):
    mark = f"sleep 97{time.time_ns() % 10**6}"
    run = control_plane.submit(
        errand(f"touch seen; if [ $TOWPATH_ATTEMPT = 1 ]; then {mark}; fi; echo attempt $TOWPATH_ATTEMPT: $(ls)")
    )
    eventually(lambda: running(mark))

    site.kill_worker()
    site.start_worker()

    assert control_plane.wait(run)["phase"] == "succeeded"
    assert "attempt 2: seen" in control_plane.lines(run)
    assert not running(mark)
    assert directories(site) == []


def test_what_a_run_left_that_nobody_takes_up_again_goes(site, control_plane):
    mark = f"sleep 98{time.time_ns() % 10**6}"
    run = control_plane.submit(errand(f"touch seen; {mark}"))
    eventually(lambda: running(mark))
    site.kill_worker()
    assert directories(site) == [f"errand-{run}-1"]
    with control_plane.lock:
        control_plane.runs[run]["phase"] = "errored"
        if run in control_plane.queue:
            control_plane.queue.remove(run)

    site.start_worker()

    eventually(lambda: directories(site) == [])
    assert not running(mark)


def test_a_step_that_must_not_be_repeated_is_not(site, control_plane):
    again = errand("echo once")
    again["steps"][0]["begun"] = True
    run = control_plane.submit(again)

    ended = control_plane.wait(run)

    assert ended["phase"] == "errored"
    assert "step 1 has begun in an earlier attempt" in ended["conclusion"]["reason"]
    assert directories(site) == []


def test_a_frozen_workers_run_is_given_up(site, control_plane):
    control_plane.lease = 6.0
    site.worker.send_signal(signal.SIGTERM)
    site.worker.wait()
    site.start_worker()
    mark = f"sleep 99{time.time_ns() % 10**6}"
    control_plane.submit(errand(mark))
    eventually(lambda: running(mark))

    control_plane.down = True

    eventually(lambda: not running(mark))
    control_plane.down = False
