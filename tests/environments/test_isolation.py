"""With root: what runs in one environment, for one project, is attacked from the others and by its own steps."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from environments import lifecycle
from environments.doing import performing
from environments.models import Account, Environment, Worker
from environments.worker_tokens import give
from projects.env_names import COOKIE
from tests.environments.site import PLANTED, Ground, Site

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="users are separated by root only")

# Looks at everything that a uid can look at, and prints what it should not have got.
ATTACK = r"""
import os, socket, stat

# Written backwards, so that nobody takes the list for the thing.
words = open("words.txt").read()[::-1].split()
paths = open("paths.txt").read().splitlines()
here = os.getcwd()
own = here.rsplit("/releases/", 1)[0]

def leak(what):
    print("LEAK", what, flush=True)

def look(path):
    try:
        with open(path, "rb") as file:
            return file.read(1 << 20)
    except OSError:
        return b""

for pid in [name for name in os.listdir("/proc") if name.isdigit()]:
    text = look(f"/proc/{pid}/environ") + look(f"/proc/{pid}/cmdline")
    for word in words:
        if word.encode() in text and int(pid) not in (os.getpid(), os.getppid()):
            leak(f"{word} in process {pid}")
for path in paths:
    if path.startswith(own):
        continue
    try:
        mode = os.stat(path).st_mode
    except OSError:
        continue
    if stat.S_ISSOCK(mode):
        probe = socket.socket(socket.AF_UNIX)
        try:
            os.chdir(os.path.dirname(path))
            probe.connect(os.path.basename(path))
            leak(f"connected to {path}")
        except OSError:
            pass
        os.chdir(here)
    elif stat.S_ISDIR(mode):
        try:
            os.mkdir(os.path.join(path, "left-by-a-stranger"))
            leak(f"wrote in {path}")
        except OSError:
            pass
    elif look(path):
        leak(f"read {path}")
    else:
        try:
            open(path, "ab").close()
            leak(f"may write {path}")
        except OSError:
            pass
for name, value in os.environ.items():
    if "planted" in value or name.startswith(("DATABASE", "REDIS", "DJANGO", "PG")):
        leak(f"was given {name}")
for attempt in (os.setuid, os.setgid):
    try:
        attempt(0)
        leak("became root")
    except OSError:
        pass
print("LOOKED as", os.getuid(), os.getgroups(), flush=True)
"""
GIVEN_TO_A_WORKER = {COOKIE, "PATH", "HOME", "LANG", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PYTHONPATH"}
SERVES = "python3 -m http.server $PORT --bind 127.0.0.1"


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As though the control plane's processes had secrets in their environment, which they have."""
    for name in ("DATABASE_URL_OF_OURS", "TOWPATH_MASTER", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, PLANTED)
    yield


@pytest.fixture
def neighbours(planted: None, site: Site, ground: Ground) -> tuple[Environment, Environment]:
    """Production runs a service of the project SHOP; development has nothing yet."""
    if not ground.record.isolated:
        pytest.skip(ground.record.isolation_note)
    development, production = site.environment("development"), site.environment("production")
    shop = site.deploy(
        production,
        project="SHOP",
        manifest={
            "steps": [{"name": "secret", "run": "echo the recipe > recipe.txt; umask 0; echo more > loose.txt"}],
            "services": [{"name": "web", "run": SERVES, "env": {"RECIPE": "in-its-environ"}}],
        },
    )
    assert site.run_of(shop).phase == "succeeded", site.output(site.run_of(shop))
    return development, production


def written(name: str, text: str) -> str:
    return f"cat > {name} <<'END'\n{text}\nEND"


def everything_in(home: Path) -> list[Path]:
    """Every path there is, as root sees it, but for what all may read by design: programs and addresses."""
    kept = [path for path in home.rglob("*") if "interpreter" not in path.parts and "routes" not in path.parts]
    return [Path("/etc/shadow"), home, *(path for path in kept if path.name != "supervisord.conf")]


@pytest.mark.timeout(240)
def test_a_step_elsewhere_reads_no_file_environ_or_token(
    site: Site, ground: Ground, neighbours: tuple[Environment, Environment]
) -> None:
    development, production = neighbours
    words = [
        *(give(each, kind).reveal() for each in neighbours for kind in Worker.Kind),
        "in-its-environ",
        PLANTED,
        "tps_",
        "tpw_",
    ]
    steps = [
        {"name": "write", "run": written("attack.py", ATTACK)},
        {"name": "words", "run": written("words.txt", "\n".join(words)[::-1])},
        {"name": "paths", "run": written("paths.txt", "\n".join(map(str, everything_in(ground.home))))},
        {"name": "attack", "run": "python3 attack.py"},
    ]

    for environment, project in ((development, "MALLORY"), (production, "MALLORY"), (development, "SHOP")):
        deployment = site.deploy(environment, project=project, manifest={"steps": steps, "services": []})
        said = site.output(site.run_of(deployment))
        assert any(line.startswith("LOOKED as") for line in said), said
        assert not any(line.startswith("LOOKED as 0 ") for line in said)
        assert [line for line in said if line.startswith("LEAK")] == [], f"{project} in {environment}"


@pytest.mark.timeout(240)
def test_what_runs_knows_nothing_of_the_control_plane_and_has_no_privilege(
    site: Site, neighbours: tuple[Environment, Environment]
) -> None:
    until = time.monotonic() + 20
    while True:
        running = [process for environment in neighbours for process in site.processes(environment)]
        # `towpath exec` may be seen on its way: it empties what it was started with before it becomes a program.
        on_their_way = [one for one in running if any(word.endswith("/execution.py") for word in words_of(one))]
        if not on_their_way or time.monotonic() > until:
            break
        time.sleep(0.2)
    assert len(running) >= 5, "two workers, a supervisor and a service's processes"
    tokens = [give(each, kind).reveal() for each in neighbours for kind in Worker.Kind]
    uids = list(Account.objects.values_list("uid", flat=True))
    assert len(uids) == len(set(uids)) == 3, "two workers and one project, each a user of its own"

    looked_at = 0
    for process in running:
        try:
            words, environ = process.cmdline(), process.environ()
        except psutil.NoSuchProcess:  # or a zombie: it has ended since it was found, as a health check's does
            continue
        looked_at += 1
        assert PLANTED not in environ.values(), words
        assert not {name for name in environ if name.startswith(("DATABASE", "REDIS", "DJANGO", "SUPERVISOR_"))}, words
        assert not any(token in word or "tps_" in word for word in words for token in tokens), words
        assert not any(token in value for value in environ.values() for token in tokens), words
        if "start" in words and "worker" in words:
            assert set(environ) <= GIVEN_TO_A_WORKER
        uid, status = process.uids(), status_of(process)
        assert uid.real == uid.effective == uid.saved and uid.real in uids, words
        assert status["NoNewPrivs"] == "1" and status["Groups"].strip() == "", words
        # Capabilities inside a user namespace of one's own are none outside of it.
        own_namespace = os.readlink(f"/proc/{process.pid}/ns/user") != os.readlink("/proc/self/ns/user")
        assert int(status["CapEff"], 16) == 0 or own_namespace, words
    assert looked_at >= 5


def words_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def status_of(process: psutil.Process) -> dict[str, str]:
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


@pytest.mark.timeout(240)
def test_root_writes_through_no_link_that_a_worker_plants_and_gives_no_user_twice(
    planted: None, site: Site, ground: Ground, tmp_path: Path
) -> None:
    if not ground.record.isolated:
        pytest.skip(ground.record.isolation_note)
    environment = site.environment("development")
    worker = Path(environment.directory) / "worker"
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    for name in ("token", "config.json"):
        (worker / name).unlink()
        (worker / name).symlink_to(victim)

    lifecycle.stop(environment, by=site.owner)
    performing.perform_all()
    lifecycle.start(environment, by=site.owner)
    performing.perform_all()

    assert victim.read_text() == "untouched"
    assert not (worker / "token").is_symlink()
    assert Worker.objects.filter(environment=environment, ended_at=None).exists()
    before = Account.objects.get(environment=environment).uid
    lifecycle.delete(environment, by=site.owner)
    performing.perform_all()
    later = Account.objects.get(environment=site.environment("development")).uid
    assert before is not None and later is not None and later > before
