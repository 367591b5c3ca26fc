"""Two installations that are started for the first time at the same moment, where other users do not reach."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.up import ports
from tests.config.installations import Running, answers, wait_for


@pytest.fixture(scope="module")
def two() -> Iterator[list[Running]]:
    folder = Path(tempfile.mkdtemp(prefix="tow path-"))
    folder.chmod(0o700)
    started = [Running(folder / name) for name in ("one", "other")]
    yield started
    for one in started:
        if one.process.poll() is None:
            one.stop()
        one.clear_away()
    shutil.rmtree(folder, ignore_errors=True)


def test_both_come_up_and_no_address_of_one_is_the_other_s(two: list[Running]) -> None:
    for one in two:
        one.until_ready(90)

    first, second = (one.record for one in two)
    assert first["id"] != second["id"]
    for name in ("web", "postgres_port", "valkey_port", "endpoint_first"):
        assert first[name] != second[name], name
    assert [one.get() for one in two] == [200, 200]


def test_an_app_answers_although_nobody_else_enters_the_home(two: list[Running]) -> None:
    two[0].until_ready(90)
    address = two[0].deploy()

    wait_for(lambda: answers(address), seconds=30)


def test_who_waits_for_its_turn_too_long_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    with ports.turn(), ports.turn(patience=0.3):
        pass

    assert "another installation" in capsys.readouterr().out
