"""Who has waited for a lock judges what is there now, not what was read before."""

from collections.abc import Callable

import pytest

from environments import cancellations, lifecycle, retries
from environments.delivery import restarts
from environments.models import Run
from projects import apps, releases
from projects.errors import Conflict, NotAllowed
from projects.models import App, Release, Role
from tests.environments.house import MANIFEST
from tests.environments.line import Line, line
from tests.environments.meeting import behind

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def road() -> Line:
    built = line()
    built.deployed(built.v1, built.development)
    return built


def test_an_environment_that_is_being_protected_is_left_alone_by_whom_no_grant_names(road: Line) -> None:
    operator, place = road.house.person(Role.OPERATOR), road.development
    failed = road.house.ended(road.deploy(road.v2, place), "failed").run
    acts: list[Callable[[], object]] = [
        lambda: lifecycle.stop(place, by=operator),
        lambda: restarts.restart(by=operator, environment=place, app=road.app, service="web"),
        lambda: retries.retry(failed, by=operator),
        lambda: lifecycle.update(place, by=operator, status="inactive"),
    ]

    for act in acts:
        assert isinstance(behind(lambda: lifecycle.update(place, by=road.owner, protected=True), act), NotAllowed)
        lifecycle.update(place, by=road.owner, protected=False)
        place.refresh_from_db()

    queued = Run.objects.select_related("environment").get(deployment=road.deploy(road.v3, place))
    protecting = behind(
        lambda: lifecycle.update(place, by=road.owner, protected=True),
        lambda: cancellations.cancel(queued, by=operator),
    )
    assert isinstance(protecting, NotAllowed)


def test_an_app_that_is_being_archived_takes_no_release(road: Line) -> None:
    refusal = behind(
        lambda: apps.archive(App.objects.get(pk=road.app.pk), by=road.owner),
        lambda: releases.cut(by=road.owner, app=road.app, version="9", manifest=MANIFEST),
    )

    assert isinstance(refusal, Conflict) and refusal.code == "archived"
    assert not Release.objects.filter(version="9").exists()
