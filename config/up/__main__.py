"""`python -m config.up`: run an installation in the foreground until Ctrl-C."""

import ctypes
import os
import signal
import subprocess
import sys

import psutil

from config import env
from config.up import installation, voice
from config.up.errors import CannotStart
from config.up.parent import Interrupted, Parent, interrupt

# prctl(PR_SET_PDEATHSIG): tell this process when the one that started it dies.
TELL_WHEN_PARENT_DIES = 1


def main() -> int:
    home = env.home().resolve()
    os.umask(0o022)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    end_with_make()
    try:
        installation.check_home(home)
        parent = Parent(home)
        voice.say(f"Towpath starts from {home}")
        parent.run()
    except CannotStart as reason:
        voice.complain(str(reason))
        return 1
    except subprocess.CalledProcessError as failed:
        said = failed.stderr or b""
        voice.complain(f"{failed}\n{said if isinstance(said, str) else said.decode(errors='replace')}".rstrip())
        return 1
    except OSError as reason:
        # A full disk, a home that cannot be written: the sentence is the system's own.
        voice.complain(str(reason))
        return 1
    except Interrupted:
        return 0
    return 0


def end_with_make() -> None:
    """A killed `make up` is a stopped one: nobody is left at the terminal who could press Ctrl-C."""
    if sys.platform == "linux" and psutil.Process(os.getppid()).name() == "make":
        ctypes.CDLL(None).prctl(TELL_WHEN_PARENT_DIES, signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
