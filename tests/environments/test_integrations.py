"""An integration sets its variables wherever it is enabled, and nobody changes these by hand."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from environments import crew, undoing
from environments import lifecycle as environments
from environments.configuration import (
    catalogue,
    copying,
    enabling,
    entries,
    importing,
    integrations,
    secrets,
    setting,
    variables,
)
from environments.configuration.entries import FromIntegration, Taken
from environments.configuration.importing import Wish
from environments.configuration.integrations import InUse, NameTaken
from environments.doing import assignments
from environments.models import Entry, EntryVersion, Environment, Integration, IntegrationType
from environments.planning import plans
from environments.resolving import resolution
from environments.resolving.resolution import Target
from environments.resolving.scopes import Scope
from projects.credentials import Secret
from projects.errors import Invalid, NotAllowed, NotFound
from projects.models import Agent, Event, Team
from projects.versions import ChangedMeanwhile
from tests.environments.line import Line, line
from tests.environments.test_pins import gate_of, overtaken
from tests.environments.test_runs_claim import together

TOKEN = "planted-token"
MINE = {"GITHUB_API_URL": "https://api.github.com", "GITHUB_TOKEN": TOKEN}

pytestmark = pytest.mark.django_db


@pytest.fixture
def road() -> Line:
    return line()


def github(road: Line, *, name: str = "github", key: str = "CI_TOKEN", **more: Any) -> Integration:
    return integrations.create(by=road.owner, name=name, type="github", secrets={"token": key}, **more)


def hide(road: Line, scope: Scope, key: str = "CI_TOKEN", value: str = TOKEN) -> Entry:
    return secrets.create(scope, by=road.owner, key=key, value=Secret(value))


def enabled(road: Line, *scopes: Scope) -> Integration:
    """GitHub, with a token that the organization has, enabled in development unless it is said where."""
    hide(road, Scope())
    made = github(road)
    for scope in scopes or (Scope(environment=road.development),):
        enabling.enable(made, scope, by=road.owner)
    return made


def resolved(road: Line, place: Environment | None = None) -> resolution.Resolution:
    place = place or road.development
    return resolution.resolve(Target(organization_id=road.owner.organization.pk, environment_id=place.pk))


def row(key: str = "GITHUB_TOKEN", **more: Any) -> Entry:
    return entries.locked(Entry.objects.get(key=key, kind="variable", **more))


# What a process gets


def test_a_deployments_worker_gets_the_documented_names_and_is_told_to_mask_the_secret(road: Line) -> None:
    enabled(road)

    given = assignments.specification(road.house.claimed(road.deploy(road.v1, road.development)))

    assert {key: given["env"][key] for key in MINE} == MINE
    assert TOKEN in given["masks"]
    found = resolved(road)
    assert "GITHUB_TOKEN" in found.masked and "GITHUB_API_URL" not in found.masked
    assert [one.key for one in EntryVersion.objects.select_related("entry") if TOKEN in one.value] == []


def test_a_secret_that_is_missing_blocks_the_plan_and_names_it(road: Line) -> None:
    enabling.enable(github(road), Scope(environment=road.development), by=road.owner)

    plan = plans.propose(by=road.owner, release=road.v1, environment=road.development)

    assert plan.blocked
    assert "GITHUB_TOKEN refers to {{.secret.CI_TOKEN}}, which is set nowhere here" in gate_of(plan)["sentence"]


def test_what_is_based_on_an_environment_inherits_what_is_enabled_there(road: Line) -> None:
    environments.update(road.staging, by=road.owner, based_on=str(road.development.pk))
    enabled(road)

    assert resolved(road, road.staging).environ() == MINE | {"CI_TOKEN": TOKEN}
    assert "GITHUB_TOKEN" not in resolved(road, road.production).winners


def test_each_place_resolves_its_own_secret(road: Line) -> None:
    made = enabled(road, Scope(environment=road.development), Scope(environment=road.production))
    hide(road, Scope(environment=road.production), value="of-production")

    assert resolved(road, road.production).environ()["GITHUB_TOKEN"] == "of-production"
    assert resolved(road).environ()["GITHUB_TOKEN"] == TOKEN
    assert [str(scope) for scope in enabling.places(made, by=road.owner)] == ["development", "production"]


def test_what_is_narrower_prevails_as_over_any_variable(road: Line) -> None:
    enabled(road)
    variables.create(
        Scope(app=road.app, environment=road.development), by=road.owner, key="GITHUB_API_URL", value="https://own"
    )
    target = Target(
        organization_id=road.owner.organization.pk, environment_id=road.development.pk, app_id=road.app.pk,
        project_id=road.app.project_id,
    )  # fmt: skip

    assert resolution.resolve(target).environ()["GITHUB_API_URL"] == "https://own"


def test_what_runs_is_overtaken_when_an_integration_is_enabled_changed_or_disabled(road: Line) -> None:
    hide(road, Scope())
    road.deployed(road.v1, road.development)
    made, scope = github(road), Scope(environment=road.development)

    enabling.enable(made, scope, by=road.owner)
    assert overtaken(road) == 2
    road.deployed(road.v2, road.development)
    assert overtaken(road) == 0
    integrations.update(made, by=road.owner, settings={"api_url": "https://github.example.org/api/v3"})
    assert overtaken(road) == 1
    enabling.disable(made, scope, by=road.owner)
    assert overtaken(road) == 2


# Changing, disabling, deleting


def test_a_change_writes_new_versions_everywhere_it_is_enabled(road: Line) -> None:
    team = crew.create(Team, by=road.owner, name="crew")
    made = enabled(road, Scope(environment=road.development), Scope(team=team))
    hide(road, Scope(), "OTHER_TOKEN", "other")

    integrations.update(made, by=road.owner, secrets={"token": "OTHER_TOKEN"}, name="renamed")

    told = Entry.objects.filter(integration=made, key="GITHUB_TOKEN").values_list("current__value", "current__number")
    assert set(told) == {("{{.secret.OTHER_TOKEN}}", 2)} and len(told) == 2
    assert Entry.objects.get(key="GITHUB_API_URL", team=team).current.number == 1, "what is the same makes no version"
    assert resolved(road).environ()["GITHUB_TOKEN"] == "other"


def test_a_change_of_names_deletes_the_old_ones_and_sets_the_new_ones(road: Line) -> None:
    hide(road, Scope())
    said = {"prefix": "BILLING", "url": "https://billing.example.org"}
    made = integrations.create(by=road.owner, name="b", type="http", settings=said, secrets={"token": "CI_TOKEN"})
    enabling.enable(made, Scope(environment=road.development), by=road.owner)
    assert {"BILLING_URL", "BILLING_TOKEN"} <= set(resolved(road).winners)

    made = integrations.update(made, by=road.owner, settings=said | {"prefix": "MONEY"}, secrets={})

    assert set(resolved(road).winners) == {"CI_TOKEN", "MONEY_URL"}
    assert not Entry.objects.filter(integration=made, deleted_at__isnull=False).exists()


def test_a_change_that_meets_a_key_set_by_hand_is_refused_as_a_whole(road: Line) -> None:
    said = {"prefix": "BILLING", "url": "https://billing.example.org"}
    made = integrations.create(by=road.owner, name="b", type="http", settings=said)
    enabling.enable(made, Scope(environment=road.development), by=road.owner)
    road.configure(road.development, MONEY_URL="mine")

    with pytest.raises(Taken, match="MONEY_URL is set for development already; delete it there, and let b set it"):
        integrations.update(made, by=road.owner, settings=said | {"prefix": "MONEY"})

    assert Integration.objects.get().settings["prefix"] == "BILLING" and "BILLING_URL" in resolved(road).winners


def test_disabling_deletes_what_it_set_and_enabling_again_goes_on_with_the_history(road: Line) -> None:
    made, scope = enabled(road), Scope(environment=road.development)

    assert enabling.disable(made, scope, by=road.owner) is True
    assert enabling.disable(made, scope, by=road.owner) is False
    gone = row()
    assert gone.deleted_at and gone.integration is None and "GITHUB_TOKEN" not in resolved(road).winners
    # It is anybody's now.
    variables.restore(gone, 1, by=road.owner)
    entries.delete(row(), by=road.owner)

    assert enabling.enable(made, scope, by=road.owner) is True
    assert enabling.enable(made, scope, by=road.owner) is False
    again = row()
    assert again.pk == gone.pk and again.integration == made and again.current and again.current.number == 5


def test_it_is_not_deleted_while_it_is_enabled_and_names_only_places_that_are_seen(road: Line) -> None:
    made = enabled(road, Scope(environment=road.development), Scope(environment=road.production))
    with pytest.raises(InUse, match=r"github is enabled in development, production; disable it there first\."):
        integrations.delete(made, by=road.owner)

    hidden = road.house.project("HIDDEN")
    Entry.objects.filter(environment=road.production)  # the environment of a private project is not seen
    type(hidden).objects.filter(pk=hidden.pk).update(visibility="private")
    Environment.objects.filter(pk=road.production.pk).update(project=hidden, kind="ephemeral")
    Entry.objects.filter(environment=road.production).update(within=hidden)
    with pytest.raises(InUse, match="enabled in development and others;"):
        integrations.delete(made, by=road.house.person("admin"))

    for scope in enabling.places(made, by=road.owner):
        enabling.disable(made, scope, by=road.owner)
    integrations.delete(made, by=road.owner)
    assert not Integration.objects.exists() and github(road).name == "github", "its name is free again"


def test_what_is_gone_keeps_no_integration(road: Line) -> None:
    team = crew.create(Team, by=road.owner, name="crew")
    made = enabled(road, Scope(team=team), Scope(environment=road.production))
    crew.delete(team, by=road.owner)
    assert [str(scope) for scope in enabling.places(made, by=road.owner)] == ["production"]

    Environment.objects.filter(pk=road.production.pk).update(deleted_at="2026-01-01T00:00Z")
    integrations.update(made, by=road.owner, settings={"api_url": "https://other.example.org"})
    integrations.delete(made, by=road.owner)


def test_undoing_goes_by_what_was_done_and_not_by_its_variables(road: Line) -> None:
    enabled(road)
    told = Event.objects.filter(data__integration="github")
    assert told.count() == 2 and not any(undoing.undoable(event) for event in told)
    for event in told:
        with pytest.raises(undoing.CannotUndo):
            undoing.undo(event.pk, by=road.owner)

    undoing.undo(Event.objects.get(kind="integration.enabled").pk, by=road.owner)
    assert "GITHUB_TOKEN" not in resolved(road).winners
    undoing.undo(Event.objects.get(kind="integration.disabled").pk, by=road.owner)
    assert resolved(road).environ()["GITHUB_TOKEN"] == TOKEN
    with pytest.raises(undoing.MovedOn):
        undoing.undo(Event.objects.filter(kind="integration.disabled").latest("number").pk, by=road.owner)


# By hand


BY_HAND: dict[str, Callable[[Line, Entry, Scope], Any]] = {
    "update": lambda road, entry, scope: variables.update(entry, by=road.owner, value="x"),
    "the same value": lambda road, entry, scope: variables.update(entry, by=road.owner, value=entry.current.value),
    "delete": lambda road, entry, scope: entries.delete(entry, by=road.owner),
    "describe": lambda road, entry, scope: entries.describe(entry, by=road.owner, description="mine"),
    "restore": lambda road, entry, scope: variables.restore(entry, 1, by=road.owner),
    "create": lambda road, entry, scope: variables.create(scope, by=road.owner, key=entry.key, value="x"),
    "create a secret": lambda road, entry, scope: secrets.create(
        scope, by=road.owner, key=entry.key, value=Secret("x")
    ),
    "put": lambda road, entry, scope: setting.put(scope, by=road.owner, key=entry.key, kind="variable", value="x"),
    "replace": lambda road, entry, scope: variables.replace(scope, {entry.key: "x"}, by=road.owner),
    "preview": lambda road, entry, scope: importing.preview(
        scope, Wish(text=Secret(f"{entry.key}=x")), by=road.owner
    ),
    "import": lambda road, entry, scope: importing.save(scope, Wish(text=Secret(f"{entry.key}=x")), by=road.owner),
    "copy": lambda road, entry, scope: copying.copy(
        entry.key, road.staging, Scope(app=road.app), scope, by=road.owner
    ),
    "another type": lambda road, entry, scope: environments.update(
        road.development, by=road.owner, execution_environment={"env_vars": {entry.key: "x"}}
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", BY_HAND)
def test_nobody_changes_by_hand_what_an_integration_sets(road: Line, way: str) -> None:
    enabled(road)
    road.configure(road.staging, GITHUB_TOKEN="of-staging")
    entry, versions = row(environment=road.development), EntryVersion.objects.count()

    with pytest.raises(FromIntegration, match="GITHUB_TOKEN comes from the integration github; change it there"):
        BY_HAND[way](road, entry, Scope(environment=road.development))

    assert EntryVersion.objects.count() == versions and row(environment=road.development).description == ""


def test_replacing_all_variables_leaves_alone_what_integrations_set(road: Line) -> None:
    enabled(road)
    road.configure(road.development, MODE="test")
    importing.save(Scope(environment=road.development), Wish(text=Secret("MODE=live"), replace=True), by=road.owner)
    exported = "GITHUB_TOKEN='{{.secret.CI_TOKEN}}'\nMODE=live"
    told = importing.preview(Scope(environment=road.development), Wish(text=Secret(exported)), by=road.owner)

    assert told.is_empty
    assert resolved(road).environ() == MINE | {"CI_TOKEN": TOKEN, "MODE": "live"}
    assert variables.of_environments([road.development.pk])[road.development.pk] == {"MODE": "live"}


def test_a_key_that_is_set_there_by_hand_is_not_taken_over(road: Line) -> None:
    road.configure(road.development, GITHUB_TOKEN="mine")
    made, scope = github(road), Scope(environment=road.development)
    sentence = "GITHUB_TOKEN is set for development already; delete it there, and let github set it"

    with pytest.raises(Taken, match=sentence):
        enabling.enable(made, scope, by=road.owner)
    assert not Entry.objects.filter(integration=made).exists()

    road.configure(road.development)
    hide(road, scope, "GITHUB_TOKEN")
    with pytest.raises(Taken, match=sentence):
        enabling.enable(made, scope, by=road.owner)


def test_two_of_a_kind_are_not_enabled_in_one_scope(road: Line) -> None:
    enabled(road)
    other = github(road, name="other")
    with pytest.raises(Taken, match="Another integration sets GITHUB_API_URL for development already; disable that"):
        enabling.enable(other, Scope(environment=road.development), by=road.owner)
    enabling.enable(other, Scope(environment=road.staging), by=road.owner)


def test_integrations_and_variables_change_places_in_one_wish(road: Line) -> None:
    made = enabled(road)

    def wish(**given: Any) -> None:
        environments.update(road.development, by=road.owner, execution_environment=given)

    wish(integration_ids=[], env_vars={"GITHUB_TOKEN": "mine"})
    assert resolved(road).environ()["GITHUB_TOKEN"] == "mine"
    wish(integration_ids=[str(made.pk)], env_vars={})
    assert resolved(road).environ()["GITHUB_TOKEN"] == TOKEN
    with pytest.raises(Invalid) as refusal:
        wish(integration_ids=["nothing"])
    assert refusal.value.errors[0]["field"] == "execution_environment.integration_ids"


# Who may, and what the database refuses


def test_who_manages_secret_stores_manages_integrations_and_who_configures_enables(road: Line) -> None:
    made = enabled(road)
    operator, viewer = road.house.person("operator"), road.house.person("viewer")
    elsewhere = road.house.person("operator", environment=road.staging)

    with pytest.raises(NotAllowed):
        integrations.create(by=operator, name="x", type="github", secrets={"token": "X"})
    with pytest.raises(NotAllowed):
        integrations.update(made, by=operator, name="x")
    with pytest.raises(NotAllowed):
        integrations.delete(made, by=operator)
    assert enabling.enable(made, Scope(environment=road.staging), by=elsewhere)
    with pytest.raises(NotAllowed):
        enabling.enable(made, Scope(environment=road.production), by=viewer)
    with pytest.raises(NotFound):
        enabling.enable(made, Scope(environment=road.production), by=elsewhere)
    assert [str(scope) for scope in enabling.places(made, by=elsewhere)] == ["staging"]


def test_who_leaves_integrations_as_they_are_is_not_asked_for_them(road: Line) -> None:
    team = crew.create(Team, by=road.owner, name="crew", projects=[road.app.project])
    made = enabled(road, Scope(team=team), Scope(environment=road.staging))
    said = {"prefix": "X", "url": "https://x.example.org"}
    other = integrations.create(by=road.owner, name="other", type="http", settings=said)
    enabling.enable(other, Scope(team=team), by=road.owner)
    environments.update(road.production, by=road.owner, based_on=str(road.staging.pk))
    both = {"integration_ids": [str(other.pk), str(made.pk)]}

    crew.update(
        team, by=road.house.person("admin", project=road.app.project), description="mine", execution_environment=both
    )
    admin = road.house.person("admin", environment=road.staging)
    given = {"integration_ids": [str(made.pk)], "env_vars": {}}
    environments.update(road.staging, by=admin, description="mine", execution_environment=given)

    assert Team.objects.get().description == Environment.objects.get(pk=road.staging.pk).description == "mine"
    assert set(EntryVersion.objects.filter(entry__integration__isnull=False).values_list("number", flat=True)) == {1}
    with pytest.raises(NotAllowed):
        environments.update(road.staging, by=admin, execution_environment={"integration_ids": []})


def hidden(road: Line) -> Environment:
    """An environment of a private project, which an admin of the organization does not see."""
    project = road.house.project("HIDDEN")
    type(project).objects.filter(pk=project.pk).update(visibility="private")
    return road.house.environment("cellar", kind="ephemeral", project_id=str(project.pk))


def test_what_one_sets_is_changed_by_who_may_set_values_in_every_place(road: Line) -> None:
    cellar = hidden(road)
    made, admin = enabled(road, Scope(environment=cellar)), road.house.person("admin")
    told: dict[str, Any] = {"settings": {"api_url": "https://github.example.org/api/v3"}}

    enabling.enable(made, Scope(environment=road.staging), by=road.owner)
    sentence = "github is enabled in places that you do not see, where you may not change it: ask who may, or make"
    with pytest.raises(NotAllowed, match=sentence):
        integrations.update(made, by=admin, **told)
    assert Entry.objects.get(key="GITHUB_API_URL", environment=cellar).current.number == 1
    integrations.update(made, by=admin, name="renamed", description="for CI")
    integrations.update(made, by=road.owner, **told)
    enabling.disable(made, Scope(environment=cellar), by=road.owner)
    integrations.update(made, by=admin, settings={})


def test_what_is_being_terminated_is_changed_too_because_it_may_come_back(road: Line) -> None:
    made = enabled(road)
    Environment.objects.filter(pk=road.development.pk).update(deleted_at="2026-01-01T00:00Z", state="terminating")

    integrations.update(made, by=road.owner, settings={"api_url": "https://github.example.org/api/v3"})

    assert enabling.places(made, by=road.owner) == []
    assert Entry.objects.get(key="GITHUB_API_URL").current.value == "https://github.example.org/api/v3"
    with pytest.raises(NotFound):
        enabling.enable(
            github(road, name="other"),
            Scope(environment=Environment.objects.get(pk=road.development.pk)),
            by=road.owner,
        )


def test_a_protected_environment_is_an_admins(road: Line) -> None:
    made = enabled(road)
    environments.update(road.production, by=road.owner, protected=True)
    place = Scope(environment=Environment.objects.get(pk=road.production.pk))
    with pytest.raises(NotAllowed, match="protected"):
        enabling.enable(made, place, by=road.house.person("operator"))
    enabling.enable(made, place, by=road.house.person("admin"))


def test_it_is_of_one_organization(road: Line) -> None:
    made, stranger = enabled(road), line()
    with pytest.raises(NotFound):
        integrations.find(stranger.owner, made.pk)
    with pytest.raises(NotFound):
        enabling.enable(made, Scope(environment=stranger.development), by=stranger.owner)
    with pytest.raises(Invalid):
        environments.update(
            stranger.development, by=stranger.owner, execution_environment={"integration_ids": [str(made.pk)]}
        )
    theirs = variables.create(Scope(environment=stranger.development), by=stranger.owner, key="A", value="1")
    with pytest.raises(IntegrityError, match="entry_of_own_integration"), transaction.atomic():
        Entry.objects.filter(pk=theirs.pk).update(integration=made)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.parametrize(
    "scope", ["organization", "project", "app", "project in an environment", "team in an environment"]
)
def test_it_is_enabled_for_an_environment_a_team_or_an_agent_and_for_nothing_else(road: Line, scope: str) -> None:
    team = crew.create(Team, by=road.owner, name="crew")
    given = {
        "organization": Scope(),
        "project": Scope(project=road.app.project),
        "app": Scope(app=road.app),
        "project in an environment": Scope(project=road.app.project, environment=road.development),
        "team in an environment": Scope(team=team, environment=road.development),
    }[scope]
    made = github(road)
    with pytest.raises(Invalid):
        enabling.enable(made, given, by=road.owner)
    entry = variables.create(given, by=road.owner, key="A", value="1")
    with pytest.raises(IntegrityError, match="entry_of_integration_holds"), transaction.atomic():
        Entry.objects.filter(pk=entry.pk).update(integration=made)


def test_its_type_never_changes(road: Line) -> None:
    made = github(road)
    with pytest.raises(Invalid, match="stays as it is"):
        integrations.update(made, by=road.owner, type="gitlab")
    with pytest.raises(IntegrityError, match="never change"), transaction.atomic():
        Integration.objects.update(type="gitlab")


def test_a_name_is_taken_once_and_nothing_newer_is_overwritten(road: Line) -> None:
    made = github(road)
    with pytest.raises(NameTaken):
        github(road, name="GITHUB")
    seen = integrations.tag(made)
    integrations.update(made, by=road.owner, description="for CI", seen=seen)
    with pytest.raises(ChangedMeanwhile):
        integrations.update(made, by=road.owner, description="other", seen=seen)


def test_an_agent_has_what_is_enabled_for_it_and_its_team(road: Line) -> None:
    team, agent = crew.create(Team, by=road.owner, name="crew"), crew.create(Agent, by=road.owner, name="agent")
    hide(road, Scope())
    made, slack = (
        github(road),
        integrations.create(by=road.owner, name="slack", type="slack", secrets={"token": "CI_TOKEN"}),
    )
    crew.update(team, by=road.owner, execution_environment={"integration_ids": [str(made.pk)]})
    crew.update(agent, by=road.owner, execution_environment={"integration_ids": [str(slack.pk)]})
    target = Target(
        organization_id=road.owner.organization.pk, environment_id=road.development.pk, team_id=team.pk,
        agent_id=agent.pk,
    )  # fmt: skip

    values = resolution.resolve(target).environ()
    assert values["GITHUB_TOKEN"] == values["SLACK_BOT_TOKEN"] == TOKEN

    crew.update(agent, by=road.owner, execution_environment={"integration_ids": None})
    assert "SLACK_BOT_TOKEN" not in resolution.resolve(target).winners


# No more than one operation can tell of


def test_more_than_one_wish_can_change_is_refused_before_anything_is_written(
    road: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("environments.configuration.amounts.MOST", 6)
    monkeypatch.setattr("projects.events.MOST_EVENTS", 12)
    said = {"url": "https://x.example.org"}
    made = [
        integrations.create(by=road.owner, name=f"x{number}", type="http", settings=said | {"prefix": f"X{number}"})
        for number in range(3)
    ]
    many = {"env_vars": {f"KEY_{number}": "x" for number in range(3)}, "integration_ids": [str(o.pk) for o in made]}
    few = {"env_vars": many["env_vars"], "integration_ids": many["integration_ids"][:1]}
    team, written = crew.create(Team, by=road.owner, name="crew"), Event.objects.count()

    for wish in (
        lambda: environments.create(by=road.owner, name="made", execution_environment=many),
        lambda: environments.update(road.staging, by=road.owner, execution_environment=many),
        lambda: crew.create(Team, by=road.owner, name="other", execution_environment=many),
        lambda: crew.update(team, by=road.owner, execution_environment=many),
    ):
        with pytest.raises(Invalid, match="change at most 6 variables at once, those of integrations counted"):
            wish()
    assert Event.objects.count() == written

    crew.update(team, by=road.owner, execution_environment=few)
    crew.update(team, by=road.owner, execution_environment=few | {"integration_ids": many["integration_ids"]})
    with pytest.raises(crew.TooMany, match="6 variables and secrets are set for crew; delete some of them, or disable"):
        crew.delete(team, by=road.owner)
    crew.update(team, by=road.owner, execution_environment={"integration_ids": []})
    crew.delete(team, by=road.owner)


# The catalogue


def test_every_type_has_its_place_in_the_catalogue() -> None:
    assert set(catalogue.CATALOGUE) == set(IntegrationType)
    for kind in catalogue.CATALOGUE.values():
        names = [field.name for field in kind.fields]
        assert len(set(names)) == len(names) and not {"name", "description"} & set(names)
        assert kind.sentence.endswith(".") and all(field.help.endswith(".") for field in kind.fields)


@pytest.mark.parametrize(
    ("type", "settings", "secrets_", "field"),
    [
        ("github", {"api_url": "ftp://x"}, {"token": "T"}, "settings.api_url"),
        ("github", {"api_url": "https://me:pw@x"}, {"token": "T"}, "settings.api_url"),
        ("github", {"api_url": "https://x/{{A}}"}, {"token": "T"}, "settings.api_url"),
        ("github", {"api_url": ["x"]}, {"token": "T"}, "settings.api_url"),
        ("github", {"else": "x"}, {"token": "T"}, "settings.else"),
        ("github", {}, {}, "secrets.token"),
        ("github", {}, {"token": "not a key"}, "secrets.token"),
        ("github", {}, {"token": 7}, "secrets.token"),
        ("github", {}, {"token": "GITHUB_TOKEN"}, "secrets.token"),
        ("github", {}, {"token": "T", "password": "T"}, "secrets.password"),
        ("http", {"url": "https://x"}, {}, "settings.prefix"),
        ("http", {"url": "https://x", "prefix": "low"}, {}, "settings.prefix"),
        ("http", {"url": "https://x", "prefix": "TOWPATH_X"}, {}, "settings.prefix"),
        ("http", {"url": "https://x", "prefix": "A", "probe_path": "x"}, {}, "settings.probe_path"),
        ("postgresql", {"host": "a b", "database": "d", "user": "u"}, {"password": "P"}, "settings.host"),
        ("postgresql", {"host": "db", "database": "d\0", "user": "u"}, {"password": "P"}, "settings.database"),
        ("postgresql", {"host": "db", "database": "d", "user": "u", "port": 0}, {"password": "P"}, "settings.port"),
        ("postgresql", {"host": "db", "database": "d", "user": "u", "sslmode": "x"}, {"password": "P"},
         "settings.sslmode"),
        ("redis", {"host": "db", "tls": "maybe"}, {}, "settings.tls"),
        ("redis", {"host": "\ud800"}, {}, "settings.host"),
        ("nothing", {}, {}, "type"),
    ],
)  # fmt: skip
def test_what_no_integration_can_be_is_refused_beside_its_field(
    road: Line, type: str, settings: dict[str, Any], secrets_: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        integrations.create(by=road.owner, name="x", type=type, settings=settings, secrets=secrets_)
    assert refusal.value.errors[0]["field"] == field


def test_all_of_it_is_set_with_its_types(road: Line) -> None:
    made = integrations.create(
        by=road.owner, name="db", type="postgresql", settings={"host": "db", "database": "shop", "user": "me"},
        secrets={"password": "DB_PASSWORD"},
    )  # fmt: skip
    told = [(one.key, one.value, str(one.type)) for one in catalogue.rows(made)]
    assert told == [
        ("PGHOST", "db", "text"), ("PGPORT", "5432", "number"), ("PGDATABASE", "shop", "text"),
        ("PGUSER", "me", "text"), ("PGSSLMODE", "prefer", "text"), ("PGPASSWORD", "{{.secret.DB_PASSWORD}}", "text"),
    ]  # fmt: skip


# At the same moment


@pytest.mark.django_db(transaction=True)
def test_two_who_enable_at_the_same_moment_set_it_once() -> None:
    road = line()
    made, scope = github(road), Scope(environment=road.development)

    told = together(*[lambda: enabling.enable(made, scope, by=road.owner)] * 2)

    assert sorted(map(str, told)) == ["False", "True"]
    assert set(EntryVersion.objects.filter(entry__integration=made).values_list("number", flat=True)) == {1}


@pytest.mark.django_db(transaction=True)
def test_of_two_of_a_kind_that_are_enabled_at_the_same_moment_one_is() -> None:
    road = line()
    scope = Scope(environment=road.development)
    one, other = github(road), github(road, name="other")

    told = together(*[lambda made=made: enabling.enable(made, scope, by=road.owner) for made in (one, other)])

    assert sum(answer is True for answer in told) == 1 and sum(isinstance(answer, Taken) for answer in told) == 1
    assert len(set(Entry.objects.filter(deleted_at=None).values_list("integration", flat=True))) == 1


@pytest.mark.django_db(transaction=True)
def test_deleting_and_enabling_at_the_same_moment_leave_no_row_of_what_is_gone() -> None:
    road = line()
    made, scope = github(road), Scope(environment=road.development)

    together(lambda: integrations.delete(made, by=road.owner), lambda: enabling.enable(made, scope, by=road.owner))

    assert Integration.objects.exists() == Entry.objects.filter(deleted_at=None).exists()
