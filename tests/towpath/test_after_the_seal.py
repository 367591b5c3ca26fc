"""Behind the point of no return: steps that must not be repeated are not, and an end without success leads back."""

import os
import signal
import uuid

import psutil
import pytest

from tests.towpath.conftest import deployment, eventually, web
from tests.towpath.test_crashes import listeners


@pytest.fixture
def app():
    return str(uuid.uuid4())


def migrating(app: str, version: str, **more) -> dict:
    migrate = {"n": 2, "name": "migrate", "run": "echo migrated", "timeout": 60, "once": True}
    wished = deployment(app, version, **more)
    return wished | {"steps": [*wished["steps"], migrate]}


def test_a_step_that_must_not_be_repeated_ends_the_run_instead(site, control_plane, app):
    control_plane.wait(control_plane.submit(deployment(app, "1.0")))
    control_plane.hold = "/seal"  # sealed for the server, not yet on this disk
    run = control_plane.submit(migrating(app, "2.0"))
    eventually(lambda: control_plane.held)

    site.kill_worker()
    control_plane.hold = ""
    site.start_worker()

    record = control_plane.wait(run)
    assert record["phase"] == "errored"
    assert "migrate" in record["conclusion"]["reason"] and "must not be repeated" in record["conclusion"]["reason"]
    assert control_plane.lines(run).count("migrated") == 1
    assert site.get(app) == "1.0"
    eventually(lambda: len(listeners(site, app)) == 1)


def test_what_was_sealed_is_given_time_to_come_up_before_a_step_would_be_repeated(site, control_plane, app):
    slow = [web(run="if [ -f begun ]; then sleep 6; fi; touch begun; exec python3 app.py")]
    control_plane.hold = "Switch"
    run = control_plane.submit(migrating(app, "1.0", services=slow))
    eventually(lambda: control_plane.held)

    site.kill_worker()
    (port,) = listeners(site, app)
    os.kill(
        next(c.pid for c in psutil.net_connections("tcp") if c.status == "LISTEN" and c.laddr.port == port),
        signal.SIGKILL,
    )
    control_plane.hold = ""
    site.start_worker()

    assert control_plane.wait(run)["phase"] == "succeeded"
    assert control_plane.lines(run).count("migrated") == 1
    assert site.get(app) == "1.0"


def test_a_run_given_up_after_the_switch_leads_back_to_what_is_live_and_may_be_retried(site, control_plane, app):
    control_plane.wait(control_plane.submit(deployment(app, "1.0")))
    control_plane.hold = "/conclusion"
    run = control_plane.submit(deployment(app, "2.0"))
    eventually(lambda: control_plane.held)
    assert site.get(app) == "2.0"

    control_plane.runs[run]["phase"] = "errored"
    control_plane.hold = ""
    control_plane.change()

    eventually(lambda: site.get(app) == "1.0")
    eventually(lambda: [instance.number for instance in site.routes.instances(app)] == [1])
    assert len(listeners(site, app)) == 1

    control_plane.expire(run)
    assert control_plane.wait(run)["phase"] == "succeeded"
    assert site.get(app) == "2.0"
