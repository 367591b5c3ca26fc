"""One installation for all journeys of a module; its home has a space in its name."""

from collections.abc import Iterator

import pytest

from tests import servers
from tests.journeys.installation import Installation, take_back


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    directory = tmp_path_factory.mktemp("journey")
    home = directory / "a home"
    # Its tables are there: how they come to be at a first start is tried in tests/config/test_up.py.
    servers.lay_out(home)
    running = Installation(home).start()
    try:
        yield running
    finally:
        running.stop()
        take_back(running.home)
