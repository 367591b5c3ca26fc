"""What a setting is documented to do, it does however the installation was started."""

import re

from config.up.interpreter import WEAK
from config.up.programs import KEPT, PASSED_ON
from tests.house.sources import ROOT

# Given by whoever starts a process, and what only tests set.
GIVEN = {"TOWPATH_HOME", "TOWPATH_BIND", "TOWPATH_TESTING"}


def test_every_setting_that_is_read_is_passed_on_to_the_processes_of_an_installation() -> None:
    read = set(re.findall(r"env\.\w+\(\s*\"(TOWPATH_[A-Z_]+)", (ROOT / "config/settings.py").read_text()))
    assert read - GIVEN <= {*PASSED_ON, *KEPT}
    assert len(read) > 5, "the check must see the settings there are"


def test_every_setting_stands_in_the_operators_documents() -> None:
    told = "".join((ROOT / "docs" / name).read_text() for name in ("operations.md", "observability.md"))
    assert {
        name for name in (*PASSED_ON, *KEPT, "TOWPATH_HOME", "TOWPATH_BIND", WEAK) if f"`{name}" not in told
    } == set()


def test_whoever_starts_containers_can_set_the_same() -> None:
    compose = (ROOT / "deploy/compose.yaml").read_text()
    ours = {name for name in (*PASSED_ON, *KEPT) if name.startswith("TOWPATH_")} - {"TOWPATH_DEBUG"}

    assert {name for name in ours if f"{name}: ${{{name}:-}}" not in compose} == set()
