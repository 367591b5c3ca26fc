"""Integrations by REST and by page: added, enabled, probed, changed and deleted, and no answer has a credential."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from environments import crew
from environments.configuration import enabling, integrations, secrets, variables
from environments.models import Entry, Environment, Integration
from environments.resolving.scopes import Scope
from projects.credentials import Secret
from projects.errors import Invalid
from projects.models import Agent, Event, Team
from tests import builders
from tests.doors.visiting import html, signed_in, statements, text
from tests.environments.house import House
from tests.environments.house import house as new_house

pytestmark = pytest.mark.django_db
PLANTED = "planted-credential"
GITHUB = {"name": "github", "type": "github", "secrets": {"token": "CI_TOKEN"}}
TYPED = {"name": "github", "api_url": "https://api.github.com", "token": "CI_TOKEN", "description": ""}


@pytest.fixture
def house() -> House:
    return new_house()


@pytest.fixture
def script(house: House) -> Client:
    return builders.rest(house.owner)


@pytest.fixture
def client(house: House) -> Client:
    return signed_in(house.owner)


@pytest.fixture
def place(house: House) -> Environment:
    return house.environment("lagoon")


def sent(script: Client, method: str, path: str, body: Any = None, **headers: str) -> Any:
    if method == "get":
        return script.get(f"/api/v1{path}", headers=headers)
    return getattr(script, method)(f"/api/v1{path}", body or {}, content_type="application/json", headers=headers)


def made(script: Client, **more: Any) -> dict[str, Any]:
    answer = sent(script, "post", "/integrations", GITHUB | more)
    assert answer.status_code == 201, answer.content
    return answer.json()


def github(house: House, *scopes: Scope, name: str = "github", value: str = PLANTED) -> Integration:
    if not Entry.objects.filter(key="CI_TOKEN").exists():
        secrets.create(Scope(), by=house.owner, key="CI_TOKEN", value=Secret(value))
    found = integrations.create(by=house.owner, name=name, type="github", secrets={"token": "CI_TOKEN"})
    for scope in scopes:
        enabling.enable(found, scope, by=house.owner)
    return found


# REST


def test_one_is_added_read_changed_and_deleted(script: Client) -> None:
    one = made(script)
    assert one["settings"] == {"api_url": "https://api.github.com"} and one["secrets"] == {"token": "CI_TOKEN"}
    assert one["env_vars"] == ["GITHUB_API_URL", "GITHUB_TOKEN"] and one["enabled_in"] == []
    assert (one["connected"], one["probed_at"], one["probe_error"]) == (False, None, "")
    path = f"/integrations/{one['id']}"
    read = sent(script, "get", path)
    assert read.json() == one
    assert [each["id"] for each in sent(script, "get", "/integrations").json()] == [one["id"]]

    changed = sent(script, "patch", path, {"name": "hub"}, **{"If-Match": read["ETag"]})
    assert changed.status_code == 200 and changed.json()["name"] == "hub"
    stale = sent(script, "patch", path, {"name": "other"}, **{"If-Match": read["ETag"]})
    assert stale.status_code == 412
    assert sent(script, "patch", path, changed.json()).status_code == 200, "what was read is sent back"
    wrong = sent(script, "patch", path, {"settings": {"api_url": "ftp://x"}})
    assert wrong.status_code == 422 and wrong.json()["errors"][0]["field"] == "settings.api_url"
    assert sent(script, "patch", path, {"type": "gitlab"}).status_code == 422
    assert sent(script, "post", "/integrations", GITHUB | {"name": "HUB"}).json()["code"] == "name-taken"

    assert sent(script, "delete", path).status_code == 204
    assert sent(script, "get", path).status_code == 404 and sent(script, "get", "/integrations").json() == []


def test_the_same_wish_again_makes_one(script: Client) -> None:
    first = sent(script, "post", "/integrations", GITHUB, **{"Idempotency-Key": "k"})
    again = sent(script, "post", "/integrations", GITHUB, **{"Idempotency-Key": "k"})
    assert first.json() == again.json() and Integration.objects.count() == 1


def test_integration_ids_of_an_environment_read_and_write_what_is_enabled_there(
    house: House, script: Client, place: Environment
) -> None:
    one = github(house)
    path = f"/environments/{place.pk}"

    answer = sent(script, "patch", path, {"execution_environment": {"integration_ids": [str(one.pk)]}})

    assert answer.json()["execution_environment"]["integration_ids"] == [str(one.pk)]
    assert answer.json()["execution_environment"]["env_vars"] == {}
    assert sent(script, "patch", path, answer.json()).status_code == 200, "what was read is sent back"
    told = sent(script, "get", f"/integrations/{one.pk}").json()["enabled_in"]
    assert told == [{"scope": "lagoon", "environment_id": str(place.pk), "team_id": None, "agent_id": None}]
    in_use = sent(script, "delete", f"/integrations/{one.pk}")
    assert (in_use.status_code, in_use.json()["code"]) == (409, "in-use") and "lagoon" in in_use.json()["detail"]

    for wrong in (["x"], ["00000000-0000-0000-0000-000000000000"], "x", [7]):
        refused = sent(script, "patch", path, {"execution_environment": {"integration_ids": wrong}})
        assert refused.status_code == 422, refused.content
        assert refused.json()["errors"][0]["field"].startswith("execution_environment.integration_ids")
    assert sent(script, "patch", path, {"execution_environment": None}).json()["execution_environment"] == {
        "env_vars": {}, "secrets": [], "integration_ids": [], "mcp_servers": {}
    }  # fmt: skip


def test_an_environment_team_and_agent_are_made_with_integrations(house: House, script: Client) -> None:
    one = github(house)
    given = {"execution_environment": {"integration_ids": [str(one.pk)], "env_vars": {"MODE": "x"}}}

    for path, body in (
        ("/environments", {"name": "made", "provisioner": "external"}),
        ("/teams", {"name": "crew"}),
        ("/agents", {"name": "agent"}),
    ):
        answer = sent(script, "post", path, body | given)
        assert answer.status_code == 201, answer.content
        told = answer.json()["execution_environment"]
        assert (told["integration_ids"], told["env_vars"]) == ([str(one.pk)], {"MODE": "x"}), path
        wrong = {"execution_environment": {"integration_ids": ["nothing"]}}
        refused = sent(script, "post", path, body | {"name": "another"} | wrong)
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["field"] == "execution_environment.integration_ids"
    assert len(sent(script, "get", f"/integrations/{one.pk}").json()["enabled_in"]) == 3
    assert sent(script, "delete", f"/teams/{Team.objects.get().pk}").status_code == 204
    assert len(sent(script, "get", f"/integrations/{one.pk}").json()["enabled_in"]) == 2


def test_resolved_in_full_tells_what_is_enabled_and_from_which_scope(
    house: House, script: Client, place: Environment
) -> None:
    base = house.environment("base")
    app = house.app()
    sent(script, "patch", f"/environments/{place.pk}", {"based_on": "base"})
    one = github(house, Scope(environment=base))
    path = f"/execution-environment/apps/{app.pk}/resolved/full?environment=lagoon"

    read = sent(script, "get", path)
    assert read.json()["integrations"] == [
        {
            "id": str(one.pk), "name": "github", "type": "github", "scope": "base",
            "env_vars": ["GITHUB_API_URL", "GITHUB_TOKEN"],
        }
    ]  # fmt: skip
    assert PLANTED not in read.content.decode() and read.json()["env_vars"]["GITHUB_TOKEN"] == "••••••••"
    assert sent(script, "get", path, **{"If-None-Match": read["ETag"]}).status_code == 304
    integrations.update(one, by=house.owner, name="renamed")
    assert sent(script, "get", path, **{"If-None-Match": read["ETag"]}).json()["integrations"][0]["name"] == "renamed"

    variables.create(Scope(app=app), by=house.owner, key="GITHUB_API_URL", value="https://own")
    assert sent(script, "get", path).json()["integrations"][0]["env_vars"] == ["GITHUB_TOKEN"]

    agent = crew.create(Agent, by=house.owner, name="agent", environment_ids=[place.pk], projects=[app.project])
    other = integrations.create(by=house.owner, name="chat", type="slack", secrets={"token": "CI_TOKEN"})
    enabling.enable(other, Scope(agent=agent), by=house.owner)
    path = f"/execution-environment/agents/{agent.pk}/resolved/full?environment=lagoon"
    told = sent(script, "get", path).json()
    assert [(each["name"], each["scope"]) for each in told["integrations"]] == [("chat", "agent"), ("renamed", "base")]


def test_a_variable_says_from_which_integration_it_comes_and_is_not_changed(
    house: House, script: Client, place: Environment
) -> None:
    one = github(house, Scope(environment=place))
    entry = Entry.objects.get(key="GITHUB_TOKEN")
    path = f"/variables/{entry.pk}"
    assert sent(script, "get", path).json()["integration_id"] == str(one.pk)

    for answer in (
        sent(script, "patch", path, {"value": "x"}),
        sent(script, "patch", path, {"description": "x"}),
        sent(script, "delete", path),
        sent(script, "post", f"{path}/versions/1/restoration"),
        sent(script, "post", "/variables", {"key": "GITHUB_TOKEN", "value": "x", "environment_id": str(place.pk)}),
        sent(script, "post", "/secrets", {"key": "GITHUB_TOKEN", "value": "x", "environment_id": str(place.pk)}),
        sent(
            script, "patch", f"/environments/{place.pk}", {"execution_environment": {"env_vars": {"GITHUB_TOKEN": "x"}}}
        ),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "from-integration"), answer.content
        assert "comes from the integration github; change it there." in answer.json()["detail"]
    assert Entry.objects.get(pk=entry.pk).current_id == entry.current_id


def test_those_alone_that_answered_are_listed_when_asked_for(
    house: House, script: Client, place: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, path = made(script), "/integrations?connected_only=true"
    assert sent(script, "get", path).json() == []

    told = sent(script, "post", f"/integrations/{one['id']}/probes", {"environment_id": str(place.pk)}).json()
    wrong = "github was not asked: CI_TOKEN is set nowhere in that environment."
    assert told == {"at": told["at"], "answers": False, "code": "no-value", "error": wrong}
    told = sent(script, "get", f"/integrations/{one['id']}").json()
    assert (told["connected"], told["probe_code"], told["probed_in"]) == (False, "no-value", str(place.pk))
    assert told["probe_error"] == wrong
    assert told["probed_at"] and sent(script, "get", path).json() == []

    Integration.objects.update(probe_code="", probe_error="")
    assert [each["id"] for each in sent(script, "get", path).json()] == [one["id"]]
    assert sent(script, "post", f"/integrations/{one['id']}/probes").status_code == 200, (
        "the environment may be left out"
    )


def test_who_sees_one_place_alone_is_told_of_that_alone(house: House, script: Client, place: Environment) -> None:
    other = house.environment("other")
    one = github(house, Scope(environment=place), Scope(environment=other))
    sent(script, "post", f"/integrations/{one.pk}/probes", {"environment_id": str(place.pk)})
    limited = house.person("operator", environment=other)

    told = sent(builders.rest(limited), "get", f"/integrations/{one.pk}").json()

    wrong = "github was not asked: a secret that it names has no value there."
    Integration.objects.update(probe_code="no-value", probe_error="github was not asked: OF_LAGOON is empty.")
    for said in (
        sent(builders.rest(limited), "get", "/integrations").content.decode(),
        sent(builders.rest(limited), "get", f"/integrations/{one.pk}").content.decode(),
        text(html(signed_in(limited), "/integrations")),
        text(html(signed_in(limited), reverse("integration", args=[one.pk]))),
    ):
        assert wrong in said and "OF_LAGOON" not in said
    assert "OF_LAGOON" in sent(script, "get", f"/integrations/{one.pk}").json()["probe_error"]
    assert [each["scope"] for each in told["enabled_in"]] == ["other"] and told["probed_in"] is None
    page = html(signed_in(limited), reverse("integration", args=[one.pk]))
    assert "lagoon" not in page and "And where you may not see it." in text(page)
    assert "lagoon" not in html(signed_in(limited), "/integrations")


def test_reading_many_takes_no_more_statements_than_reading_one(
    house: House, script: Client, client: Client, place: Environment
) -> None:
    github(house, Scope(environment=place))
    pages = ("/integrations?environment=", "/integrations?environment=lagoon")
    before = [statements(client, page) for page in pages]
    for number in range(3):
        github(house, Scope(environment=house.environment(f"place-{number}")), name=f"github-{number}")

    assert [statements(client, page) for page in pages] == before


# Pages


def test_who_has_none_is_told_so_and_adds_enables_and_disables_one(
    house: House, client: Client, place: Environment
) -> None:
    assert "There is no integration yet. Add one:" in text(html(client, "/integrations"))
    assert "GITHUB_API_URL GITHUB_TOKEN" in text(html(client, "/integrations/new"))

    answer = client.post("/integrations/new?type=github", TYPED, follow=True)
    assert "github is added." in answer.content.decode()
    said = text(answer.content.decode())
    assert "Never asked" in said and "GITHUB_API_URL https://api.github.com API address" in said
    assert "GITHUB_TOKEN CI_TOKEN The secret of this key, as it holds there Token" in said
    one = Integration.objects.get()

    answer = client.post(reverse("integration-enabling", args=[one.pk]), {"environment": "lagoon"}, follow=True)
    assert "github is enabled in lagoon." in answer.content.decode()
    assert 'aria-label="Disable for lagoon"' in answer.content.decode()
    told = Event.objects.get(kind="integration.enabled")
    assert reverse("undoing", args=[told.pk]) in answer.content.decode(), "it can be undone"

    answer = client.post(reverse("integration-disabling", args=[one.pk]), {"environment": place.pk}, follow=True)
    assert "Nowhere yet: no process gets its variables." in text(answer.content.decode())


def test_the_list_tells_what_is_enabled_where_and_from_which_scope(
    house: House, client: Client, place: Environment
) -> None:
    heir = house.environment("preview", based_on="lagoon")
    team = crew.create(Team, by=house.owner, name="crew", environment_ids=[heir.pk])
    github(house, Scope(environment=place), Scope(team=team))

    assert "Team crew lagoon preview inherited from lagoon" in text(html(client, "/integrations?environment="))
    assert "preview inherited from lagoon Team crew" in text(html(client, "/integrations?environment=preview"))
    assert "Team crew" not in text(html(client, "/integrations?environment=lagoon"))
    house.environment("elsewhere")
    assert "Not enabled here" in text(html(client, "/integrations?environment=elsewhere"))


def test_a_form_that_is_refused_says_why_beside_its_field(client: Client) -> None:
    answer = client.post("/integrations/new?type=github", TYPED | {"token": "GITHUB_TOKEN", "api_url": "https://x"})
    assert answer.status_code == 422
    said = text(answer.content.decode())
    assert "must be another key than GITHUB_TOKEN, which the integration sets itself." in said
    assert 'value="https://x"' in answer.content.decode()
    assert client.get("/integrations/new?type=nothing").status_code == 404


def test_settings_are_changed_where_nobody_has_changed_them_meanwhile(
    house: House, client: Client, place: Environment
) -> None:
    one = github(house, Scope(environment=place))
    address = reverse("integration-settings", args=[one.pk])
    given = TYPED | {"version": integrations.tag(one), "api_url": "https://github.example.org/api/v3"}

    assert client.post(address, given).status_code == 302
    assert Entry.objects.get(key="GITHUB_API_URL").current.value == "https://github.example.org/api/v3"
    stale = client.post(address, given | {"api_url": "https://other"})
    assert stale.status_code == 409 and "API address" in text(stale.content.decode())


def test_a_key_that_is_set_by_hand_is_told_beside_the_form(house: House, client: Client, place: Environment) -> None:
    variables.create(Scope(environment=place), by=house.owner, key="GITHUB_TOKEN", value="mine")
    one = github(house)

    for typed, status, words in (
        ("lagoon", 409, "GITHUB_TOKEN is set for lagoon already; delete it there, and let github set it."),
        ("nowhere", 422, "There is no environment nowhere here."),
    ):
        answer = client.post(reverse("integration-enabling", args=[one.pk]), {"environment": typed})
        assert answer.status_code == status and words in text(answer.content.decode())
        assert f'value="{typed}"' in answer.content.decode() and 'id="enable-in_error"' in answer.content.decode()


def test_a_refusal_beside_the_form_has_its_own_status(
    house: House, client: Client, place: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise Invalid("It is too long.")

    monkeypatch.setattr(enabling, "enable", refuse)
    answer = client.post(reverse("integration-enabling", args=[github(house).pk]), {"environment": "lagoon"})
    assert answer.status_code == 422 and "It is too long." in text(answer.content.decode())


def test_a_probe_from_the_page_says_what_came_of_it(house: House, client: Client, place: Environment) -> None:
    one = integrations.create(by=house.owner, name="one", type="redis", settings={"host": "127.0.0.1", "port": "9"})
    answer = client.post(reverse("integration-probe", args=[one.pk]), {"environment": "lagoon"}, follow=True)
    said = text(answer.content.decode())
    assert "one cannot be asked: 127.0.0.1 is at 127.0.0.1, a private or special address" in said
    assert "Does not answer as it should" in said and "Asked with the secrets of lagoon" in said
    wrong = client.post(reverse("integration-probe", args=[one.pk]), {"environment": "nowhere"})
    assert wrong.status_code == 422 and "There is no environment nowhere here." in text(wrong.content.decode())


def test_it_is_chosen_in_the_settings_of_environments_teams_and_agents(
    house: House, client: Client, place: Environment
) -> None:
    one = github(house)
    team, agent = crew.create(Team, by=house.owner, name="crew"), crew.create(Agent, by=house.owner, name="agent")
    for name, ident, more in (
        ("environment", place.pk, {"name": "lagoon"}),
        ("team", team.pk, {"name": "crew"}),
        ("agent", agent.pk, {"name": "agent"}),
    ):
        address = reverse(f"{name}-settings", args=[ident])
        seen = client.get(address).content.decode()
        version = seen.split('name="version" value="')[1].split('"')[0]
        assert f'name="integrations" value="{one.pk}"' in seen and "github (GitHub)" in text(seen)

        given = more | {"version": version, "integrations": [str(one.pk)]}
        assert client.post(address, given).status_code == 302, name
        assert Entry.objects.filter(integration=one, **{f"{name}_id": ident}).count() == 2
        assert f'value="{one.pk}" id="id_integrations_0" checked' in client.get(address).content.decode().replace(
            'aria-describedby="id_integrations_helptext" ', ""
        )
        stale = client.post(address, given | {"integrations": []})
        assert stale.status_code == 409, name
        (told,) = re.findall(r"It differs from what is saved in: ([^.]*)\.", text(stale.content.decode()))
        assert "Integrations" in told


def test_pages_of_configuration_say_from_which_integration_a_key_comes(
    house: House, client: Client, place: Environment
) -> None:
    one = github(house, Scope(environment=place))
    entry = Entry.objects.get(key="GITHUB_TOKEN")
    link = reverse("integration", args=[one.pk])

    for address in (
        "/configuration?environment=lagoon", "/configuration?environment=&view=set",
        reverse("configuration-entry", args=[entry.pk]),
    ):  # fmt: skip
        page = html(client, address)
        assert link in page, address
        assert PLANTED not in page
    key = html(client, reverse("configuration-entry", args=[entry.pk]))
    assert reverse("configuration-entry-edit", args=[entry.pk]) not in key and "From github" in text(key)
    for name, arguments in (
        ("configuration-entry-edit", [entry.pk]),
        ("configuration-entry-deletion", [entry.pk]),
        ("configuration-version-restoration", [entry.pk, 1]),
    ):
        for answer in (client.get(reverse(name, args=arguments)), client.post(reverse(name, args=arguments))):
            assert answer.status_code == 409, name
            assert "comes from the integration github; change it there." in text(answer.content.decode())
    imported = client.post("/configuration/import", {"place": "lagoon", "holder": "", "text": "GITHUB_TOKEN=x"})
    assert imported.status_code == 409 and "comes from the integration github" in text(imported.content.decode())


def test_it_is_deleted_from_a_page_that_asks(house: House, client: Client, place: Environment) -> None:
    one = github(house, Scope(environment=place))
    address = reverse("integration-deletion", args=[one.pk])
    refused = client.post(address)
    assert refused.status_code == 409 and "github is enabled in lagoon; disable it there first." in text(
        refused.content.decode()
    )
    enabling.disable(one, Scope(environment=place), by=house.owner)
    assert "github is deleted." in client.post(address, follow=True).content.decode()


def test_everybody_reads_of_integrations_and_only_who_manages_stores_adds_them(house: House) -> None:
    one = github(house)
    operator, viewer = signed_in(house.person("operator")), signed_in(house.person("viewer"))

    assert 'href="/integrations"' in html(viewer, "/") and "New integration" not in html(viewer, "/integrations")
    assert operator.get("/integrations/new").status_code == 403
    page = html(viewer, reverse("integration", args=[one.pk]))
    assert "Probe now" not in page and "Settings</a>" not in page


def test_nothing_that_is_answered_or_told_holds_a_credential(
    house: House, script: Client, client: Client, place: Environment
) -> None:
    one = github(house, Scope(environment=place))
    sent(script, "post", f"/integrations/{one.pk}/probes")
    shown = [
        sent(script, "get", "/integrations").content.decode(),
        sent(script, "get", f"/integrations/{one.pk}").content.decode(),
        *(html(client, reverse(name, args=[one.pk])) for name in ("integration", "integration-settings")),
        html(client, "/integrations"),
        html(client, "/configuration?environment=lagoon"),
        str(list(Event.objects.values())),
        str(list(Integration.objects.values())),
    ]
    assert not [each for each in shown if PLANTED in each]


def test_an_agents_team_that_one_does_not_see_is_not_named(house: House, place: Environment) -> None:
    shown, hidden = house.project("SHOWN"), house.project("HIDDEN")
    type(hidden).objects.filter(pk=hidden.pk).update(visibility="private")
    team = crew.create(Team, by=house.owner, name="smugglers", projects=[hidden])
    given = {"environment_ids": [place.pk], "projects": [shown], "team": team}
    agent = crew.create(Agent, by=house.owner, name="agent", **given)
    github(house, Scope(team=team))

    path = f"/execution-environment/agents/{agent.pk}/resolved/full?environment=lagoon"
    answer = sent(builders.rest(house.person("viewer")), "get", path)

    assert answer.status_code == 200, answer.content
    assert "smugglers" not in answer.content.decode()
    assert [one["scope"] for one in answer.json()["integrations"]] == ["a team that you do not see"]


def test_a_team_that_goes_out_of_sight_is_named_in_no_answer_that_was_given_before(
    house: House, place: Environment
) -> None:
    shown, hidden = house.project("SHOWN"), house.project("HIDDEN")
    type(hidden).objects.filter(pk=hidden.pk).update(visibility="private")
    team = crew.create(Team, by=house.owner, name="pilots", projects=[shown])
    agent = crew.create(Agent, by=house.owner, name="agent", environment_ids=[place.pk], projects=[shown], team=team)
    github(house, Scope(team=team))
    viewer = builders.rest(house.person("viewer"))

    def scopes() -> list[str]:
        path = f"/execution-environment/agents/{agent.pk}/resolved/full?environment=lagoon"
        return [one["scope"] for one in sent(viewer, "get", path).json()["integrations"]]

    assert scopes() == scopes() == ["pilots"]
    team.projects.set([hidden])
    assert scopes() == ["a team that you do not see"]


def test_a_base_of_a_private_project_is_not_named(house: House, place: Environment) -> None:
    app, cellar = house.app(), house.project("CELLAR")
    type(cellar).objects.filter(pk=cellar.pk).update(visibility="private")
    base = house.environment("smugglers", kind="ephemeral", project_id=str(cellar.pk))
    Environment.objects.filter(pk=place.pk).update(based_on=base)
    github(house, Scope(environment=base))
    viewer = builders.rest(house.person("viewer"))

    path = f"/execution-environment/apps/{app.pk}/resolved"
    full = sent(viewer, "get", f"{path}/full?environment=lagoon")
    explained = sent(viewer, "get", f"{path}/explain?environment=lagoon")

    assert [one["scope"] for one in full.json()["integrations"]] == ["an environment that you do not see"]
    key = next(one for one in explained.json()["keys"] if one["key"] == "GITHUB_TOKEN")
    assert key["winner"]["scope"] == key["winner"]["inherited_from"] == "an environment that you do not see"
    assert key["winner"]["environment_id"] is None
    for answer in (full, explained):
        assert "smugglers" not in answer.content.decode() and str(base.pk) not in answer.content.decode()
    assert "smugglers" not in html(signed_in(house.person("viewer")), "/integrations?environment=lagoon")
    whole = sent(builders.rest(house.owner), "get", f"{path}/full?environment=lagoon").json()
    assert [one["scope"] for one in whole["integrations"]] == ["smugglers"]


def test_a_teams_integrations_take_no_statement_each(house: House, script: Client, place: Environment) -> None:
    shown = house.project("SHOWN")
    team = crew.create(Team, by=house.owner, name="crew", environment_ids=[place.pk], projects=[shown])
    path = f"/api/v1/execution-environment/teams/{team.pk}/resolved/full?environment=lagoon"

    def taken(number: int) -> int:
        said = {"prefix": f"X{number}", "url": "https://x.example.org"}
        one = integrations.create(by=house.owner, name=f"x-{number}", type="http", settings=said)
        enabling.enable(one, Scope(team=team), by=house.owner)
        with CaptureQueriesContext(connection) as asked:
            told = script.get(path).json()["integrations"]
        assert [each["scope"] for each in told] == ["crew"] * number
        return len(asked)

    taken(1)
    counted = [taken(number) for number in range(2, 13)]
    assert len(set(counted)) == 1
