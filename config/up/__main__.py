"""`python -m config.up`: run an installation in the foreground until Ctrl-C."""

import os
import signal
import sys

from config import env
from config.up import installation, voice
from config.up.errors import CannotStart
from config.up.parent import Interrupted, Parent, interrupt


def main() -> int:
    home = env.home().resolve()
    os.umask(0o022)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    try:
        installation.check_home(home)
        parent = Parent(home)
        voice.say(f"Towpath starts from {home}")
        parent.run()
    except CannotStart as reason:
        voice.complain(str(reason))
        return 1
    except Interrupted:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
