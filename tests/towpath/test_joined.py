"""A worker that joined by command brings its own supervisors and proxy; services outlive its restart."""

import os
import signal
import time
import urllib.error
import urllib.request
import uuid

import pytest

from tests.patience import patience
from tests.towpath.conftest import Site, deployment, eventually
from tests.towpath.test_crashes import listeners
from towpath.worker.layout import read_json
from towpath.worker.preparing import prepare_project


@pytest.fixture
def joined(tmp_path, control_plane):
    site = Site(tmp_path / "a joined one", control_plane, builtin=False)
    site.start_worker()
    yield site
    site.stop()
    eventually(lambda: not [path for path in site.layout.projects.glob("*/run/supervisord.pid") if alive(path)])


def alive(pidfile) -> bool:
    return os.path.exists(f"/proc/{pidfile.read_text().strip()}")


def get(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
        return answer.read().decode()


def first_endpoint(site: Site) -> int:
    return eventually(lambda: read_json(site.layout.worker / "host.json").get("endpoint_first"))


def test_its_endpoint_answers_and_follows_the_switch(joined, control_plane):
    app, port = str(uuid.uuid4()), first_endpoint(joined)
    endpoints = {"web": {"port": port, "url": f"http://127.0.0.1:{port}"}}

    assert control_plane.wait(control_plane.submit(deployment(app, "1.0", endpoints=endpoints)))["phase"] == "succeeded"
    assert eventually(lambda: get(port)) == "1.0"
    control_plane.wait(control_plane.submit(deployment(app, "2.0", endpoints=endpoints)))
    assert get(port) == "2.0"
    control_plane.wait(control_plane.submit(deployment(app, "", action="remove")))
    with pytest.raises(urllib.error.HTTPError, match="503"):
        get(port)


def test_services_and_addresses_survive_a_restart_of_the_worker(joined, control_plane):
    app, port = str(uuid.uuid4()), first_endpoint(joined)
    endpoints = {"web": {"port": port, "url": f"http://127.0.0.1:{port}"}}
    control_plane.wait(control_plane.submit(deployment(app, "1.0", endpoints=endpoints)))
    eventually(lambda: get(port) == "1.0")

    joined.kill_worker()
    assert get(port) == "1.0"
    joined.start_worker()

    assert control_plane.wait(control_plane.submit(deployment(app, "2.0", endpoints=endpoints)))["phase"] == "succeeded"
    assert get(port) == "2.0"
    eventually(lambda: len(listeners(joined, app)) == 1)


def test_its_supervisor_and_proxy_are_started_again_when_they_die(joined, control_plane):
    app, port = str(uuid.uuid4()), first_endpoint(joined)
    endpoints = {"web": {"port": port, "url": f"http://127.0.0.1:{port}"}}
    control_plane.wait(control_plane.submit(deployment(app, "1.0", endpoints=endpoints)))
    eventually(lambda: get(port) == "1.0")

    os.kill(int((joined.layout.project("SHOP").run / "supervisord.pid").read_text()), signal.SIGKILL)
    os.kill(int((joined.layout.root / "proxy" / "caddy.pid").read_text()), signal.SIGKILL)

    eventually(lambda: get(port) == "1.0" and len(listeners(joined, app)) == 1, 30)


def test_a_silent_supervisor_keeps_the_others_observations_waiting_once(joined, control_plane):
    app = str(uuid.uuid4())
    control_plane.wait(control_plane.submit(deployment(app, "1.0")))
    prepare_project(joined.layout.root, project="OTHER")
    pidfile = joined.layout.project("OTHER").run / "supervisord.pid"
    eventually(lambda: alive(pidfile))
    os.kill(int(pidfile.read_text()), signal.SIGSTOP)
    try:
        time.sleep(8)  # until it has been waited for once
        control_plane.observations.clear()
        begun = time.monotonic()
        eventually(lambda: len(control_plane.observations) >= 3, 60)
        assert time.monotonic() - begun < patience(25)
    finally:
        os.kill(int(pidfile.read_text()), signal.SIGCONT)
