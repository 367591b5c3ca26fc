"""A hold keeps tokens' hands off; a person is told and lifts it knowingly; a rollback is never blocked."""

import pytest

from environments import lifecycle
from environments.delivery import deployments, holds, removals
from environments.models import Hold
from environments.planning import plans
from projects.access import who
from projects.errors import NotAllowed, NotFound
from projects.models import Event, Role
from tests.environments.house import house
from tests.environments.line import Line, line

pytestmark = pytest.mark.django_db


@pytest.fixture
def road() -> Line:
    built = line()
    built.deployed(built.v1, built.development)
    holds.place(built.app, built.development, by=built.owner, reason="the database is moving")
    return built


def active(road: Line) -> bool:
    return Hold.objects.filter(lifted_at=None).exists()


def test_a_token_is_refused_with_the_reason(road: Line) -> None:
    with pytest.raises(plans.Blocked, match="the database is moving") as refusal:
        road.deploy(road.v2, road.development, by=road.house.token())
    assert refusal.value.code == "held"
    assert active(road)


def test_a_token_that_says_lift_hold_passes_and_lifts_it(road: Line) -> None:
    ci = road.house.token()
    road.deploy(road.v2, road.development, by=ci, lift_hold=True)
    assert Hold.objects.get().lifted_by == "token:ci"


def test_a_persons_promotion_is_told_and_lifts_it(road: Line) -> None:
    plan = plans.propose(by=road.owner, release=road.v2, environment=road.development)
    told = next(gate for gate in plan.gates if gate["code"] == "hold")
    assert told["passed"] and "This deploy lifts the hold." in told["sentence"]
    assert f"is held in development by {who(road.owner.label)}:" in told["sentence"]
    deployments.carry_out(plan, by=road.owner)
    assert not active(road)
    assert Event.objects.filter(kind="hold.lifted").count() == 1


def test_a_persons_plan_carried_out_by_a_token_is_held(road: Line) -> None:
    plan = plans.propose(by=road.owner, release=road.v2, environment=road.development)
    with pytest.raises(plans.Blocked) as refusal:
        deployments.carry_out(plan, by=road.house.token())
    assert refusal.value.code == "held"


def test_a_redeploy_leaves_it_standing(road: Line) -> None:
    road.deploy(road.v1, road.development)
    assert active(road)


def test_a_token_keeps_its_hands_off_redeploy_and_removal_too(road: Line) -> None:
    ci = road.house.token()
    with pytest.raises(plans.Blocked):
        road.deploy(road.v1, road.development, by=ci)
    with pytest.raises(plans.Blocked):
        removals.remove(by=ci, app=road.app, environment=road.development)


def test_another_environment_is_not_held(road: Line) -> None:
    assert road.promote(road.staging, by=road.house.token())


def test_there_is_one_at_a_time(road: Line) -> None:
    with pytest.raises(holds.AlreadyHeld, match="already"):
        holds.place(road.app, road.development, by=road.owner, reason="again")


def test_lifting_is_for_those_who_deploy_and_happens_once(road: Line) -> None:
    hold = Hold.objects.get()
    with pytest.raises(NotAllowed):
        holds.lift(hold, by=road.house.person(Role.VIEWER))
    holds.lift(hold, by=road.owner)
    with pytest.raises(holds.AlreadyLifted):
        holds.lift(hold, by=road.owner)
    with pytest.raises(NotFound):
        holds.find(road.owner, hold.id)


def test_it_is_not_told_of_where_the_environment_is_gone(road: Line) -> None:
    elsewhere = road.house.environment("elsewhere")
    hold = holds.place(road.app, elsewhere, by=road.owner, reason="look first")
    assert hold in holds.visible(road.owner)
    lifecycle.delete(elsewhere, by=road.owner)
    assert hold not in holds.visible(road.owner)
    with pytest.raises(NotFound):
        holds.find(road.owner, hold.id)


def test_a_stranger_sees_no_hold(road: Line) -> None:
    with pytest.raises(NotFound):
        holds.find(house().owner, Hold.objects.get().id)


def test_a_rollback_that_was_only_asked_for_holds_nothing_yet(road: Line) -> None:
    road.deployed(road.v2, road.development)
    assert not active(road)
    road.rolled_back(road.development)
    assert active(road)
