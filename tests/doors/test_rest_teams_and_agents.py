"""Teams, agents and projects whole, over REST: the contract's fields, what replaces what, and what goes with what."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from environments import lifecycle
from environments.configuration import entries, secrets, variables
from environments.models import Entry, EntryVersion
from environments.resolving.scopes import Scope
from projects.credentials import Secret
from projects.models import Agent, Event, Project, Team
from tests import builders
from tests.doors.rest import fields, get, is_problem, patch, post

pytestmark = pytest.mark.django_db
AGENT = {
    "name": "crane",
    "description": "lifts",
    "model_id": "maker/model",
    "runtime": "python",
    "runner_name": "one",
    "capabilities": ["lift", "lower"],
    "configuration": {"deep": {"a": [1]}},
    "llm_config": {"temperature": 0.5},
    "system_prompt": "You lift.",
    "command": "lift.sh\n",
}


@pytest.fixture
def cast():
    return builders.cast()


@pytest.fixture
def admin(cast):
    return builders.rest(cast.admin)


@pytest.fixture
def qa(cast):
    return lifecycle.create(by=cast.admin, name="qa", provisioner="external")


def test_a_project_is_told_whole_and_a_key_of_it_replaces_that_field(cast, admin):
    body = {"key": "plat", "name": "Platform", "goals": "Reliable.", "default_model": "a/b", "settings": {"x": 1}}
    made = post(admin, "/projects", body)
    told = made.json()
    assert made.status_code == 201
    assert {name: told[name] for name in body} == {**body, "key": "PLAT"}
    assert (told["visibility"], told["status"], told["owner"][:6]) == ("org", "active", "token:")
    assert (told["app_count"], told["team_count"], told["agent_count"], told["archived_at"]) == (0, 0, 0, None)
    path = f"/projects/{told['id']}"
    changed = patch(admin, path, {**get(admin, path).json(), "goals": None, "settings": None}).json()
    assert (changed["goals"], changed["settings"], changed["default_model"]) == ("", {}, "a/b")
    assert fields(patch(admin, path, {"agent_count": 3})) == {"agent_count"}
    assert fields(patch(admin, path, {"settings": {"x": "y" * 20_000}})) == {"settings"}
    builders.app(cast.admin, project=Project.objects.get(key="PLAT"))
    for noun in ("team", "agent"):
        one = post(admin, f"/{noun}s", {"name": "x"}).json()
        assert post(admin, f"{path}/{noun}s", {f"{noun}_id": one["id"]}).status_code == 201
        assert is_problem(post(admin, f"{path}/{noun}s", {f"{noun}_id": one["id"]}), 409, "already-assigned")
        assert [row["id"] for row in get(admin, f"{path}/{noun}s").json()] == [one["id"]]
        assert get(admin, f"/{noun}s/{one['id']}").json()["project_ids"] == [told["id"]]
    told = get(admin, path).json()
    assert (told["app_count"], told["team_count"], told["agent_count"]) == (1, 1, 1)
    assert admin.delete(f"/api/v1{path}/agents/{one['id']}").status_code == 204
    assert is_problem(admin.delete(f"/api/v1{path}/agents/{one['id']}"), 404)


def test_an_archived_project_leaves_the_lists_and_comes_back(cast, admin):
    app = builders.app(cast.admin)
    path = f"/projects/{app.project_id}"
    assert post(admin, f"{path}/archival").json()["status"] == "archived"
    assert get(admin, "/projects").json() == [] and get(admin, "/apps").json() == []
    assert get(admin, "/board").json()["rows"] == []
    assert [row["status"] for row in get(admin, "/projects?archived=true").json()] == ["archived"]
    assert is_problem(post(admin, "/apps", {"project_id": str(app.project_id), "name": "late"}), 409, "archived")
    ephemeral = {"name": "review", "project_id": str(app.project_id), "provisioner": "external"}
    assert is_problem(post(admin, "/environments", ephemeral), 409, "archived")
    assert post(admin, f"{path}/restoration").json()["status"] == "active"
    assert [row["name"] for row in get(admin, "/apps").json()] == [app.name]


def test_an_agent_is_made_changed_and_deleted(cast, admin, qa):
    team = post(admin, "/teams", {"name": "dockers"}).json()
    body = {**AGENT, "team_id": team["id"], "environment_ids": [str(qa.id)], "skill_ids": []}
    made = post(admin, "/agents", body)
    told = made.json()
    assert made.status_code == 201 and made["Location"] == f"/api/v1/agents/{told['id']}"
    assert {name: told[name] for name in body} == body
    path = f"/agents/{told['id']}"
    assert patch(admin, path, told).json() == told, "what was read is sent back"
    changed = patch(admin, path, {"model": "other/model", "capabilities": None, "environment_ids": []}).json()
    assert (changed["model_id"], changed["capabilities"], changed["environment_ids"]) == ("other/model", [], [])
    assert fields(patch(admin, path, {"model": "a", "model_id": "b"})) == {"model"}
    assert fields(patch(admin, path, {"project_ids": []} | {"nothing": 1})) == {"nothing"}
    assert fields(patch(admin, path, {"environment_ids": ["00000000-0000-0000-0000-000000000001"]})) == {
        "environment_ids"
    }
    other = post(admin, "/teams", {"name": "porters"}).json()
    assert is_problem(patch(admin, path, {"team_id": other["id"]}), 409, "one-team")
    assert patch(admin, path, {"team_id": None}).json()["team_id"] is None
    assert patch(admin, path, {"team_id": other["id"]}).json()["team_id"] == other["id"]
    gone = admin.delete(f"/api/v1{path}")
    assert (gone.status_code, gone.json()) == (200, {"id": told["id"]})
    assert is_problem(get(admin, path), 404)
    assert fields(post(admin, "/agents", {"name": "x", "skill_ids": ["a"]})) == {"skill_ids"}


def test_agents_join_and_leave_a_team_by_its_address(admin):
    team, agent = (post(admin, path, {"name": "x"}).json() for path in ("/teams", "/agents"))
    path = f"/teams/{team['id']}/agents/{agent['id']}"
    assert post(admin, path).json()["agent_ids"] == [agent["id"]]
    assert is_problem(post(admin, path), 409, "one-team")
    assert [row["id"] for row in get(admin, f"/agents?team={team['id']}").json()] == [agent["id"]]
    assert admin.delete(f"/api/v1{path}").status_code == 204
    assert is_problem(admin.delete(f"/api/v1{path}"), 404)


@pytest.mark.parametrize("noun", ["team", "agent"])
def test_its_variables_are_the_rows_of_its_own_scope(cast, admin, noun):
    equipment = {"env_vars": {"A": "1", "B": "{{A}}2"}, "secrets": ["TOKEN"], "mcp_servers": {"files": {"x": 1}}}
    made = post(admin, f"/{noun}s", {"name": "x", "execution_environment": equipment}).json()
    assert made["execution_environment"] == {**equipment, "integration_ids": []}
    path = f"/{noun}s/{made['id']}"
    row = {"team": Team, "agent": Agent}[noun].objects.get(pk=made["id"])
    scope = Scope(**{noun: row})
    a = entries.visible(cast.admin).get(key="A")
    assert entries.scope_of(a).columns == scope.columns
    variables.update(a, by=cast.admin, value="one")
    variables.create(scope, by=cast.admin, key="C", value="3")
    told = get(admin, path).json()["execution_environment"]
    assert told["env_vars"] == {"A": "one", "B": "{{A}}2", "C": "3"}

    before = Event.objects.count()
    assert patch(admin, path, {"execution_environment": {"env_vars": told["env_vars"]}}).status_code == 200
    assert Event.objects.count() == before, "nothing has changed"
    changed = patch(admin, path, {"execution_environment": {"env_vars": {"A": "uno", "C": "3"}}}).json()
    assert changed["execution_environment"]["env_vars"] == {"A": "uno", "C": "3"}
    assert changed["execution_environment"]["secrets"] == ["TOKEN"], "the other parts stay"
    kinds = Event.objects.filter(number__gt=0).order_by("-number").values_list("kind", "object__name")[:2]
    assert set(kinds) == {("variable.updated", "A"), ("variable.deleted", "B")}
    cleared = patch(admin, path, {"execution_environment": None}).json()["execution_environment"]
    assert cleared == {"env_vars": {}, "secrets": [], "integration_ids": [], "mcp_servers": {}}


def test_what_it_cannot_work_with_is_refused_whole_and_named(cast, admin):
    def named(**part):
        return fields(post(admin, "/teams", {"name": "x", "execution_environment": part}))

    assert named(env_vars={"PATH": "x"}) == {"execution_environment.env_vars.PATH"}
    assert named(env_vars={"A": "{{"}) == {"execution_environment.env_vars.A"}
    assert named(env_vars={"A": None}) == {"execution_environment.env_vars.A"}
    assert named(secrets=["a b"]) == {"execution_environment.secrets"}
    assert named(integration_ids=["x"]) == {"execution_environment.integration_ids"}
    assert named(nothing=1) == {"execution_environment.nothing"}
    assert not Team.objects.exists() and not Entry.objects.exists()
    team = post(admin, "/teams", {"name": "x"}).json()
    secrets.create(Scope(team=Team.objects.get()), by=cast.admin, key="A", value=Secret("planted"))
    taken = patch(admin, f"/teams/{team['id']}", {"execution_environment": {"env_vars": {"A": "1"}}})
    assert is_problem(taken, 409, "key-taken") and "planted" not in taken.content.decode()


@pytest.mark.parametrize("noun", ["team", "agent"])
def test_what_is_set_for_it_goes_with_it_and_the_versions_stay(cast, admin, qa, noun):
    made = post(admin, f"/{noun}s", {"name": "x", "execution_environment": {"env_vars": {"A": "1"}}}).json()
    row = {"team": Team, "agent": Agent}[noun].objects.get(pk=made["id"])
    variables.create(Scope(environment=qa, **{noun: row}), by=cast.admin, key="A", value="2")
    secrets.create(Scope(**{noun: row}), by=cast.admin, key="S", value=Secret("planted"))
    versions = EntryVersion.objects.count()
    assert admin.delete(f"/api/v1/{noun}s/{made['id']}").status_code in {200, 204}
    assert not Entry.objects.filter(deleted_at=None).exists()
    assert EntryVersion.objects.count() == versions * 2 == 6, "each was deleted by a version of its own"
    assert not entries.visible(cast.owner, deleted=True).exists(), "nothing comes back where nothing is"


def test_a_project_that_had_configuration_is_kept_with_a_sentence(cast, admin):
    project = builders.project(cast.admin)
    entry = variables.create(Scope(project=project), by=cast.admin, key="A", value="1")
    for _ in range(2):
        refused = admin.delete(f"/api/v1/projects/{project.id}")
        assert is_problem(refused, 409, "in-use") and "Archive it" in refused.json()["detail"]
        if entry.deleted_at is None:
            entry = entries.delete(entry, by=cast.admin)


def test_lists_cost_the_same_however_long_they_are(cast, admin, qa):
    body = {"environment_ids": [str(qa.id)], "execution_environment": {"env_vars": {"A": "1"}}}

    def cost(path):
        get(admin, path)
        with CaptureQueriesContext(connection) as queries:
            assert get(admin, path).status_code == 200
        return len(queries)

    before = {}
    for n in range(8):
        project = builders.project(cast.admin)
        team = post(admin, "/teams", {"name": f"t{n}", "project_ids": [str(project.id)], **body}).json()
        post(admin, "/agents", {"name": f"a{n}", "team_id": team["id"], "project_ids": [str(project.id)], **body})
        before = before or {path: cost(path) for path in ("/projects", "/teams", "/agents")}
    assert {path: cost(path) for path in before} == before
