"""Which version of Towpath this is."""

import tomllib
from functools import cache

from config.env import ROOT


@cache
def version() -> str:
    found: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    return found
