"""The Python that environments' processes run on: one that their users can execute, with the worker inside."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from config import env
from config.env import ROOT
from config.up.errors import CannotStart
from config.up.installation import Installation

# What the worker imports; what these need comes with them.
WANTED = ("supervisor",)
SLOWEST = 60
WEAK = "TOWPATH_WEAK_ISOLATION"
SYSTEM_ROOT = Path("/var/lib/towpath")
PROOF = "import ssl, supervisor.supervisord, supervisor.xmlrpc, towpath"


def settle(record: Installation, home: Path) -> None:
    """Find the environments' root and the interpreter, and prove both as one of the users that will need them."""
    separate = place(record, home)
    separated_before = os.geteuid() == 0 and record.isolated
    record.isolated, record.namespaces = False, False
    root = Path(record.environments_root)
    where = root / "interpreter"
    record.interpreter = str(where / "bin/python")
    user = record.uid_first if separate else None
    base = next((path for path in candidates() if runs(path, "import ssl, venv", user)), None)
    if base is None:
        # Nothing that other users can execute: everything works, as one user.
        user, base = None, Path(sys.executable).resolve()
    build(where, base)
    if user is not None and runs(where / "bin/python", PROOF, user):
        record.isolated, record.isolation_note = True, ""
    elif not runs(where / "bin/python", PROOF, None):
        # The worker may not be importable yet while it is being written; the log of its run says why.
        record.isolation_note = "The worker's interpreter could not be proven."
    elif os.geteuid() != 0:
        record.isolation_note = (
            "Towpath does not run as root, so environments share one user: anyone who can deploy to any environment "
            "here owns this installation."
        )
    else:
        record.isolation_note = (
            "No Python on this machine can be executed by other users, so environments share one user: anyone who can "
            "deploy to any environment here owns this installation."
        )
    if separated_before and not record.isolated and not env.flag(WEAK):
        raise CannotStart(
            f"Here every environment had users of its own, and cannot have them now. {record.isolation_note} "
            f"Mend that, or set {WEAK}=yes to go on with one user for all."
        )
    record.namespaces = process_namespaces(user)


def place(record: Installation, home: Path) -> bool:
    """Make the environments' root, and say whether we can be other users and they reach it."""
    root = home / "environments"
    if os.geteuid() == 0 and not every_user_reaches(home):
        root = SYSTEM_ROOT / record.id
    if record.environments_root and Path(record.environments_root).is_dir():
        # Where environments live already, they stay.
        root = Path(record.environments_root)
    try:
        root.mkdir(parents=True, exist_ok=True)
        root.chmod(0o711)
    except OSError:
        root = home / "environments"
        root.mkdir(parents=True, exist_ok=True)
    record.environments_root = str(root)
    return os.geteuid() == 0 and bool(shutil.which("setpriv")) and every_user_reaches(root)


def every_user_reaches(path: Path) -> bool:
    """Whether all directories down to the path let everybody through."""
    resolved = path.resolve()
    return all(parent.stat().st_mode & 0o001 for parent in (resolved, *resolved.parents) if parent.exists())


def candidates() -> Iterator[Path]:
    """Interpreters of this machine, the one in use first."""
    names = [str(Path(sys.executable).resolve()), "/usr/bin/python3", "/usr/local/bin/python3"]
    names += [f"{folder}/python3.{minor}" for minor in range(11, 16) for folder in ("/usr/bin", "/usr/local/bin")]
    seen = set()
    for path in map(Path, names):
        if path.exists() and path.resolve() not in seen:
            seen.add(path.resolve())
            yield path


def as_user(uid: int | None) -> list[str]:
    """The words before a command that is carried out with nothing of ours, as that user."""
    if uid is None:
        return ["env", "-i"]
    # setpriv still has root's reach when it executes; only what `env` executes is looked up as the user.
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--no-new-privs", "--", "env", "-i"]


def runs(python: Path, program: str, uid: int | None) -> bool:
    """Whether this interpreter is recent enough and carries the program out, as that user."""
    recent = "import sys; sys.exit(sys.version_info < (3, 11))"
    try:
        for text in (recent, program):
            outcome = subprocess.run(
                [*as_user(uid), str(python), "-I", "-c", text], capture_output=True, cwd="/", timeout=SLOWEST
            )
            if outcome.returncode:
                return False
    except OSError:
        return False
    except subprocess.TimeoutExpired as late:
        # What is only slow today must not cost the environments their users.
        raise CannotStart(
            f"{python} did not answer within {SLOWEST} s; try again when the machine is less busy."
        ) from late
    return True


def process_namespaces(uid: int | None) -> bool:
    """Whether what runs in an environment can get a process namespace of its own, which leaves no survivors."""
    if not shutil.which("unshare"):
        return False
    flags = ["--pid", "--fork", "--kill-child"]
    if os.geteuid() != 0 or uid is not None:
        flags.insert(0, "-Ur")
    outcome = subprocess.run([*as_user(uid), "unshare", *flags, "true"], capture_output=True, cwd="/")
    return outcome.returncode == 0


def distributions() -> list[metadata.Distribution]:
    """What the worker needs, with all that it needs in turn."""
    found: dict[str, metadata.Distribution] = {}
    waiting = list(WANTED)
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in found:
            continue
        found[name] = metadata.distribution(name)
        for line in found[name].requires or []:
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                waiting.append(needed.name)
    return [found[name] for name in sorted(found)]


def source_files() -> list[Path]:
    return sorted(path for path in (ROOT / "towpath").rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def build(where: Path, base: Path) -> None:
    """Make or refresh the interpreter's directory; nothing is done when nothing changed."""
    parts = distributions()
    digest = hashlib.sha256()
    for path in source_files():
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    stamp = json.dumps([str(base), [f"{part.name}={part.version}" for part in parts], digest.hexdigest()])
    file = where / "stamp.json"
    if file.exists() and file.read_text() == stamp and (where / "bin/python").exists():
        return
    subprocess.run(
        [str(base), "-I", "-m", "venv", "--without-pip", "--clear", str(where)],
        check=True,
        capture_output=True,
        cwd="/",
    )
    packages = next((where / "lib").glob("python3.*/site-packages"))
    for part in parts:
        copy_distribution(part, packages)
    for path in source_files():
        copy(path, packages / path.relative_to(ROOT))
    open_to_all(where)
    # What is not compiled yet, is now: the users who will import it cannot write beside it.
    subprocess.run(
        [str(where / "bin/python"), "-I", "-m", "compileall", "-q", "-j", "2", str(packages)],
        capture_output=True,
        cwd="/",
    )
    open_to_all(where)
    file.write_text(stamp)


def copy_distribution(part: metadata.Distribution, packages: Path) -> None:
    for entry in part.files or []:
        # Scripts lie outside of site-packages and name another interpreter: they stay behind.
        if ".." in entry.parts or entry.is_absolute():
            continue
        source = Path(str(part.locate_file(entry)))
        if source.is_file():
            copy(source, packages / entry)


def copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    # With its time, by which Python knows that what was compiled from it is still good.
    shutil.copy2(source, target)


def open_to_all(where: Path) -> None:
    """Everybody may read and enter; nobody but the owner may write."""
    for path in (where, *where.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
