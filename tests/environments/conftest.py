"""Ground that real environments stand on, made once for the tests of this directory that need it."""

from collections.abc import Iterator

import pytest

from tests.environments import site as sites


@pytest.fixture(scope="session")
def ground(django_db_setup: None) -> Iterator[sites.Ground]:
    with sites.ground() as made:
        yield made


@pytest.fixture
def site(ground: sites.Ground, server_environment: dict[str, str]) -> Iterator[sites.Site]:
    """As on a host that separates users where that is possible."""
    with sites.site(ground, server_environment, isolated=ground.record.isolated) as made:
        yield made
