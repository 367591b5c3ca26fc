"""Where root starts things, an environment's worker and each of its projects are users that cannot reach each other."""

import os
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from tests.towpath.conftest import Site, a_control_plane, deployment, eventually
from towpath.worker.host import free_stretch
from towpath.worker.layout import Layout, write_atomically
from towpath.worker.preparing import prepare, prepare_project

WORKER, SHOP, BANK = 271001, 271002, 271003
PACKAGES = ("supervisor", "towpath")

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be several users")


def as_user(uid: int) -> list[str]:
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--no-new-privs", "--"]


@pytest.fixture(scope="module")
def interpreter(tmp_path_factory):
    """A Python that every user can execute, with the worker's code beside it."""
    import supervisor

    import towpath

    place = Path("/var/tmp") / f"towpath-test-{uuid.uuid4().hex}"
    place.mkdir(mode=0o711)
    for module in (supervisor, towpath):
        source = Path(module.__file__).parent
        shutil.copytree(source, place / "lib" / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(["chmod", "-R", "a+rX", str(place / "lib")], check=True)
    for python in (os.path.realpath(sys.executable), "/usr/bin/python3"):
        found = subprocess.run(
            [
                *as_user(SHOP),
                "env",
                "-i",
                f"PYTHONPATH={place / 'lib'}",
                python,
                "-c",
                "import supervisor.supervisord, ssl",
            ],
            capture_output=True,
        )
        if found.returncode == 0:
            break
    else:
        shutil.rmtree(place)
        pytest.skip("no interpreter here can be executed by other users")
    subprocess.run([python, "-m", "compileall", "-q", str(place / "lib")], check=False, capture_output=True)
    yield place, python
    shutil.rmtree(place)


class SeparateSite(Site):
    """Like `make up` as root would place it."""

    def __init__(self, directory: Path, control_plane, place: Path, python: str) -> None:
        self.layout = Layout(directory)
        self.control_plane, self.place, self.python = control_plane, place, python
        self.children: list[subprocess.Popen] = []
        self.worker = None
        self.prepared = prepare(directory, uid=WORKER, gid=WORKER)
        first = free_stretch(60)
        config = f'{{"builtin": true, "service_first": {first}, "service_count": 60, "grace_seconds": 0.5}}'
        write_atomically(self.layout.worker / "config.json", config)
        write_atomically(self.layout.token, control_plane.token)
        for path in (self.layout.worker / "config.json", self.layout.token):
            os.chown(path, WORKER, WORKER)
        self.builtin = True

    def start_projects(self) -> None:
        for project, uid in (("SHOP", SHOP), ("BANK", BANK)):
            prepared = prepare_project(self.layout.root, project=project, uid=uid, gid=uid, worker_gid=WORKER)
            self.spawn_as(uid, prepared, project)

    def start_worker(self):
        command = [*self.prepared["command"], "--environment", "development", "--server", self.control_plane.url]
        self.worker = self.spawn_as(WORKER, {**self.prepared, "command": command}, "worker")
        return self.worker

    def spawn_as(self, uid: int, prepared, name: str):
        command = [self.python if word == sys.executable else word for word in prepared["command"]]
        environment = {**prepared["environment"], "PYTHONPATH": str(self.place / "lib"), "PATH": "/usr/bin:/bin"}
        return self.spawn({**prepared, "command": [*as_user(uid), *command], "environment": environment}, name)


@pytest.fixture(scope="module")
def control_plane():
    with a_control_plane() as control_plane:
        yield control_plane


@pytest.fixture(scope="module")
def site(interpreter, control_plane):
    place, python = interpreter
    site = SeparateSite(place / uuid.uuid4().hex / "environment", control_plane, place, python)
    site.layout.root.parent.chmod(0o711)
    os.environ["PLANTED_DATABASE_URL"] = "postgres://planted"
    site.start_projects()
    site.start_worker()
    yield site
    del os.environ["PLANTED_DATABASE_URL"]
    site.stop()


def in_project(control_plane, key: str, run: str, **more) -> dict:
    steps = [{"n": 1, "name": "attack", "run": run, "timeout": 60}]
    submitted = deployment(str(uuid.uuid4()), "1.0", steps=steps, services=[], **more)
    submitted["project"] = {"id": key, "key": key}
    number = control_plane.submit(submitted)
    return {
        **control_plane.wait(number),
        "lines": control_plane.lines(number, notes=False),
        "app": submitted["app"]["id"],
    }


def test_a_service_runs_as_its_project_and_answers(site, control_plane):
    app = str(uuid.uuid4())
    services = [{"name": "web", "run": "exec python3 app.py", "port": True, "stop_timeout": 2,
                 "health": {"type": "http", "path": "/", "within": 50}}]  # fmt: skip

    record = control_plane.wait(control_plane.submit(deployment(app, "1.0", services=services)))

    assert record["phase"] == "succeeded", (record, site.said())
    assert site.get(app) == "1.0"
    owner = (site.layout.project("SHOP").releases / f"{record['specification']['deployment']['id']}-1").stat()
    assert owner.st_uid == SHOP
    eventually(lambda: control_plane.service_lines)
    control_plane.wait(control_plane.submit(deployment(app, "", action="remove")))
    assert record["specification"]["deployment"]["id"] not in str(list(site.layout.project("SHOP").releases.iterdir()))


def test_a_step_runs_as_its_project_with_nothing_to_gain(site, control_plane):
    lines = in_project(control_plane, "SHOP", "id -u; id -G; grep NoNewPrivs /proc/self/status")["lines"]

    assert lines[:2] == [str(SHOP), str(SHOP)]
    assert lines[2].split() == ["NoNewPrivs:", "1"]


def test_a_step_cannot_read_the_worker_or_another_project(site, control_plane):
    in_project(control_plane, "BANK", "echo secret > account; chmod 644 account")
    bank = site.layout.project("BANK")
    root = site.layout.root
    attack = f"""
    for place in {root}/worker {root}/worker/token {root}/worker/session.json \\
        {bank.releases} {bank.specs} {bank.logs} {bank.run}; do
        ls "$place" >/dev/null 2>&1 && cat "$place"* 2>/dev/null && echo "read $place"
    done
    ls "{root}" "{root}/projects" 2>/dev/null && echo listed
    cat {bank.releases}/*/*/account {bank.specs}/*/start 2>/dev/null
    mkdir {root}/x {root}/projects/x {root}/routes/x {root}/projects/SHOP/x 2>/dev/null && echo wrote
    mv {root}/projects/SHOP/specs {root}/projects/SHOP/moved 2>/dev/null && echo moved
    touch {root}/projects/SHOP/specs/x 2>/dev/null && echo wrote specs
    rm -rf {root}/routes/* 2>/dev/null; ls {root}/routes | grep -q . || echo removed
    echo attempted
    """.replace(str(root), f"'{root}'")

    record = in_project(control_plane, "SHOP", attack)

    assert record["lines"] == ["attempted"]


def test_nothing_of_the_control_plane_is_in_any_process(site, control_plane):
    found = in_project(
        control_plane, "SHOP", "cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n'; cat /proc/*/cmdline | tr '\\0' ' '"
    )

    text = "\n".join(found["lines"])
    assert "PLANTED" not in text and "planted" not in text
    assert control_plane.token not in text and "tps_" not in text
    for child in site.children:
        assert b"PLANTED" not in Path("/proc", str(child.pid), "environ").read_bytes()


def test_a_log_that_a_project_replaced_by_a_link_to_the_token_is_not_sent(site, control_plane):
    logs = site.layout.project("SHOP").logs
    attack = f"""
    cd '{logs}'; for name in *.out; do ln -sf '{site.layout.token}' "$name"; done; echo done; sleep 1
    """

    in_project(control_plane, "SHOP", attack)

    heard = str([body for _, body in control_plane.heard])
    assert control_plane.token not in heard


def test_a_socket_that_another_user_answers_is_not_spoken_to(site, control_plane):
    bank = site.layout.project("BANK").run / "supervisor.sock"
    shop = site.layout.project("SHOP").run / "supervisor.sock"
    eventually(lambda: bank.exists() and shop.exists())
    kept = shop.rename(shop.with_name("kept"))
    shop.symlink_to(bank)

    submitted = control_plane.submit(deployment(str(uuid.uuid4()), "1.0"))

    eventually(lambda: control_plane.runs[submitted]["phase"] == "running")
    assert control_plane.wait(submitted, within=60)["phase"] == "errored"
    assert "another user" in control_plane.runs[submitted]["conclusion"]["reason"]
    kept.rename(shop)
