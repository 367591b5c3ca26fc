"""The faults of `make campaign` that say most in little time: a worker dies around the switch, somebody cancels."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.campaign.faults import kill
from tests.campaign.points import Point
from tests.campaign.site import Site
from tests.campaign.special import cancelled

pytestmark = pytest.mark.timeout(540)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    folder = Path(tempfile.mkdtemp(prefix="tow path-"))
    folder.chmod(0o755)
    running = Site(folder / "site")
    yield running
    running.end()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize(
    "point", [Point.HEALTHY, Point.BEFORE_SWITCH, Point.AFTER_SWITCH], ids=lambda point: point.name
)
def test_a_deployment_whose_worker_is_killed_is_carried_to_its_end_by_the_next_attempt(
    site: Site, point: Point
) -> None:
    found = kill(site, "worker", point)

    assert found.wrong == []
    assert (found.phase, found.attempts) == ("succeeded", 2)


@pytest.mark.parametrize(
    ("point", "expected"), [(Point.HEALTHY, "cancelled"), (Point.BEFORE_SWITCH, "succeeded")], ids=["before", "behind"]
)
def test_a_cancel_in_the_instant_of_the_switch_is_obeyed_before_the_point_of_no_return_and_refused_behind_it(
    site: Site, point: Point, expected: str
) -> None:
    found = cancelled(site, point, expected)

    assert found.wrong == []
    assert found.phase == expected
