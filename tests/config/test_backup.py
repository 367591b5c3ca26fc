"""A backup made under load, restored on the same machine into another home, beside what it is a copy of."""

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from config.env import ROOT
from config.up import survivors
from tests import servers
from tests.config.installations import MANIFEST, Running, answers, wait_for

PHRASE = "a long enough phrase"
PLANTED = "s3cret-of-the-first"
# Of a cell, all that does not tell of who brought it there and when.
SAME = ("environment_id", "release", "status", "behind", "hold", "bypassed", "gate")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    # Not pytest's directory: sockets have short names. With a space, which every part has to carry.
    folder = Path(tempfile.mkdtemp(prefix="tow path-"))
    folder.chmod(0o755)
    yield folder
    for one in Running.all:
        if one.home.parent == folder:
            if one.process.poll() is None:
                one.stop()
            one.clear_away()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def first(folder: Path) -> Running:
    """Something is live after a rollback, so with a hold on it, and a release of an uploaded archive is there."""
    servers.lay_out(folder / "first")  # with its tables
    running = Running(folder / "first")
    running.until_ready(60)
    running.deploy()
    app = running.call("GET", "/apps")[0]["id"]
    home, name = (running.call("GET", "/environments")[0][word] for word in ("id", "name"))
    running.call("POST", "/secrets", key="TOKEN", value=PLANTED, app_id=app)
    running.call("POST", "/chains", name="Main", stages=[{"name": "First", "environments": [name]}])
    newer = running.call("POST", f"/apps/{app}/releases", version="1.1", manifest=MANIFEST)["id"]
    other = running.call("POST", "/apps", project_id=running.call("GET", "/projects")[0]["id"], name="quiet")["id"]
    only = running.call("POST", f"/apps/{other}/releases", version="1.0", manifest=MANIFEST)["id"]
    wishes = [
        {"app_id": app, "kind": "deploy", "release_id": newer},
        {"app_id": app, "kind": "rollback"},
        {"app_id": other, "kind": "deploy", "release_id": only},
    ]
    for wish in wishes:
        plan = running.call("POST", "/plans", environment_id=home, **wish)
        run = running.call("POST", "/deployments", plan_id=plan["id"])["run_id"]
        wait_for(lambda run=run: running.call("GET", f"/runs/{run}")["phase"] == "succeeded", seconds=60)
    return running


@pytest.fixture(scope="module")
def backup(first: Running, folder: Path) -> tuple[Path, list[str]]:
    """The file, and the versions that were cut before it was begun; more are cut while it is made."""
    cutting = Cutting(first)
    wait_for(lambda: len(cutting.done) >= 3)
    before = list(cutting.done)
    file = folder / "towpath.backup"
    outcome = command("backup", first.home, file)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert len(cutting.done) > len(before), "nothing was cut while the backup was made"
    cutting.end()
    return file, before


@pytest.fixture(scope="module")
def second(backup: tuple[Path, list[str]], folder: Path) -> Running:
    """The restored installation, started beside the first one."""
    outcome = command("restore", folder / "second", backup[0])
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    running = Running(folder / "second")
    running.until_ready(60)
    return running


class Cutting:
    """Releases of uploaded archives, one after another, until told to stop."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.app = next(app["id"] for app in running.call("GET", "/apps") if app["name"] == "web")
        self.done: list[str] = []
        self.trouble: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._cut, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._stop.set()
        self._thread.join(30)
        assert self.trouble == []

    def _cut(self) -> None:
        n = 0
        while not self._stop.is_set():
            n += 1
            version = f"2.{n}"
            answer = httpx.post(
                f"http://{self.running.record['web']}/api/v1/apps/{self.app}/artifacts",
                files={"file": (f"{version}.tar", archive(version))},
                headers=headers(self.running),
                timeout=20,
            )
            if not answer.is_success:
                self.trouble.append(answer.text)
                return
            wish = {"version": version, "manifest": MANIFEST, "artifact_id": answer.json()["id"]}
            self.running.call("POST", f"/apps/{self.app}/releases", **wish)
            self.done.append(version)


def archive(text: str) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        member = tarfile.TarInfo("version.txt")
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text.encode()))
    return content.getvalue()


def headers(first: Running) -> dict[str, str]:
    token = json.loads((first.home / "first-run.json").read_text())["access_token"]
    return {"Authorization": f"Bearer {token}"}


def command(verb: str, home: Path, file: Path, phrase: str = PHRASE) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", f"config.up.{verb}", str(file)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "TOWPATH_HOME": str(home), "TOWPATH_PASSPHRASE": phrase},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )


def asked(running: Running, path: str, first: Running) -> Any:
    """With the token of the first installation, which the restored one knows, too."""
    answer = httpx.get(f"http://{running.record['web']}/api/v1{path}", headers=headers(first), timeout=20)
    assert answer.is_success, answer.text
    return answer.json()


def board(running: Running, first: Running) -> dict[str, Any]:
    """The one cell of each app."""
    rows = asked(running, "/board", first)["rows"]
    return {row["app"]["name"]: {name: row["cells"][0][name] for name in SAME} for row in rows}


def test_the_file_is_for_its_owner_alone_and_says_nothing_of_the_keys(
    backup: tuple[Path, list[str]], first: Running
) -> None:
    assert backup[0].stat().st_mode & 0o777 == 0o600
    content = backup[0].read_bytes()
    for name in ("master", "django", "postgres-owner"):
        assert (first.home / "keys" / name).read_bytes().strip() not in content
    assert {path.name for path in backup[0].parent.iterdir()} >= {"towpath.backup"}
    assert not [path for path in backup[0].parent.iterdir() if "partial" in path.name or "dump" in path.name]


def test_a_restored_installation_is_another_one(second: Running, first: Running) -> None:
    ours, theirs = second.record, first.record
    for name in ("id", "web", "postgres_port", "valkey_port", "endpoint_first", "service_first", "environments_root"):
        assert ours[name] != theirs[name], name
    if os.geteuid() == 0:
        assert ours["uid_first"] != theirs["uid_first"]
    assert first.get() == second.get() == 200


def test_every_release_of_the_backup_is_there_with_its_bytes(
    second: Running, first: Running, backup: tuple[Path, list[str]]
) -> None:
    app = next(app["id"] for app in asked(first, "/apps", first) if app["name"] == "web")
    cut = {one["version"] for one in asked(second, f"/releases?app={app}&limit=200", first)}

    assert cut >= {"1.0", "1.1", *backup[1]}
    artifacts = [path.name for path in (second.home / "artifacts").iterdir()]
    # One may be stored already and its release not cut yet; of the first two there are no archives.
    assert len(artifacts) - len(cut) + 2 in {0, 1}
    assert set(artifacts) <= {path.name for path in (first.home / "artifacts").iterdir()}


def test_what_was_live_is_live_again_at_an_address_of_its_own(second: Running, first: Running) -> None:
    theirs, ours = ([one["url"] for one in asked(each, "/endpoints", first)] for each in (first, second))
    assert len(ours) == len(theirs) == 2 and not set(ours) & set(theirs)

    wait_for(lambda: all(map(answers, ours)), seconds=60)
    # The first one is not touched by it.
    assert all(map(answers, theirs))


def test_the_board_is_the_same(second: Running, first: Running) -> None:
    theirs = board(first, first)
    wait_for(lambda: all(cell["status"] in {"live", "held"} for cell in board(second, first).values()), seconds=60)
    ours = board(second, first)

    assert ours.keys() == theirs.keys() == {"web", "quiet"}
    assert ours["quiet"] == theirs["quiet"]
    # More of this one was cut since the backup; it was rolled back, and is still held at what it was rolled back to.
    for name in ("environment_id", "release", "hold", "bypassed"):
        assert ours["web"][name] == theirs["web"][name] is not None, name
    assert (theirs["web"]["status"], ours["web"]["status"]) == ("rolled-back", "held")


def test_what_was_sealed_opens_there_by_the_master_keys_that_came_with_it(second: Running, first: Running) -> None:
    assert (second.home / "keys" / "master").read_text() == (first.home / "keys" / "master").read_text()
    app = next(one["id"] for one in asked(second, "/apps", first) if one["name"] == "web")
    home = asked(second, "/environments", first)[0]["id"]
    assert asked(second, f"/secrets/value/TOKEN?app={app}&environment={home}", first) == {"value": PLANTED}


def test_whoever_followed_the_events_is_told_to_begin_anew(second: Running, first: Running) -> None:
    newest = asked(first, "/events", first)[-1]["id"]
    answer = httpx.get(
        f"http://{second.record['web']}/api/v1/events", params={"after": newest}, headers=headers(first), timeout=20
    )

    assert (answer.status_code, answer.json()["code"]) == (410, "reset")
    assert any("Restored from the backup" in one["sentence"] for one in asked(second, "/events?limit=500", first))


def test_users_of_the_copy_are_from_its_own_range(second: Running, first: Running) -> None:
    if not second.record["isolated"]:
        pytest.skip("this machine cannot separate users")
    first_uid = second.record["uid_first"]
    ours = {process.uids().real for process in second.processes()} - {0}

    assert ours and all(first_uid <= uid < first_uid + 100_000 for uid in ours)


def test_a_home_with_an_installation_is_refused(second: Running, backup: tuple[Path, list[str]]) -> None:
    outcome = command("restore", second.home, backup[0])

    assert outcome.returncode == 1
    assert "There is an installation in" in outcome.stderr
    assert second.get() == 200


@pytest.mark.parametrize(
    ("spoil", "phrase", "sentence"),
    [
        (lambda raw: raw, "another long phrase", "passphrase is not the one"),
        (lambda raw: raw[: len(raw) // 2], PHRASE, "is not whole"),
        (lambda raw: raw[: len(raw) - 12_000], PHRASE, "is not whole"),
        (lambda raw: b"something else" * 1000, PHRASE, "is not a backup"),
        (lambda raw: raw[:4000] + bytes([raw[4000] ^ 1]) + raw[4001:], PHRASE, "is damaged"),
    ],
    ids=["wrong passphrase", "half of it", "without its end", "something else", "one bit turned"],
)
def test_what_is_not_a_whole_backup_is_refused_before_anything_is_changed(
    backup: tuple[Path, list[str]], folder: Path, spoil: Any, phrase: str, sentence: str
) -> None:
    file, home = folder / "spoiled", folder / "third"
    file.write_bytes(spoil(backup[0].read_bytes()))

    outcome = command("restore", home, file, phrase)

    assert outcome.returncode == 1
    assert sentence in outcome.stderr, outcome.stderr
    assert not home.exists()


def test_a_backup_does_not_write_over_another(first: Running, backup: tuple[Path, list[str]]) -> None:
    outcome = command("backup", first.home, backup[0])

    assert outcome.returncode == 1
    assert "is there already" in outcome.stderr


def test_a_stopped_installation_can_be_backed_up_too(second: Running, folder: Path) -> None:
    second.stop()

    outcome = command("backup", second.home, folder / "stopped.backup")

    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert second.processes() == []


def test_a_restore_that_was_killed_leaves_nothing_that_starts_and_can_be_done_again(
    backup: tuple[Path, list[str]], folder: Path
) -> None:
    home = folder / "killed"
    restoring = subprocess.Popen(
        [sys.executable, "-m", "config.up.restore", str(backup[0])],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "TOWPATH_HOME": str(home), "TOWPATH_PASSPHRASE": PHRASE},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_for(lambda: (home / ".restoring" / "postgres" / "postmaster.pid").exists(), seconds=60)
    identity = json.loads((home / ".restoring" / "installation.json").read_text())["id"]
    restoring.kill()
    restoring.wait()
    started = Running(home)
    assert started.until_ended() == 1
    assert "run `make restore` again" in started.output()

    outcome = command("restore", home, backup[0])

    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert survivors.find(identity) == []
    assert started.record["id"] != identity
    assert not (home / ".restoring").exists()
