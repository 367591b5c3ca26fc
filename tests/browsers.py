"""The browser that the tests drive: the same names that `make test` looks for, and a sentence where there is none."""

import shutil

from config.up.install import BROWSERS


def chromium() -> str:
    """Its path; an error where there is none, because what was not tried must not look like what was proven."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise LookupError(
            f"No browser is on the PATH ({', '.join(BROWSERS)}): install one (Debian: apt install chromium), "
            "or leave these tests out by name."
        )
    return found
