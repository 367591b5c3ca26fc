"""`python -m config.up.manage <command>`: Django's command line on the installation of this home."""

import os
import sys

from config import env
from config.env import ROOT
from config.up import installation, programs, servers, voice
from config.up.errors import CannotStart
from projects.env_names import COOKIE


def main() -> int:
    home = env.home().resolve()
    if not (home / "installation.json").exists():
        voice.complain(f"There is no installation in {home}. Name it with TOWPATH_HOME, or begin one with `make up`.")
        return 1
    try:
        record = installation.load(home, os.environ.get("TOWPATH_BIND", ""))
        chosen = servers.choose(record, home)
    except CannotStart as reason:
        voice.complain(str(reason))
        return 1
    # With the application's rights; the terminal's own settings are kept, because a person sits there.
    environment = {**os.environ, **programs.basic_environment(record, home), **chosen.for_application()}
    # Not a process of the installation: the next start must not end it.
    environment.pop(COOKIE)
    os.chdir(ROOT)
    os.execve(sys.executable, [sys.executable, "manage.py", *sys.argv[1:]], environment)


if __name__ == "__main__":
    sys.exit(main())
