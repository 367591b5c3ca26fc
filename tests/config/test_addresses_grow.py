"""A range of addresses that is nearly used up grows at the next start, and only then."""

import socket
from pathlib import Path

import pytest

from config.up import installation, ports
from config.up.installation import ENDPOINTS, FEW_ENDPOINTS, Installation


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "endpoints").mkdir()
    return tmp_path


@pytest.fixture
def record() -> Installation:
    """Its addresses lie at the beginning of the first stretch that is free for it and as much again."""
    first = next(
        first
        for first in range(20_000, 21_600, ENDPOINTS)
        if all(ports.is_free(port, "127.0.0.1") for port in range(first, first + 2 * ENDPOINTS))
    )
    return Installation(
        id="1",
        web="127.0.0.1:8000",
        address="127.0.0.1",
        postgres_port=1,
        valkey_port=2,
        endpoint_first=first,
        endpoint_count=ENDPOINTS,
        service_first=22_000,
        service_count=2000,
        uid_first=200_000,
    )


def use(home: Path, record: Installation, count: int) -> None:
    for port in range(record.endpoint_first, record.endpoint_first + count):
        (home / "endpoints" / str(port)).symlink_to("nowhere")


def test_while_enough_are_left_it_stays(home: Path, record: Installation) -> None:
    use(home, record, ENDPOINTS - FEW_ENDPOINTS)
    installation.lay_out_more(record, home)
    assert record.endpoint_count == ENDPOINTS


def test_when_few_are_left_there_are_as_many_again_and_the_old_ones_stay(home: Path, record: Installation) -> None:
    use(home, record, ENDPOINTS - FEW_ENDPOINTS + 1)
    first = record.endpoint_first
    installation.lay_out_more(record, home)
    assert (record.endpoint_first, record.endpoint_count) == (first, 2 * ENDPOINTS)


def test_where_somebody_else_listens_it_does_not_grow(home: Path, record: Installation) -> None:
    use(home, record, ENDPOINTS)
    with socket.create_server(("127.0.0.1", record.endpoint_first + ENDPOINTS + 7)):
        installation.lay_out_more(record, home)
    assert record.endpoint_count == ENDPOINTS
