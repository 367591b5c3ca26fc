"""`python -m config.up.load towpath.dump`: the database of an installation from a dump, into a new data directory.

For the way from one major version of PostgreSQL to the next; everything else of the installation stays as it is.
"""

import os
import shutil
import signal
import sys
from pathlib import Path

import psycopg

from config import env
from config.up import dumping, installation, postgres, survivors, voice
from config.up.errors import CannotStart


def main(words: list[str]) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    os.umask(0o022)
    try:
        if len(words) != 1:
            raise CannotStart("Name the dump: python -m config.up.load towpath.dump")
        load(env.home().resolve(), Path(words[0]).absolute())
    except (CannotStart, psycopg.Error, OSError) as reason:
        voice.complain(str(reason))
        return 1
    except KeyboardInterrupt:
        voice.complain("Interrupted; nothing was changed.")
        return 1
    return 0


def load(home: Path, dumped: Path) -> None:
    if not (home / "installation.json").exists():
        raise CannotStart(f"There is no installation in {home}. Name its home with TOWPATH_HOME.")
    if not dumped.is_file():
        raise CannotStart(f"There is no file {dumped}.")
    with installation.lock(home):
        if (home / "postgres").exists():
            raise CannotStart(f"{home / 'postgres'} is there; put it aside first, so that nothing is written over.")
        record = installation.load(home)
        survivors.end(record.id)
        # Beside its place, so that `make up` never begins with half of it.
        draft = postgres.cluster(home, port=record.postgres_port, directory=home / "postgres.loading")
        shutil.rmtree(draft.directory, ignore_errors=True)
        try:
            with voice.step("database"):
                postgres.initialize(draft)
                with dumping.alone(draft, identity=record.id):
                    postgres.grant_roles(draft)
                    dumping.load(draft.owner_url, dumped)
                    postgres.grant_roles(draft)
            draft.directory.rename(home / "postgres")
        finally:
            shutil.rmtree(draft.directory, ignore_errors=True)
    voice.say(f"The database is in {home / 'postgres'}. Start with `make up`.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
