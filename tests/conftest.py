"""Every test runs on a real PostgreSQL and a real Valkey; nothing has to be prepared."""

import os
from urllib.parse import urlsplit

import django
import pytest
import pytest_django
from django.db import connections
from django.test import TransactionTestCase
from hypothesis import HealthCheck, settings
from whitenoise.middleware import WhiteNoiseMiddleware

from tests import database, servers

# Before pytest-django reads the settings, which read the environment.
servers.start()
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
django.setup()
# Workers of xdist inherit this process's environment; with it they would read the settings before they are here, and
# work with this process's keys and broker while the servers that they start have theirs.
del os.environ["DJANGO_SETTINGS_MODULE"]

# How fast examples are made says how busy the machine is, and nothing of Towpath.
settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")

# What starts whole installations, browsers or workers takes longest.
LONG = ("tests/journeys", "tests/config", "tests/doors/test_accessib", "tests/towpath")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the long files over the first part of a run: few at a time, and none left alone at the end."""
    files: dict[str, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.nodeid.partition("::")[0], []).append(item)
    long = [name for name in files if name.startswith(LONG)]
    short = [name for name in files if not name.startswith(LONG)]
    every = max(1, len(short) * 3 // 4 // max(1, len(long)))
    order = list(short)
    for place, name in enumerate(sorted(long, key=lambda one: (not one.startswith(LONG[0]), one))):
        order.insert(place * (every + 1), name)
    items[:] = [item for name in order for item in files[name]]


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: pytest_django.DjangoDbBlocker) -> None:
    """The database is made by its owner; what the tests do, they do in the application's role."""
    with django_db_blocker.unblock():
        database.clone("test_" + os.environ.get("PYTEST_XDIST_WORKER", "alone"))
        database.act_as_application()


@pytest.fixture(scope="session", autouse=True)
def swept_by_delete() -> None:
    """Tests with real transactions are followed by DELETE instead of Django's flush."""

    def sweep_afterwards(case: TransactionTestCase) -> None:
        database.sweep(case._databases_names(include_mirrors=False))

    TransactionTestCase._fixture_teardown = sweep_afterwards  # type: ignore[method-assign]


@pytest.fixture(scope="session", autouse=True)
def static_files_found_once() -> None:
    """Each `Client` makes the middleware anew, which looked at every static file: a tenth of what pages cost here."""
    search = WhiteNoiseMiddleware.add_files_from_finders
    found: dict[str, object] = {}

    def share(middleware: WhiteNoiseMiddleware) -> None:
        if not found:
            search(middleware)
            found.update(middleware.files)
        middleware.files.update(found)

    WhiteNoiseMiddleware.add_files_from_finders = share  # type: ignore[method-assign]


@pytest.fixture
def server_environment(transactional_db: None) -> dict[str, str]:
    """What a process of the control plane needs to work on this test's database and broker, as the application."""
    settings = connections["default"].settings_dict
    parts = urlsplit(os.environ["DATABASE_URL"])
    address = parts.netloc.rpartition("@")[2]
    user = parts.netloc.rpartition("@")[0]
    if role := os.environ.get("TOWPATH_TEST_APP_ROLE"):
        user = f"{role}:{os.environ['TOWPATH_TEST_APP_PASSWORD']}"
    return {
        **{name: os.environ[name] for name in ("PATH", "TOWPATH_HOME", "TOWPATH_TESTING", "REDIS_URL")},
        "LANG": "C.UTF-8",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": f"postgresql://{user}@{address}/{settings['NAME']}",
    }
