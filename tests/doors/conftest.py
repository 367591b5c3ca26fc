"""A real web process, and a real browser that is signed in there."""

import os
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, Page, sync_playwright

from environments.models import Environment
from tests import browsers
from tests.doors.web import Web, web
from tests.environments import house as houses
from tests.environments.house import House


@pytest.fixture(scope="session")
def running_server(django_db_setup: None) -> Iterator[list[Web]]:
    """The one web process of this run of the tests, once somebody has asked for it."""
    kept: list[Web] = []
    yield kept
    for one in kept:
        one.close()


@pytest.fixture
def server(server_environment: dict[str, str], running_server: list[Web]) -> Web:
    """A web process on this test's database, started again if the test before has stopped it."""
    if not running_server:
        # What is heard at once is heard by the bell: it would be long before anybody looks by themselves.
        running_server.append(Web({**server_environment, "TOWPATH_STREAM_LOOK": "60"}))
    if running_server[0].process is None:
        running_server[0].start()
    return running_server[0]


@pytest.fixture
def watchful_server(server_environment: dict[str, str]) -> Iterator[Web]:
    """A web process that looks every second whether its listeners may still listen."""
    with web({**server_environment, "TOWPATH_STREAM_RECHECK": "1"}) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = browsers.chromium()
    # Playwright runs an event loop in this thread, in which Django would otherwise refuse to read the database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield running
        running.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def house() -> House:
    """An organization with its owner, whose doors are knocked at without a browser."""
    return houses.house()


@pytest.fixture
def development(house: House) -> Environment:
    return house.environment("development", display_name="Development")


@pytest.fixture
def harbour(server_environment: dict[str, str]) -> House:
    """The organization that `page` is signed in to."""
    return houses.house()


@pytest.fixture
def page(browser: Browser, server: Web, harbour: House) -> Iterator[Page]:
    """A page of the owner's."""
    context = browser.new_context()
    client = Client()
    assert harbour.owner.user is not None
    client.force_login(harbour.owner.user)
    name = settings.SESSION_COOKIE_NAME
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": server.url}])
    opened = context.new_page()
    opened.set_default_timeout(browsers.PATIENCE)
    yield opened
    context.close()
