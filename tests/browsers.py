"""The browser that the tests drive: the same names that `make test` looks for, and a sentence where there is none."""

import shutil

from playwright.sync_api import expect

from config.up.install import BROWSERS

# Milliseconds for what a person would wait for, less than the half minute after which a page asks by itself.
PATIENCE = 25_000
expect.set_options(timeout=PATIENCE)


def chromium() -> str:
    """Its path; an error where there is none, because what was not tried must not look like what was proven."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise LookupError(
            f"No browser is on the PATH ({', '.join(BROWSERS)}): install one (Debian: apt install chromium), "
            "or leave these tests out by name."
        )
    return found
