"""The tests' own ground: what this process believes and what its servers are told is the same."""

import os

from django.conf import settings


def test_this_process_and_the_servers_that_it_starts_share_home_and_broker(server_environment: dict[str, str]) -> None:
    assert str(settings.TOWPATH_HOME) == os.environ["TOWPATH_HOME"] == server_environment["TOWPATH_HOME"]
    assert settings.REDIS_URL == os.environ["REDIS_URL"] == server_environment["REDIS_URL"]
    assert settings.DATABASES["default"]["NAME"] in server_environment["DATABASE_URL"]
