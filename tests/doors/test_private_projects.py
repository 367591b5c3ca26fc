"""A private project is seen by owners and by those who have a role that names it: by nobody else, through no door."""

import re
import uuid
from typing import Any

import pytest
from django.test import Client

from environments.configuration import secrets, variables
from environments.resolving.scopes import Scope
from environments.stream.following import concerns, may_hear, sees
from projects import access, agents, apps, grants, lifecycle, memberships, teams, tokens
from projects.credentials import Secret
from projects.errors import NotAllowed, NotFound
from projects.models import Agent, App, Event, Grant, Project, Team
from tests import builders
from tests.doors import test_every_operation as operations
from tests.doors import test_every_page as pages
from tests.doors.rest import get, is_problem, patch, post
from tests.doors.street import Street, street, undone
from tests.doors.visiting import html, signed_in, statements, text
from tests.shared import built_once, fresh

pytestmark = pytest.mark.django_db
# What an organization's admin finds of a project that is no longer theirs to see: neither names nor ids.
WORDS = {"ferry", "HARBOUR", "dockers", "stevedore", "wait for the tide", "TIDE", "SALT"}
IDS = (
    "app_id", "project_id", "release_id", "old_release_id", "run_id", "failed_run_id", "deployment_id", "plan_id",
    "hold_id", "team_id", "agent_id",
)  # fmt: skip
PLACED = {"app_id", "project_id", "release_id", "run_id", "hold_id", "event_id", "team_id", "agent_id"}
OUTSIDERS = ("viewer", "operator", "admin")


built = built_once(street)


@pytest.fixture
def closed(built: Street) -> Street:
    """The street, with all that it has in one project that its owner has made private."""
    ours = fresh(built)
    project = Project.objects.get(pk=ours.things["project_id"])
    app, team = App.objects.get(pk=ours.things["app_id"]), Team.objects.get(pk=ours.things["team_id"])
    for scope in (Scope(project=project), Scope(app=app), Scope(team=team)):
        variables.create(scope, by=ours.house.owner, key="SALT", value="salty")
        secrets.create(scope, by=ours.house.owner, key="SALT_KEY", value=Secret("peppery"))
    lifecycle.update(project, by=ours.house.owner, visibility="private")
    ours.people = {name: access.of_user(one.user, one.organization) for name, one in ours.people.items()}
    return ours


def _member(ours: Street, role: str = "viewer") -> access.Actor:
    return ours.house.person(role, project=Project.objects.get(pk=ours.things["project_id"]))


def _leaks(ours: Street, told: str) -> set[str]:
    marks = WORDS | {str(ours.things[name]) for name in IDS}
    return {one for one in marks if re.search(rf"(?<![-\w]){re.escape(one)}", told)}


@pytest.mark.parametrize("who", OUTSIDERS)
def test_no_operation_tells_who_has_no_role_in_it_that_it_is_there(closed: Street, who: str) -> None:
    client = closed.script(who)
    unknown = {name: uuid.uuid4() for name in closed.things} | {
        name: closed.things[name] for name in ("environment_id", "chain_id", "member_id", "worker_id", "token_id")
    }
    nouns = {"agents", "apps", "deployments", "holds", "plans", "projects", "releases", "runs", "teams", "events"}
    for operation in operations.OURS:
        with undone():
            answer = operations.knock(client, operation, closed)
            told = operations._text(answer)
            assert answer.status_code < 500 and not _leaks(closed, told), (operation, told)
            if operation.noun in nouns:
                assert answer.status_code in {404, 422}, (operation, answer.status_code)
                other = operations.knock(client, operation, closed, unknown)
                assert (other.status_code, operations._text(other)) == (answer.status_code, told), operation


@pytest.mark.parametrize("who", OUTSIDERS)
def test_no_page_shows_it_to_who_has_no_role_in_it(closed: Street, who: str) -> None:
    client = closed.browser(who)
    for door in pages.GUARDED:
        for method in ("get", "post"):
            with undone():
                answer = pages.knock(client, method, door, closed)
                told = answer.content.decode() if not answer.streaming else b"".join(answer).decode()
                # Their own wish is drawn again, and the address that they have asked for is their own word.
                asked = {str(closed.things[name]) for name in IDS}
                assert answer.status_code < 500 and not _leaks(closed, told) - asked, (door.name, method, told)
                if door.keywords & PLACED and answer.status_code != 405:
                    assert answer.status_code == 404, (door.name, method, answer.status_code)


def test_a_member_of_it_and_an_owner_find_all_of_it(closed: Street) -> None:
    for reader in (_member(closed), closed.people["owner"]):
        client = builders.rest(reader)
        for path in (
            "/projects",
            "/apps",
            "/releases",
            "/runs",
            "/deployments",
            "/holds",
            "/teams",
            "/agents",
            "/board",
        ):
            assert _leaks(closed, get(client, path).content.decode()), path
        assert _leaks(closed, html(signed_in(reader), "/")), reader
        assert _leaks(closed, get(client, "/events?limit=500").content.decode())


def test_an_admin_with_a_role_in_it_has_that_role_there_and_their_own_elsewhere(closed: Street) -> None:
    admin = closed.people["admin"]
    member = memberships.find(closed.house.owner, admin.user.username)
    project = Project.objects.get(pk=closed.things["project_id"])
    grants.give(member, by=closed.house.owner, role="viewer", project=project)
    admin = access.of_user(admin.user, admin.organization)
    assert not admin.sees_all or admin.visible_projects.everything
    client = builders.rest(admin)
    assert get(client, f"/projects/{project.id}").json()["key"] == "HARBOUR"
    assert is_problem(patch(client, f"/projects/{project.id}", {"description": "mine"}), 403)
    # Who may only look at it gives nobody a role in it, nor themself a better one.
    asked = {"username": admin.user.username, "role": "admin", "project_id": str(project.id)}
    assert is_problem(post(client, "/members", asked), 403)
    assert is_problem(post(client, "/invitations", {"role": "admin", "project_id": str(project.id)}), 403)
    made = post(client, "/tokens", {"name": "climber", "role": "admin", "project_ids": [str(project.id)]})
    assert is_problem(made, 403)
    assert post(client, "/projects", {"key": "MINE", "name": "Mine"}).status_code == 201


def test_counts_are_those_of_what_one_sees(closed: Street) -> None:
    before = get(closed.script("owner"), "/board").json()["counts"]
    assert before["all"] == 1 and before["held"] + before["failed"] + before["deploying"] > 0
    told = get(closed.script("admin"), "/board").json()
    assert set(told["counts"].values()) == {0} and told["rows"] == []
    said = text(html(closed.browser("admin"), "/environments"))
    assert re.search(r"\blagoon Running external All 0 ", said), said


def test_search_and_the_choices_of_forms_know_nothing_of_it(closed: Street) -> None:
    client = closed.browser("admin")
    for words in ("ferry", "HARBOUR", "1.0", "2.0", "#1", "dockers", "stevedore"):
        found = html(client, f"/search?q={words.replace('#', '%23')}")
        assert not _leaks(closed, found) - {words}, words
    for address in ("/runs", "/releases", "/endpoints", "/activity", "/projects", "/members/invite"):
        answer = client.get(address)
        assert not _leaks(closed, answer.content.decode()), address


def test_a_taken_key_or_name_says_only_that_it_is_taken(closed: Street) -> None:
    client = closed.script("admin")
    for path, body in (
        ("/projects", {"key": "harbour", "name": "x"}),
        ("/teams", {"name": "Dockers"}),
        ("/agents", {"name": "Stevedore"}),
    ):
        answer = post(client, path, body)
        assert is_problem(answer, 409) and "taken" in answer.json()["detail"]
        # The key is their own word, in capitals.
        assert not _leaks(closed, answer.content.decode()) - {"HARBOUR"}


def test_whoever_makes_a_private_project_stays_in_it_and_nobody_else_comes_in(closed: Street) -> None:
    client = closed.script("admin")
    made = post(client, "/projects", {"key": "SECRET", "name": "Hidden harbour", "visibility": "private"})
    assert made.status_code == 201 and made.json()["visibility"] == "private"
    path = f"/projects/{made.json()['id']}"
    assert get(client, path).status_code == 200 and get(closed.script("owner"), path).status_code == 200
    for who in ("viewer", "operator"):
        assert is_problem(get(closed.script(who), path), 404)
    other = builders.rest(closed.house.person("admin"))
    assert is_problem(get(other, path), 404) and "SECRET" not in get(other, "/projects").content.decode()
    # The role by which they are in it is one that can be seen and taken away.
    (grant,) = Grant.objects.filter(project_id=made.json()["id"])
    assert (grant.role, grant.membership.user) == ("admin", closed.people["admin"].user)


def test_tokens_reach_it_by_its_name_or_a_role_of_their_maker_in_it(closed: Street) -> None:
    project = Project.objects.get(pk=closed.things["project_id"])
    owner = closed.people["owner"]

    def reaches(by: access.Actor, role: str, **limits: Any) -> bool:
        token, _ = tokens.create(by=by, name=builders.name("t"), role=role, **limits)
        return access.of_token(token).sees(project_id=project.id)

    assert reaches(owner, "owner") and reaches(owner, "viewer", project_ids=[project.id])
    assert not reaches(owner, "admin") and not reaches(owner, "viewer")
    assert not reaches(closed.people["admin"], "admin")
    with pytest.raises(NotFound):
        reaches(closed.people["admin"], "viewer", project_ids=[project.id])
    with pytest.raises(NotFound):
        reaches(closed.people["admin"], "viewer", project_ids=[uuid.uuid4()])
    member = memberships.find(owner, closed.people["admin"].user.username)
    grants.give(member, by=owner, role="admin", project=project)
    admin = access.of_user(closed.people["admin"].user, owner.organization)
    assert reaches(admin, "admin") and reaches(admin, "viewer", project_ids=[project.id])


def test_a_token_that_names_it_is_listed_to_those_who_see_it(closed: Street) -> None:
    project = Project.objects.get(pk=closed.things["project_id"])
    token, _ = tokens.create(by=closed.people["owner"], name="harbourlight", role="viewer", project_ids=[project.id])
    other = Project.objects.get(key="OTHER")
    both, _ = tokens.create(by=closed.people["owner"], name="both", role="viewer", project_ids=[project.id, other.id])
    seen = {row["name"]: row["project_ids"] for row in get(closed.script("admin"), "/tokens").json()}
    assert token.name not in seen and seen[both.name] == [str(other.id)]
    assert token.name in {row["name"] for row in get(builders.rest(_member(closed)), "/tokens").json()}


def test_its_events_and_hints_are_heard_by_nobody_else(closed: Street) -> None:
    project = Project.objects.get(pk=closed.things["project_id"])
    events = list(Event.objects.filter(project_id=project.id))
    hint = {"subjects": [f"environment:{closed.things['environment_id']}"], "project": str(project.id)}
    outside, inside = closed.people["admin"], _member(closed)
    assert len(events) > 10
    assert not any(sees(outside, event) for event in events) and not may_hear(outside, hint)
    assert all(sees(inside, event) for event in events) and may_hear(inside, hint)
    configuration = [event for event in events if event.kind.startswith(("variable.", "secret."))]
    assert {event.kind for event in configuration} == {"variable.created", "secret.created", "secret.updated"}


def test_who_listens_is_looked_at_anew_before_the_event_that_made_a_project_private_is_told(closed: Street) -> None:
    """Their rights are of before; the event itself and all behind it are told by those of now."""
    viewer = closed.people["viewer"]
    other = Project.objects.get(key="OTHER")
    lifecycle.update(other, by=closed.house.owner, description="no secret")
    lifecycle.update(other, by=closed.house.owner, visibility="private")
    made = lifecycle.create(by=closed.house.owner, key="NEWEST", name="Newest", visibility="private")
    described, hidden, created = Event.objects.filter(kind__startswith="project.").order_by("-number")[:3][::-1]
    assert (described.data["changed"], hidden.data["changed"]) == (["description"], ["visibility"])
    assert created.project_id == made.id
    assert [concerns(viewer, event) for event in (described, hidden, created)] == [False, True, True]
    assert sees(viewer, hidden) and sees(viewer, created), "by the rights that they had"
    now = access.of_user(viewer.user, viewer.organization)
    assert not sees(now, hidden) and not sees(now, created)


def test_what_the_log_tells_of_a_deleted_one_stays_hidden(closed: Street) -> None:
    made = lifecycle.create(by=closed.house.owner, key="GHOST", name="Ghost", visibility="private")
    lifecycle.delete(made, by=closed.house.owner)
    assert "GHOST" in get(closed.script("owner"), "/events?limit=500").content.decode()
    assert "GHOST" not in get(closed.script("admin"), "/events?limit=500").content.decode()
    assert "GHOST" not in html(closed.browser("admin"), "/activity")


def test_teams_and_agents_are_seen_through_any_project_that_is_seen(closed: Street) -> None:
    team, agent = Team.objects.get(pk=closed.things["team_id"]), Agent.objects.get(pk=closed.things["agent_id"])
    outside = closed.people["viewer"]
    assert team not in teams.visible(outside) and agent not in agents.visible(outside)
    other = Project.objects.get(key="OTHER")
    team.projects.add(other)
    told = get(builders.rest(outside), f"/teams/{team.id}").json()
    assert told["project_ids"] == [str(other.id)] and told["agent_ids"] == []
    team.projects.clear()
    assert team in teams.visible(outside), "what works for no project is everybody's"
    agent.projects.add(other)
    team.projects.add(closed.things["project_id"])
    assert get(builders.rest(outside), f"/agents/{agent.id}").json()["team_id"] is None
    variables.create(Scope(team=team), by=closed.house.owner, key="LEVEL", value="debug")
    place = closed.house.environment("quay")
    path = f"/execution-environment/agents/{agent.id}/resolved/explain?project={other.id}&environment={place.name}"
    told = get(builders.rest(outside), path).json()["keys"]
    assert [one["winner"]["scope"] for one in told if one["key"] == "LEVEL"] == ["a team that you do not see"]
    assert str(team.id) not in str(told) and team.name not in str(told)


def test_a_private_project_is_not_deleted_while_it_hides_a_team(closed: Street) -> None:
    made = lifecycle.create(by=closed.house.owner, key="GHOST", name="Ghost", visibility="private")
    team = teams.create(by=closed.house.owner, name="phantoms")
    team.projects.add(made)
    with pytest.raises(lifecycle.InUse, match="take them out of it first"):
        lifecycle.delete(made, by=closed.house.owner)
    teams.delete(team, by=closed.house.owner)
    lifecycle.delete(made, by=closed.house.owner)


def test_where_nothing_is_private_rights_cost_no_statement_more(built: Street) -> None:
    ours = fresh(built)
    counted = {who: statements(ours.browser(who), "/projects") for who in ("owner", "viewer")}
    lifecycle.update(Project.objects.get(pk=ours.things["project_id"]), by=ours.house.owner, visibility="private")
    assert {who: statements(ours.browser(who), "/projects") for who in ("owner", "viewer")} == counted
    assert counted["viewer"] == counted["owner"]


def test_the_default_project_stays_everybodys(closed: Street) -> None:
    client = closed.script("owner")
    default = get(client, "/projects/default").json()
    assert patch(client, f"/projects/{default['id']}", {"visibility": "private"}).status_code == 422
    assert is_problem(post(client, f"/projects/{default['id']}/archival"), 409)
    assert patch(client, f"/projects/{default['id']}", {"visibility": "secret"}).status_code == 422


def test_only_somebody_who_manages_it_makes_it_private(closed: Street) -> None:
    other = Project.objects.get(key="OTHER")
    with pytest.raises(NotAllowed):
        lifecycle.update(other, by=closed.people["operator"], visibility="private")
    lifecycle.update(other, by=closed.people["admin"], visibility="private")
    assert access.of_user(closed.people["admin"].user, closed.house.organization).sees(project_id=other.id)
    assert not access.of_user(closed.people["viewer"].user, closed.house.organization).sees(project_id=other.id)
    assert not Grant.objects.filter(project=other, membership__user=closed.house.owner.user).exists()


def test_an_apps_own_name_is_free_in_another_project(closed: Street) -> None:
    made = apps.create(by=closed.people["admin"], project=Project.objects.get(key="OTHER"), name="ferry")
    assert made.name == "ferry" and isinstance(Client(), Client)
