"""The pages of teams, agents and of projects made whole: what they say to whom, and the forms that change them."""

import re

import pytest
from django.urls import reverse

from environments import crew
from environments.overview import crews
from projects import agents, assignments, lifecycle, teams
from projects.models import Agent, Event, Project, Team
from tests import builders
from tests.doors.visiting import actions, beside, html, signed_in, statements, text
from tests.environments.house import House
from tests.environments.house import house as new_house

pytestmark = pytest.mark.django_db


@pytest.fixture
def house() -> House:
    return new_house()


@pytest.fixture
def project(house: House) -> Project:
    return house.project("HARBOUR")


def of(thing: Team | Agent | Project) -> str:
    return reverse(type(thing).__name__.lower(), args=[thing.pk])


def test_a_team_is_made_in_a_project_and_its_page_tells_what_it_works_with(house: House, project: Project) -> None:
    qa, client = house.environment("qa"), signed_in(house.owner)
    assert f'value="{project.key}"' in html(client, "/teams/new?project=harbour")
    body = {
        "name": "dockers", "description": "They load.", "project": "harbour", "environments": "QA",
        "secrets": "TOKEN, OTHER", "mcp_servers": '{"files": {}}', "configuration": "",
    }  # fmt: skip
    made = client.post("/teams/new", body)
    team = Team.objects.get()
    assert (made.status_code, made["Location"]) == (302, of(team))
    said = text(html(client, of(team)))
    for words in ("dockers", "They load.", "HARBOUR", "qa", "TOKEN", "OTHER", "files", "This team has no agent yet."):
        assert words in said, words
    assert crews.working([team], by=house.owner)[team.pk]["environments"] == [qa]


def test_an_agents_page_tells_what_it_does(house: House, project: Project) -> None:
    client = signed_in(house.owner)
    team = teams.create(by=house.owner, name="dockers")
    body = {"name": "crane", "model_id": "maker/model", "team": "dockers", "capabilities": "lift, lower",
            "command": "lift.sh\n", "system_prompt": "You lift."}  # fmt: skip
    assert client.post("/agents/new", body).status_code == 302
    agent = Agent.objects.get()
    assert (agent.team, agent.capabilities) == (team, ["lift", "lower"])
    said = text(html(client, of(agent)))
    for words in ("maker/model", "dockers", "lift", "lift.sh", "You lift.", "the whole organization sees it"):
        assert words in said, words
    idle = text(html(client, of(agents.create(by=house.owner, name="idle"))))
    assert "neither a command nor a prompt" in idle


@pytest.mark.parametrize(
    ("field", "typed", "told"),
    [
        ("name", "x" * 101, "100"),
        ("project", "nothing", "There is no project nothing here."),
        ("environments", "nothing", "There is no environment nothing here."),
        ("team", "nothing", "There is no team nothing here."),
        ("mcp_servers", "{", "This is no JSON"),
        ("llm_config", "[]", "begins with {"),
        ("secrets", "a b", "a b"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_what_was_typed_stays(
    house: House, field: str, typed: str, told: str
) -> None:
    answer = signed_in(house.owner).post("/agents/new", {"name": "crane", "model_id": "kept", field: typed})
    assert answer.status_code == 422 and not Agent.objects.exists()
    shown = answer.content.decode()
    assert told in beside(shown, field) and 'value="kept"' in shown


def test_a_name_that_is_taken_is_said_beside_the_name(house: House) -> None:
    teams.create(by=house.owner, name="dockers")
    answer = signed_in(house.owner).post("/teams/new", {"name": "Dockers"})
    assert answer.status_code == 409 and "This name is taken" in beside(answer.content.decode(), "name")


def test_settings_are_saved_and_nothing_newer_is_overwritten(house: House, project: Project) -> None:
    client, qa = signed_in(house.owner), house.environment("qa")
    team = teams.create(by=house.owner, name="dockers")
    agent = crew.create(
        Agent, by=house.owner, name="crane", team=team, system_prompt=" kept ", environment_ids=[qa.id],
        execution_environment={"env_vars": {"A": "1"}}, projects=[project],
    )  # fmt: skip
    for thing, room in ((team, teams), (agent, agents)):
        page = f"{of(thing)}/settings"
        shown = html(client, page)
        seen = {name: value for name, value in re.findall(r'<input[^>]*name="(\w+)"[^>]*value="([^"]*)"', shown)}
        before = Event.objects.count()
        fields = {name: seen.get(name, "") for name in ("version", "name", "team", "environments", "capabilities")}
        fields["system_prompt"] = " kept "
        assert client.post(page, fields).status_code == 302
        assert Event.objects.count() == before, "what was read was sent back"
        assert client.post(page, {**fields, "description": "new"}).status_code == 302
        assert client.post(page, {**fields, "description": "other"}).status_code == 409
        assert room.find(house.owner, thing.pk).description == "new"
    work = crews.working([agent], by=house.owner)[agent.pk]
    assert (work["env_vars"], work["projects"], work["environments"]) == ({"A": "1"}, [project], [qa])


def test_teams_and_agents_are_assigned_and_taken_off_on_a_projects_page(house: House, project: Project) -> None:
    client = signed_in(house.owner)
    team, agent = teams.create(by=house.owner, name="dockers"), agents.create(by=house.owner, name="crane")
    page = of(project)
    assert "No team works for this project yet." in text(html(client, page))
    for noun, thing in (("team", team), ("agent", agent)):
        assert client.post(f"{page}/{noun}s", {noun: thing.name.upper()}).status_code == 302
        assert thing in getattr(project, f"{noun}s").all()
        assert client.post(f"{page}/{noun}s", {noun: thing.name}).status_code == 409
        assert client.post(f"{page}/{noun}s", {noun: "nothing"}).status_code == 422
        assert of(thing) in html(client, page)
    listed = html(client, "/projects")
    assert re.search(r"HARBOUR 0 1 1 0 ", text(listed)), text(listed)
    for noun, thing in (("team", team), ("agent", agent)):
        assert client.post(f"{page}/{noun}s/{thing.pk}/removal").status_code == 302
        assert not getattr(project, f"{noun}s").exists()


def test_agents_come_into_a_team_and_go_on_its_page(house: House) -> None:
    client = signed_in(house.owner)
    team, agent = teams.create(by=house.owner, name="dockers"), agents.create(by=house.owner, name="crane")
    assert client.post(f"{of(team)}/agents", {"agent": "crane"}).status_code == 302
    assert of(agent) in html(client, of(team))
    assert client.post(f"{of(team)}/agents", {"agent": "crane"}).status_code == 409
    assert client.post(f"{of(team)}/agents/{agent.pk}/removal").status_code == 302
    assert "This team has no agent yet." in text(html(client, of(team)))


def test_what_is_deleted_leaves_its_list(house: House) -> None:
    client = signed_in(house.owner)
    for made in (teams.create(by=house.owner, name="dockers"), agents.create(by=house.owner, name="crane")):
        noun = type(made).__name__.lower()
        assert "deleted with it" in text(html(client, f"{of(made)}/deletion"))
        assert client.post(f"{of(made)}/deletion")["Location"] == f"/{noun}s"
        assert f"There is no {noun} yet." in text(html(client, f"/{noun}s"))
        assert client.get(of(made)).status_code == 404


def test_a_viewer_reads_and_is_offered_nothing_to_change(house: House, project: Project) -> None:
    team = teams.create(by=house.owner, name="dockers", projects=[project])
    agent = agents.create(by=house.owner, name="crane", team=team)
    client = signed_in(house.person("viewer"))
    for address in (of(team), of(agent), of(project), "/teams", "/agents", "/projects"):
        shown = html(client, address)
        assert actions(shown) == set(), address
        assert not re.search(r'href="[^"]*/(settings|deletion|archival|new)\b', shown.partition("<main")[2]), address


def test_lists_are_filtered_by_their_address(house: House, project: Project) -> None:
    client, qa = signed_in(house.owner), house.environment("qa")
    other = house.project("OTHER")
    team = crew.create(Team, by=house.owner, name="dockers", projects=[project], environment_ids=[qa.id])
    teams.create(by=house.owner, name="porters", projects=[other])
    crew.create(Agent, by=house.owner, name="crane", team=team, projects=[project], environment_ids=[qa.id])
    agents.create(by=house.owner, name="truck", model_id="maker/model")
    for address, shown, hidden in (
        ("/teams?project=HARBOUR", "dockers", "porters"),
        ("/teams?q=port", "porters", "dockers"),
        ("/teams?environment=qa", "dockers", "porters"),
        ("/agents?project=HARBOUR", "crane", "truck"),
        ("/agents?team=dockers", "crane", "truck"),
        ("/agents?q=maker", "truck", "crane"),
        ("/agents?environment=qa", "crane", "truck"),
        ("/projects?q=harb", "HARBOUR", "OTHER"),
    ):
        kept = "" if "environment" in address else "&environment="
        rows = html(client, address + kept).partition('id="list"')[2]
        assert shown in rows and hidden not in rows, address
    assert "Nothing matches." in text(html(client, "/agents?q=nothing&environment="))
    lifecycle.update(other, by=house.owner, visibility="private")
    lifecycle.archive(project, by=house.owner)
    for address, shown, hidden in (
        ("/projects?environment=", "OTHER", "HARBOUR"),
        ("/projects?status=archived", "HARBOUR", "OTHER"),
        ("/projects?visibility=private", "OTHER", "HARBOUR"),
    ):
        rows = html(client, address).partition('id="list"')[2]
        assert shown in rows and hidden not in rows, address
    assert client.get("/projects?visibility=secret").status_code == 422


def test_a_project_is_archived_and_restored_on_its_page(house: House) -> None:
    house.environment("qa")
    house.chain("qa")
    app = house.app("ledger")
    release = house.release(app, "1.0")
    client, page = signed_in(house.owner), of(app.project)
    assert client.post(f"{page}/archival").status_code == 302
    said = html(client, page)
    assert "Archived" in text(said) and "/apps/new" not in said and actions(said) >= {"restoration"}
    assert "Archived with its project" in text(html(client, reverse("app", args=[app.pk])))
    assert "can only be removed" in text(html(client, reverse("release", args=[release.pk])))
    assert "ledger" not in html(client, "/")
    undone = Event.objects.get(kind="project.archived")
    assert client.post(f"/events/{undone.pk}/undoing").status_code == 302
    assert "/apps/new" in html(client, page) and "ledger" in html(client, "/")


def test_settings_tell_what_a_project_is_for_and_who_sees_it(house: House, project: Project) -> None:
    client, page = signed_in(house.owner), of(project)
    version = lifecycle.version(project)
    body = {"name": "Harbour", "goals": "Load ships.", "visibility": "private", "default_model": "maker/model"}
    assert client.post(f"{page}/settings", {**body, "version": version}).status_code == 302
    said = text(html(client, page))
    assert "Load ships." in said and "Owners, and who has a role in it" in said and "maker/model" in said
    assert "Private" in text(html(client, "/projects"))
    default = lifecycle.default(by=house.owner)
    refused = client.post(f"{of(default)}/settings", {**body, "name": "Default", "version": lifecycle.version(default)})
    assert refused.status_code == 422 and "everybody" in beside(refused.content.decode(), "visibility")


def test_pages_cost_the_same_however_much_they_show(house: House, project: Project) -> None:
    client = signed_in(house.owner)
    team = teams.create(by=house.owner, name="first", projects=[project])
    agent = agents.create(by=house.owner, name="first", team=team, projects=[project])
    addresses = ("/teams", "/agents", "/projects", of(team), of(agent), of(project))
    before = {address: statements(client, address) for address in addresses}
    for n in range(6):
        more = builders.project(house.owner)
        teams.create(by=house.owner, name=f"team {n}", projects=[project, more])
        agents.create(by=house.owner, name=f"agent {n}", team=team, projects=[project, more])
        assignments.assign(team, more, by=house.owner)
    assert {address: statements(client, address) for address in addresses} == before
