"""Where less than a twentieth of a disk is left nothing is deployed, and everybody is told which disk it is."""

from typing import Any

import pytest

from environments.doing import observing
from environments.models import Worker
from environments.overview import environment as page
from environments.planning import plans
from environments.planning.plans import Blocked
from environments.runs import sessions
from tests.environments.yard import Yard, yard

pytestmark = pytest.mark.django_db
GB = 1_000_000_000
FULL, ROOMY = {"free": 2 * GB, "total": 60 * GB}, {"free": 30 * GB, "total": 60 * GB}
SENTENCE = "The disk of node is nearly full: 2.0 of 60.0 GB are free, and under 5 % nothing is deployed"


@pytest.fixture
def here() -> Yard:
    return yard()


def tell(here: Yard, worker: Worker, disk: Any) -> None:
    observing.observe(sessions.of(here.session(worker)), {"slots": [], "resources": {"cpu": 0.1, "disk": disk}})


def gate(plan: Any) -> dict[str, Any] | None:
    return next((gate for gate in plan.gates if gate["code"] == "disk"), None)


def wish(here: Yard, **fields: Any) -> Any:
    return plans.propose(by=here.owner, app=here.app, environment=here.environment, **fields)


def test_a_deployment_to_a_full_disk_is_blocked_with_a_sentence(here: Yard) -> None:
    worker = here.worker()
    deployment = here.deployed(worker, "1.0")
    tell(here, worker, FULL)

    plan = wish(here, kind="redeploy")

    assert plan.blocked
    assert gate(plan) == {
        "code": "disk",
        "passed": False,
        "sentence": f"{SENTENCE}; free some, then try again.",
        "fix_url": f"/environments/{here.environment.pk}",
    }
    with pytest.raises(Blocked, match="nearly full"):
        plans.check(plan, by=here.owner)
    assert deployment.release is not None


def test_removing_and_going_back_are_not_blocked(here: Yard) -> None:
    worker = here.worker()
    here.deployed(worker, "1.0")
    here.deployed(worker, "2.0")
    tell(here, worker, FULL)

    for kind in ("removal", "rollback"):
        plan = wish(here, kind=kind)
        assert (plan.blocked, gate(plan)) == (False, None), kind


def test_room_made_opens_it_again(here: Yard) -> None:
    worker = here.worker()
    here.deployed(worker, "1.0")
    tell(here, worker, FULL)
    tell(here, worker, ROOMY)

    assert gate(wish(here, kind="redeploy")) is None


def test_a_machine_that_the_app_does_not_live_on_does_not_count(here: Yard) -> None:
    here.deployed(here.worker(), "1.0")
    tell(here, here.worker(), FULL)

    assert gate(wish(here, kind="redeploy")) is None


def test_the_environment_s_page_says_so(here: Yard) -> None:
    worker = here.worker()
    assert page.head(here.environment, here.owner)["full"] == ""

    tell(here, worker, FULL)

    assert page.head(here.environment, here.owner)["full"] == SENTENCE


@pytest.mark.parametrize(
    "said",
    [
        None,
        5,
        {},
        {"free": "1", "total": 2},
        {"free": -1, "total": 2},
        {"free": 0, "total": 0},
        {"free": True, "total": 9},
    ],
    ids=["nothing", "a number", "empty", "words", "less than nothing", "no disk", "a yes"],
)
def test_whatever_else_a_worker_says_of_its_disk_is_ignored(here: Yard, said: Any) -> None:
    worker = here.worker()
    here.deployed(worker, "1.0")
    tell(here, worker, said)

    assert gate(wish(here, kind="redeploy")) is None
