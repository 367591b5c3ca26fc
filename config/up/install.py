"""Install the locked packages into .venv, only when the lock changed; runs on a bare Python and nothing else."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
# What is traced needs some packages more, and all that the server needs.
LOCKS = {"server": "requirements.txt", "tracing": "requirements-tracing.txt", "dev": "requirements-dev.txt"}
OLDEST = (3, 11)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def say(line: str) -> None:
    print(line, flush=True)


def fail(sentence: str) -> NoReturn:
    sys.exit(f"\ntowpath: {sentence}")


def recent_python() -> str:
    """This interpreter, or another on PATH when this one is too old."""
    if sys.version_info[:2] >= OLDEST:
        return sys.executable
    for minor in range(20, 10, -1):
        if path := shutil.which(f"python3.{minor}"):
            return path
    here = ".".join(map(str, sys.version_info[:2]))
    fail(f"Python 3.11 or later is needed; this is {here}. Name another one: make up PYTHON=python3.12")


def make_venv() -> None:
    if PYTHON.exists() and subprocess.call([PYTHON, "-c", "import pip"], stderr=subprocess.DEVNULL) == 0:
        return
    python = recent_python()
    say(f"  ...  making .venv with {python}")
    outcome = subprocess.run([python, "-m", "venv", "--clear", VENV], capture_output=True, text=True)
    if outcome.returncode:
        words = outcome.stdout + outcome.stderr
        fail(f"`{python} -m venv` failed; on Debian and Ubuntu: apt install python3-venv\n{words}")


def install(kind: str) -> None:
    """Install a lock unless that very lock is installed already."""
    lock = ROOT / LOCKS[kind]
    text = lock.read_bytes()
    # A .venv that was moved or copied has scripts and paths of another place: installed again.
    digest = hashlib.sha256(text + os.fsencode(ROOT)).hexdigest()
    stamp = VENV / f".installed-{kind}"
    if stamp.exists() and stamp.read_text() == digest:
        return
    count = sum("==" in line for line in text.decode().splitlines())
    say(f"  ...  installing {count} packages from {lock.name}")
    began = said = time.monotonic()
    process = subprocess.Popen(
        [PYTHON, "-m", "pip", "install", "--require-hashes", "--no-deps", "--progress-bar", "off", "-r", lock],
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONDONTWRITEBYTECODE": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
    )
    lines: list[str] = []
    for line in process.stdout or ():
        lines.append(line)
        if time.monotonic() - said > 5:
            said = time.monotonic()
            done = sum(line.startswith(("Collecting", "Requirement already")) for line in lines)
            say(f"  ...  {done} of {count} packages ({said - began:.0f} s)")
    if process.wait():
        fail("pip failed:\n" + "".join(lines[-15:]))
    open_doors()
    stamp.write_text(digest)
    say(f"  ok   packages ({time.monotonic() - began:.1f} s)")


def open_doors() -> None:
    """Make `towpath` a command and a module of .venv, from the source as it stands."""
    for packages in VENV.glob("lib/python3.*/site-packages"):
        (packages / "towpath-source.pth").write_text(f"{ROOT}\n")
    command = VENV / "bin" / "towpath"
    # Through sh, because the first line of a script cannot hold a path with a space.
    command.write_text('#!/bin/sh\nexec "$(dirname "$0")/python" -m towpath "$@"\n')
    command.chmod(0o755)


def browser() -> None:
    """The browser that the tests drive; said loudly where it is missing."""
    if any(shutil.which(name) for name in BROWSERS):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        say("  ...  installing chromium with apt-get, for the tests in a real browser")
        subprocess.call(["apt-get", "update", "-qq"])
        if subprocess.call(["apt-get", "install", "-y", "-qq", "chromium"], stdout=subprocess.DEVNULL) == 0:
            return
    say("\n" + "!" * 100)
    say("  NO BROWSER: chromium was not found and could not be installed. THE TESTS IN A REAL BROWSER WILL FAIL.")
    say("  Install it (Debian: apt install chromium) and run `make test` again.")
    say("!" * 100 + "\n")


if __name__ == "__main__":
    make_venv()
    for part in sys.argv[1:] or ["server"]:
        if part == "browser":
            browser()
        else:
            install(part)
