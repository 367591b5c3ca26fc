"""The map of the house shows every room, and nothing that is not there."""

import re
import tomllib

import pytest

from tests.house.sources import ROOT

MAP = (ROOT / "docs/architecture.md").read_text()
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
# In the order of the table's columns.
FLOORS = ("environments", "projects")


def rooms_of_the_contract(floor: str) -> set[str]:
    layers = next(contract["layers"] for contract in CONTRACTS if contract.get("containers") == [floor])
    return {room.strip() for layer in layers for room in layer.split("|")}


def rooms_of_the_map(floor: str) -> set[str]:
    table = MAP.split("## Rooms")[1].split("\n\n")[0]
    cells = [
        line.strip("|").split("|")[2 + FLOORS.index(floor)] for line in table.splitlines() if line.startswith("| ")
    ]
    named = {word.strip("/") for cell in cells for word in re.findall(r"`([^`]+)`", cell)}
    return {room for room in named if "/" not in room}


@pytest.mark.parametrize("floor", FLOORS)
def test_every_room_stands_on_the_map_and_every_name_on_the_map_is_a_room(floor: str) -> None:
    assert rooms_of_the_map(floor) == rooms_of_the_contract(floor)
    assert len(rooms_of_the_contract(floor)) > 15, "the check must see the rooms there are"


def test_every_path_on_the_map_leads_somewhere() -> None:
    paths = {word for word in re.findall(r"`([a-z_]+/[a-z_/.]*)`", MAP)}
    assert len(paths) > 10
    # A room's own path is told from its floor on.
    assert {path for path in paths if not any((ROOT / floor / path).exists() for floor in ("", *FLOORS))} == set()
