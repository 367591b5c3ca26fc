"""What runs is made to be what is desired."""

import os
import shutil
import socket
import time
import uuid
from types import SimpleNamespace

import psutil
import pytest

from tests.patience import patience
from tests.towpath.conftest import a_control_plane, a_site, deployment, eventually
from tests.towpath.test_crashes import listeners
from tests.towpath.test_deploying import directories
from towpath.worker import reconciling
from towpath.worker.host import recognise
from towpath.worker.layout import Layout
from towpath.worker.preparing import prepare, prepare_project
from towpath.worker.routes import Routes
from towpath.worker.worksite import Worksite


@pytest.fixture(scope="module")
def control_plane():
    with a_control_plane() as control_plane:
        yield control_plane


@pytest.fixture(scope="module")
def site(tmp_path_factory, control_plane):
    """One for all tests here: each has an app of its own, and none hurts the worker for longer than it takes."""
    with a_site(tmp_path_factory.mktemp("site"), control_plane) as site:
        yield site


@pytest.fixture
def app():
    return str(uuid.uuid4())


def test_a_stopped_environment_stops_its_services_and_a_started_one_brings_them_back(site, control_plane, app):
    control_plane.wait(control_plane.submit(deployment(app, "1.0")))
    address = site.address(app)

    control_plane.wanted = "stopped"
    control_plane.change()
    eventually(lambda: states(control_plane, app) == ["stopped"])
    assert site.address(app) is None
    assert listeners(site, app) == []

    control_plane.wanted = "running"
    control_plane.change()
    eventually(lambda: states(control_plane, app) == ["running"] and site.get(app) == "1.0")
    assert site.address(app) == address


def test_an_app_that_is_not_listed_is_stopped(site, control_plane, app):
    control_plane.wait(control_plane.submit(deployment(app, "1.0")))

    del control_plane.slots[app]
    control_plane.change()

    eventually(lambda: site.address(app) is None and listeners(site, app) == [])
    eventually(lambda: directories(site, app) == [])


def test_a_service_that_somebody_stopped_is_started_again(site, control_plane, app):
    control_plane.wait(control_plane.submit(deployment(app, "1.0")))
    eventually(lambda: states(control_plane, app) == ["running"])
    instance = site.routes.current(app)
    shutil.rmtree(site.layout.project("SHOP").specs / instance.program("web"))
    site.supervisor.terminate()
    site.supervisor.wait()
    site.start_supervisor()

    control_plane.change()

    eventually(lambda: site.get(app) == "1.0")


def test_what_has_a_revoked_value_is_not_started_again_until_there_is_another(site, control_plane, app):
    control_plane.wait(control_plane.submit(deployment(app, "1.0")))
    eventually(lambda: states(control_plane, app) == ["running"])
    live = control_plane.slots[app]["live"]
    control_plane.wanted = "stopped"
    control_plane.change()
    eventually(lambda: states(control_plane, app) == ["stopped"])

    live["unresolvable"] = "TOKEN has no value: TOKEN v1 is revoked."
    control_plane.wanted = "running"
    control_plane.change()
    time.sleep(4)
    assert listeners(site, app) == []

    live["unresolvable"] = None
    control_plane.change()
    eventually(lambda: site.get(app) == "1.0")


def test_a_service_whose_interpreter_an_update_has_put_elsewhere_is_started_by_the_new_one(site, control_plane, app):
    control_plane.wait(control_plane.submit(deployment(app, "1.0")))
    address = site.address(app)
    program = site.layout.project("SHOP").specs / site.routes.current(app).program("web") / "program.conf"
    site.supervisor.terminate()
    site.supervisor.wait()
    program.write_text(program.read_text().replace("/execution.py", "/gone/execution.py"))
    site.start_supervisor()

    def answers() -> bool:
        time.sleep(0.5)
        control_plane.change()
        return site.get(app) == "1.0"

    eventually(answers)
    assert site.address(app) == address
    assert "/gone/" not in program.read_text()


def test_a_surviving_orphan_is_treated_as_the_old_release(site, control_plane, app):
    first = deployment(app, "1.0")
    control_plane.wait(control_plane.submit(first))
    second = deployment(app, "2.0", keep=[first["deployment"]["id"]])
    control_plane.wait(control_plane.submit(second))
    live = control_plane.slots[app]["live"]

    # The control plane came back from a backup: it desires what was live then, under a number of its own.
    desired = {**live, "deployment": {**live["deployment"], "id": str(uuid.uuid4()), "number": 9}}
    desired["reuse"] = first["deployment"]["id"]
    desired["env"] = {**desired["env"], "TOWPATH_VERSION": "1.0"}
    control_plane.slots[app]["live"] = desired
    control_plane.change()

    eventually(lambda: site.get(app) == "1.0")
    eventually(lambda: len(listeners(site, app)) == 1)


def test_what_an_attempt_could_not_take_away_is_taken_away_without_another_deployment(site, control_plane, app):
    control_plane.wait(control_plane.submit(deployment(app, "1.0")))
    kept = directories(site, app)
    routes = Routes(site.layout)
    left = str(uuid.uuid4())
    routes.record_release(app, f"{left}-1", deployment=left, project="SHOP", complete=False)
    project = site.layout.project("SHOP")
    (project.releases / f"{left}-1").mkdir()
    os.chown(project.releases / f"{left}-1", project.uid, project.uid)

    control_plane.change()

    eventually(lambda: directories(site, app) == kept and f"{left}-1" not in routes.releases(app))


def test_a_directory_that_is_gone_is_reported(site, control_plane, app):
    first = deployment(app, "1.0")
    first["keep"] = [first["deployment"]["id"]]
    control_plane.wait(control_plane.submit(first))
    second = deployment(app, "2.0", keep=first["keep"])
    control_plane.wait(control_plane.submit(second))

    shutil.rmtree(site.layout.project("SHOP").releases / f"{first['deployment']['id']}-1")
    control_plane.change()

    eventually(lambda: first["deployment"]["id"] in control_plane.observations[-1]["missing"])


def states(control_plane, app: str) -> list[str]:
    slot = control_plane.observed(app)
    return [service["state"] for service in slot["services"]] if slot else []


def test_observations_measure_the_real_processes(site, control_plane, app):
    control_plane.wait(control_plane.submit(deployment(app, "1.0")))
    eventually(lambda: states(control_plane, app) == ["running"])

    service = control_plane.observed(app)["services"][0]

    tree = [psutil.Process(service["pid"]), *psutil.Process(service["pid"]).children(recursive=True)]
    assert any("app.py" in process.cmdline() for process in tree)
    assert service["memory"] > 5_000_000
    assert service["port"] in listeners(site, app)
    eventually(lambda: control_plane.observations[-1]["resources"]["storage"] > 0, 30)


def test_a_silent_supervisor_is_waited_for_once_in_a_round_however_many_apps_it_has(tmp_path, monkeypatch):
    (tmp_path / "worker").mkdir()
    (tmp_path / "worker" / "config.json").write_text('{"builtin": true}')
    prepare(tmp_path)
    prepare_project(tmp_path, project="SHOP")
    layout = Layout(tmp_path)
    monkeypatch.chdir(layout.project("SHOP").run)
    silent = socket.socket(socket.AF_UNIX)
    silent.bind("supervisor.sock")
    silent.listen(50)
    live = [deployment(str(uuid.uuid4()), "1.0") for _ in range(5)]
    slots = [{"app": one["app"], "project": one["project"], "live": one, "keep": []} for one in live]
    session = SimpleNamespace(call=lambda *_: {"version": 1, "slots": slots})
    worksite = Worksite.at(layout, recognise(layout))
    standing = SimpleNamespace(session=session, worksite=worksite, stop=worksite.stopping)
    monkeypatch.setattr(reconciling, "ANSWERS_WITHIN", 0.5)

    begun = time.monotonic()
    reconciling.Reconciler(standing, None, None).once()

    assert time.monotonic() - begun < patience(16)  # 5 s for a look round, 3 s for the first app's question
    silent.close()
