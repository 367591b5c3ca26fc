"""Undoing: the inverse of one event, by the same rooms, with the same rights, and never over something newer."""

from typing import Any

import pytest

from environments import lifecycle, undoing
from environments.delivery import archivals, chains, deployments, holds
from environments.models import Environment, Hold, State
from environments.planning import plans
from environments.planning.stages import environments_of, stages_of
from environments.undoing import CannotUndo, MovedOn
from projects import apps, events, grants, history, memberships, tokens
from projects import lifecycle as projects
from projects.errors import NotAllowed, NotFound
from projects.models import App, Event
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
    assert "hush-hush" not in str(last("variable.created").data)


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


def test_what_was_said_of_an_app_and_of_a_project_comes_back(house: House) -> None:
    app, lagoon = house.app("ferry"), house.environment("lagoon")
    project = app.project
    was = (project.name, project.description, None)
    apps.update(app, by=house.owner, name="Tug", repository_url="https://git.example.org/tug")
    projects.update(project, by=house.owner, name="Pier", restrict_to_environment_id=lagoon.pk)

    assert undo(last("app.updated"), house).data["changed"] == ["name", "repository_url"]
    assert undo(last("project.updated"), house).data["changed"] == ["name", "restrict_to_environment"]

    app.refresh_from_db()
    project.refresh_from_db()
    assert (app.name, app.repository_url) == ("ferry", "")
    assert (project.name, project.description, project.restrict_to_environment_id) == was
    undo(last("project.updated"), house)
    project.refresh_from_db()
    assert project.restrict_to_environment_id == lagoon.pk


def test_an_app_or_project_changed_again_is_not_overwritten_and_its_other_settings_are_left_alone(house: House) -> None:
    app = house.app("ferry")
    for thing, update, noun in ((app, apps.update, "app"), (app.project, projects.update, "project")):
        update(thing, by=house.owner, description="slow")
        changed = last(f"{noun}.updated")
        update(thing, by=house.owner, name=f"Renamed {noun}")
        undo(changed, house)
        thing.refresh_from_db()
        assert (thing.description, thing.name) == ("", f"Renamed {noun}")
        update(thing, by=house.owner, description="fast")
        before = Event.objects.count()
        with pytest.raises(MovedOn, match=f"The settings of Renamed {noun} were changed again meanwhile"):
            undoing.undo(changed.pk, by=house.owner)
        assert Event.objects.count() == before


def test_a_name_that_another_app_has_by_now_is_not_taken_from_it(house: House) -> None:
    app = house.app("ferry")
    apps.update(app, by=house.owner, name="tug")
    renamed = last("app.updated")
    apps.create(by=house.owner, project=app.project, name="Ferry")
    with pytest.raises(apps.NameTaken):
        undoing.undo(renamed.pk, by=house.owner)
    app.refresh_from_db()
    assert app.name == "tug"


def test_a_project_is_not_bound_again_to_an_environment_that_is_gone_nor_taken_back_once_deleted(house: House) -> None:
    lagoon, project = house.environment("lagoon"), house.project("HARBOUR")
    projects.update(project, by=house.owner, restrict_to_environment_id=lagoon.pk)
    projects.update(project, by=house.owner, restrict_to_environment_id=None)
    lifted = last("project.updated")
    lifecycle.delete(lagoon, by=house.owner)
    with pytest.raises(MovedOn, match=f"The environment that {project.name} deployed to is not here any more"):
        undoing.undo(lifted.pk, by=house.owner)
    archivals.archive(house.app("ferry", project=project), by=house.owner)
    projects.delete(project, by=house.owner)
    with pytest.raises(MovedOn, match="This project was deleted meanwhile"):
        undoing.undo(lifted.pk, by=house.owner)
    with pytest.raises(MovedOn, match="This app was deleted with its project meanwhile"):
        undoing.undo(last("app.archived").pk, by=house.owner)


def test_a_password_that_an_address_still_holds_is_kept_out_of_the_log(house: House) -> None:
    app, old = house.app("ferry"), "https://me:hush-hush@git.example.org/ferry"
    App.objects.filter(pk=app.pk).update(repository_url=old)
    apps.update(app, by=house.owner, description="slow", repository_url=old)
    assert last("app.updated").data["changed"] == ["description"]
    apps.update(app, by=house.owner, repository_url="https://git.example.org/ferry")
    assert "hush-hush" not in str(last("app.updated").data)
    with pytest.raises(CannotUndo):
        undoing.undo(last("app.updated").pk, by=house.owner)


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


def test_an_archived_app_is_restored_and_archived_again(house: House) -> None:
    app = house.app("ferry")
    archivals.archive(app, by=house.owner)

    assert undo(last("app.archived"), house).kind == "app.restored"
    assert app in apps.visible(house.owner)
    assert undo(last("app.restored"), house).kind == "app.archived"

    assert app in apps.visible(house.owner, archived=True)


def test_an_app_archived_or_restored_again_meanwhile_stays_so(house: House) -> None:
    app = house.app("ferry")
    archivals.archive(app, by=house.owner)
    first = last("app.archived")
    apps.restore(app, by=house.owner)
    restored = last("app.restored")
    archivals.archive(app, by=house.owner)
    before = Event.objects.count()
    for event in (first, restored):
        with pytest.raises(MovedOn, match="ferry was archived or restored again meanwhile"):
            undoing.undo(event.pk, by=house.owner)
    assert Event.objects.count() == before


def test_a_restored_app_that_is_on_its_way_somewhere_is_not_archived_by_undoing(house: House) -> None:
    app, lagoon = house.app("ferry"), house.environment("lagoon")
    release = house.release(app, "1")
    archivals.archive(app, by=house.owner)
    apps.restore(app, by=house.owner)
    plan = plans.propose(by=house.owner, release=release, environment=lagoon)
    deployments.carry_out(plan, by=house.owner)

    with pytest.raises(archivals.InFlight, match="is in flight in lagoon"):
        undoing.undo(last("app.restored").pk, by=house.owner)

    app.refresh_from_db()
    assert app.archived_at is None


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


def test_who_may_not_undo_it_is_not_told_either_whether_it_is_too_late(house: House) -> None:
    app, viewer = house.app("ledger"), house.person("viewer")
    apps.update(app, by=house.owner, description="first")
    settings = last("app.updated")
    apps.update(app, by=house.owner, description="second")
    archivals.archive(app, by=house.owner)
    archived = last("app.archived")
    apps.restore(app, by=house.owner)

    for event in (settings, archived):
        with pytest.raises(MovedOn):
            undoing.undo(event.pk, by=house.owner)
        with pytest.raises(NotAllowed):
            undoing.undo(event.pk, by=viewer)


def test_what_is_gone_for_good_cannot_be_undone(house: House) -> None:
    token, _ = tokens.create(by=house.owner, name="beacon", role="viewer")
    tokens.revoke(token, by=house.owner)
    with pytest.raises(CannotUndo, match="Access token beacon revoked"):
        undoing.undo(last("token.revoked").pk, by=house.owner)
