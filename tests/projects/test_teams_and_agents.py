"""Teams and agents: names are unique, an agent has at most one team, and who sees and manages them follows projects."""

import pytest

from projects import agents, assignments, lifecycle, retired, teams
from projects.errors import Conflict, Invalid, NotAllowed, NotFound
from projects.models import Agent, Event, Team
from projects.versions import ChangedMeanwhile
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    return builders.cast()


def test_names_are_taken_regardless_of_case_until_what_bears_them_is_deleted(cast):
    for room in (teams, agents):
        made = room.create(by=cast.admin, name="Night shift")
        with pytest.raises(Conflict, match="This name is taken"):
            room.create(by=cast.admin, name="night SHIFT")
        other = room.create(by=cast.admin, name="Day shift")
        with pytest.raises(Conflict, match="This name is taken"):
            room.update(other, by=cast.admin, name="night shift")
        room.create(by=cast.stranger, name="Night shift")
        room.delete(made, by=cast.admin)
        assert room.update(other, by=cast.admin, name="night shift").name == "night shift"
        with pytest.raises(NotFound):
            room.find(cast.owner, made.id)
        with pytest.raises(NotFound):
            room.update(made, by=cast.admin, name="again")


@pytest.mark.parametrize(
    ("room", "fields", "named"),
    [
        (teams, {"name": ""}, "name"),
        (teams, {"name": "x" * 101}, "name"),
        (teams, {"name": "x\0"}, "name"),
        (teams, {"name": "x", "description": "\ud800"}, "description"),
        (teams, {"name": "x", "configuration": {"a": float("nan")}}, "configuration"),
        (teams, {"name": "x", "configuration": {"a": "x" * 20_000}}, "configuration"),
        (teams, {"name": "x", "mcp_servers": {"a": "\0"}}, "mcp_servers"),
        (teams, {"name": "x", "required_secrets": ["not a name"]}, "secrets"),
        (teams, {"name": "x", "required_secrets": ["PATH"]}, "secrets"),
        (teams, {"name": "x", "created_by": "user:king"}, "created_by"),
        (agents, {"name": "x", "model_id": "m" * 201}, "model_id"),
        (agents, {"name": "x", "capabilities": [" "]}, "capabilities"),
        (agents, {"name": "x", "llm_config": []}, "llm_config"),
        (agents, {"name": "x", "command": "c" * 70_000}, "command"),
    ],
)
def test_a_field_that_will_not_do_is_named(cast, room, fields, named):
    with pytest.raises(Invalid) as caught:
        room.create(by=cast.admin, **fields)
    assert [error["field"] for error in caught.value.errors] == [named]
    assert not Team.objects.exists() and not Agent.objects.exists()


def test_an_agent_has_at_most_one_team(cast):
    one, other = (teams.create(by=cast.admin, name=name) for name in ("one", "other"))
    agent = agents.create(by=cast.admin, name="crane")
    teams.add(one, agent, by=cast.admin)
    with pytest.raises(teams.OneTeam, match="crane is in one already"):
        teams.add(one, agent, by=cast.admin)
    with pytest.raises(teams.OneTeam, match="take it out of that one first"):
        teams.add(other, agent, by=cast.admin)
    with pytest.raises(NotFound):
        teams.take_out(other, agent, by=cast.admin)
    teams.take_out(one, agent, by=cast.admin)
    assert teams.add(other, agent, by=cast.admin).team == other
    teams.delete(other, by=cast.admin)
    agent.refresh_from_db()
    assert agent.team is None
    with pytest.raises(NotFound):
        teams.add(other, agent, by=cast.admin)
    kinds = list(Event.objects.filter(object__id=str(agent.id)).order_by("number").values_list("kind", flat=True))
    assert kinds == ["agent.created", *["agent.joined_team", "agent.left_team"] * 2]


def test_it_works_for_the_projects_it_is_assigned_to_and_for_each_once(cast):
    project = builders.project(cast.admin)
    for room in (teams, agents):
        made = room.create(by=cast.admin, name="crew")
        assignments.assign(made, project, by=cast.admin)
        with pytest.raises(assignments.AlreadyAssigned):
            assignments.assign(made, project, by=cast.admin)
        assignments.take_off(made, project, by=cast.admin)
        with pytest.raises(NotFound):
            assignments.take_off(made, project, by=cast.admin)
        lifecycle.archive(project, by=cast.admin)
        with pytest.raises(retired.Archived):
            assignments.assign(made, project, by=cast.admin)
        lifecycle.restore(project, by=cast.admin)
        with pytest.raises(NotFound):
            assignments.assign(made, builders.project(cast.stranger), by=cast.admin)


def test_who_sees_none_of_its_projects_sees_it_not_and_what_works_for_none_is_everybodys(cast):
    mine, other = builders.project(cast.owner), builders.project(cast.owner)
    limited = builders.member(cast.organization, "viewer", project=mine)
    for room in (teams, agents):
        seen = room.create(by=cast.owner, name="seen", projects=[mine, other])
        hidden = room.create(by=cast.owner, name="hidden", projects=[other])
        free = room.create(by=cast.owner, name="free")
        assert set(room.visible(limited)) == {seen, free}
        assert set(room.visible(cast.viewer)) == {seen, hidden, free}
        assert not room.visible(cast.stranger).exists()
        with pytest.raises(NotFound):
            room.find(limited, "hidden")


def test_who_manages_a_project_manages_what_works_for_it_alone(cast):
    mine, other = builders.project(cast.owner), builders.project(cast.owner)
    limited = builders.member(cast.organization, "admin", project=mine)
    for room in (teams, agents):
        made = room.create(by=limited, name="ours", projects=[mine])
        assert room.update(made, by=limited, description="x").description == "x"
        with pytest.raises(NotAllowed):
            room.create(by=limited, name="everybodys")
        with pytest.raises(NotFound):
            room.create(by=limited, name="theirs", projects=[mine, other])
        assert not type(made).objects.filter(name="theirs").exists()
        assignments.assign(made, other, by=cast.owner)
        with pytest.raises(NotAllowed):
            room.update(made, by=limited, description="y")
        with pytest.raises(NotAllowed):
            room.delete(made, by=limited)
        for who in (cast.viewer, cast.operator):
            with pytest.raises(NotAllowed):
                room.update(made, by=who, description="z")
        with pytest.raises(NotFound):
            room.update(made, by=cast.stranger, description="z")


def test_nothing_newer_is_overwritten(cast):
    for room in (teams, agents):
        made = room.create(by=cast.admin, name="crew")
        seen = room.version(made)
        room.update(made, by=cast.admin, description="newer", seen=seen)
        with pytest.raises(ChangedMeanwhile):
            room.update(made, by=cast.admin, description="older", seen=seen)
        before = Event.objects.count()
        room.update(made, by=cast.admin, description="newer")
        assert Event.objects.count() == before, "nothing has changed"


def test_an_archived_project_takes_nothing_new_and_is_taken_back(cast):
    app = builders.app(cast.admin)
    project = app.project
    lifecycle.archive(project, by=cast.admin)
    assert lifecycle.archive(project, by=cast.admin).archived_at is not None
    project.refresh_from_db()
    for act in (
        lambda: builders.app(cast.admin, project=project, called="late"),
        lambda: builders.release(cast.admin, app),
        lambda: teams.create(by=cast.admin, name="late", projects=[project]),
    ):
        with pytest.raises(retired.Archived, match=f"{project.key} is archived and takes nothing new"):
            act()
    assert Event.objects.filter(kind="project.archived").count() == 1
    lifecycle.restore(project, by=cast.admin)
    builders.release(cast.admin, type(app).objects.get(pk=app.pk))
    default = lifecycle.default(by=cast.viewer)
    with pytest.raises(lifecycle.InUse):
        lifecycle.archive(default, by=cast.owner)
    with pytest.raises(NotAllowed):
        lifecycle.archive(project, by=cast.operator)
