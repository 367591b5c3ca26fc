"""Undoing: the inverse of one event, by the same rooms, with the same rights, and never over something newer."""

from typing import Any

import pytest

from environments import lifecycle, undoing
from environments.delivery import chains, holds
from environments.models import Environment, Hold, State
from environments.planning.stages import environments_of, stages_of
from environments.undoing import CannotUndo, MovedOn
from projects import events, grants, history, memberships, tokens
from projects.errors import NotAllowed, NotFound
from projects.models import Event
from tests import builders
from tests.environments.house import House
from tests.environments.house import house as new_house

pytestmark = pytest.mark.django_db


@pytest.fixture
def house() -> House:
    return new_house()


def last(kind: str) -> Event:
    return Event.objects.filter(kind=kind).latest("number")


def undo(event: Event, house: House) -> Event:
    """What the undoing itself has written."""
    with events.noted() as made:
        undoing.undo(event.pk, by=house.owner)
    assert made[0].data["undoes"] == event.number
    return made[0]


def held(house: House) -> tuple[Any, Environment, Hold]:
    app, environment = house.app("ferry"), house.environment("lagoon")
    house.live(house.release(app, "1"), environment)
    return app, environment, holds.place(app, environment, by=house.owner, reason="fog")


def test_a_hold_is_lifted_and_placed_again(house: House) -> None:
    _, _, hold = held(house)

    assert undo(last("hold.placed"), house).kind == "hold.lifted"
    assert Hold.objects.get(pk=hold.pk).lifted_at is not None
    undo(last("hold.lifted"), house)

    assert Hold.objects.get(lifted_at=None).reason == "fog"
    told = history.told(house.organization, last("hold.placed"))
    assert told["undoes"] == history.mark(house.organization, last("hold.lifted"))
    assert f"undoing event {last('hold.lifted').number}" in told["sentence"]


def test_a_hold_that_was_lifted_or_placed_anew_meanwhile_stays_so(house: House) -> None:
    app, environment, hold = held(house)
    placed = last("hold.placed")
    holds.lift(hold, by=house.owner)
    lifted = last("hold.lifted")
    with pytest.raises(MovedOn, match="lifted already"):
        undoing.undo(placed.pk, by=house.owner)
    holds.lift(holds.place(app, environment, by=house.owner, reason="again"), by=house.owner)
    with pytest.raises(MovedOn, match="held in lagoon again"):
        undoing.undo(lifted.pk, by=house.owner)
    assert not Hold.objects.filter(lifted_at=None).exists()


def test_what_was_stopped_is_started_again_unless_somebody_did_so(house: House) -> None:
    environment = house.environment("lagoon")
    lifecycle.stop(environment, by=house.owner)
    stopped = last("environment.stopping_started")

    undo_of = undoing.undo(stopped.pk, by=house.owner)

    assert undo_of == stopped and Environment.objects.get(pk=environment.pk).wanted == "active"
    with pytest.raises(MovedOn, match="started or stopped again"):
        undoing.undo(stopped.pk, by=house.owner)


def test_what_was_started_is_stopped_again_and_a_first_provisioning_is_not(house: House) -> None:
    environment = house.environment("lagoon")
    Environment.objects.filter(pk=environment.pk).update(state=State.STOPPED, wanted="inactive")
    first = Event.objects.filter(kind="environment.provisioning_started", environment_id=environment.pk).first()
    with events.noted() as made:
        lifecycle.start(environment, by=house.owner)
    started = undoing.offered(made)
    assert started is not None and started.kind == "environment.provisioning_started"

    undoing.undo(started.pk, by=house.owner)

    assert Environment.objects.get(pk=environment.pk).wanted == "inactive"
    assert first is None or not undoing.undoable(first)


def test_settings_come_back_and_variables_are_kept_out_of_the_log(house: House) -> None:
    environment = house.environment("lagoon")
    lifecycle.update(environment, by=house.owner, description="deep", tags=["sea"])

    undo(last("environment.updated"), house)

    environment.refresh_from_db()
    assert (environment.description, environment.tags) == ("", [])
    lifecycle.update(environment, by=house.owner, execution_environment={"env_vars": {"KEY": "hush-hush"}})
    assert "hush-hush" not in str(last("environment.updated").data)
    with pytest.raises(CannotUndo, match="cannot be undone"):
        undoing.undo(last("environment.updated").pk, by=house.owner)


def test_settings_changed_again_are_not_overwritten_and_others_are_left_alone(house: House) -> None:
    environment = house.environment("lagoon")
    lifecycle.update(environment, by=house.owner, description="deep")
    changed = last("environment.updated")
    lifecycle.update(environment, by=house.owner, display_name="Lagoon")
    undo(changed, house)
    environment.refresh_from_db()
    assert (environment.description, environment.display_name) == ("", "Lagoon")
    lifecycle.update(environment, by=house.owner, description="shallow")
    with pytest.raises(MovedOn, match="changed again"):
        undoing.undo(changed.pk, by=house.owner)


def test_stages_come_back_as_they_were_unless_the_chain_has_changed_since(house: House) -> None:
    one, two = house.environment("one"), house.environment("two")
    chain = house.chain("one", "two")
    before = [(stage.name, environments_of(stage)) for stage in stages_of(chain)]
    chains.update(chain, by=house.owner, stages=[{"name": "Only", "environments": [two.name]}])
    removed = last("chain.updated")

    undo(removed, house)

    assert [(stage.name, environments_of(stage)) for stage in stages_of(chain)] == before
    assert one in before[0][1]
    with pytest.raises(MovedOn, match="This chain"):
        undoing.undo(removed.pk, by=house.owner)


def test_a_role_is_given_back_and_taken_away_again(house: House) -> None:
    member = memberships.find(house.owner, house.person("viewer", name="pilot").user.username)
    lagoon = house.environment("lagoon")
    grants.give(member, by=house.owner, role="operator", environment_id=lagoon.pk)
    undo(last("member.granted"), house)
    assert [grant.role for grant in member.grants.all()] == ["viewer"]
    with pytest.raises(MovedOn, match="does not have this role"):
        undoing.undo(last("member.granted").pk, by=house.owner)

    grants.take_away(member.grants.get().pk, member, by=house.owner)
    undo(last("member.grant_removed"), house)

    assert [grant.role for grant in member.grants.all()] == ["viewer"]


def test_who_may_not_do_it_may_not_undo_it_either(house: House) -> None:
    held(house)
    placed = last("hold.placed")
    with pytest.raises(NotAllowed):
        undoing.undo(placed.pk, by=house.person("viewer"))
    with pytest.raises(NotFound):
        undoing.undo(placed.pk, by=builders.owner_of(builders.organization()))
    with pytest.raises(NotFound):
        undoing.undo(placed.pk, by=house.person("admin", environment=house.environment("elsewhere")))
    assert Hold.objects.filter(lifted_at=None).exists()


def test_what_is_gone_for_good_cannot_be_undone(house: House) -> None:
    token, _ = tokens.create(by=house.owner, name="beacon", role="viewer")
    tokens.revoke(token, by=house.owner)
    with pytest.raises(CannotUndo, match="Access token beacon revoked"):
        undoing.undo(last("token.revoked").pk, by=house.owner)
