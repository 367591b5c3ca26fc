"""One installation for all journeys of a module; its home has a space in its name."""

from collections.abc import Iterator

import pytest

from tests.journeys.installation import Installation, take_back


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    directory = tmp_path_factory.mktemp("journey")
    running = Installation(directory / "a home").start()
    try:
        yield running
    finally:
        running.stop()
        take_back(running.home)
