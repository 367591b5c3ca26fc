"""Environments are created, changed, started, stopped and deleted by whoever may; refusals are sentences."""

import os
import threading
from typing import Any

import pytest
from django.db import connection

from config import env
from config.up import installation
from environments import hosts, lifecycle, states
from environments.configuration import variables
from environments.delivery import chains
from environments.doing import conclusions, provisioning
from environments.lifecycle.fields import tier_of
from environments.models import Environment, Host, Run, RunKind, State, WorkerToken
from environments.runs import claim
from projects import access
from projects.errors import Conflict, Exhausted, Invalid, NotAllowed, NotFound
from projects.models import Event, Role
from tests import builders
from tests.builders import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> Cast:
    return builders.cast()


def created(people: Cast, name: str = "development", **fields: Any) -> Environment:
    return lifecycle.create(by=people.owner, name=name, **fields)


def carried_out(environment: Environment, outcome: str = "succeeded", reason: str = "") -> Environment:
    """The control plane's run on it ends like this, without anything being made."""
    run = Run.objects.get(environment=environment, carried_by="control", phase="queued")
    claimed = claim.by_control("test", run.id)
    assert claimed is not None
    if run.kind != RunKind.TERMINATE:
        provisioning.plan(claimed)
    conclusions.finish(claimed.id, claimed.attempt, "test", outcome, reason)
    environment.refresh_from_db()
    return environment


def kinds(environment: Environment) -> list[str]:
    return list(Run.objects.filter(environment=environment).order_by("number").values_list("kind", flat=True))


def test_a_new_environment_is_pending_with_a_namespace_a_token_and_a_run(people: Cast) -> None:
    environment = created(people, "Feature one", display_name="One")

    assert (environment.state, environment.wanted, environment.kind) == ("pending", "active", "permanent")
    assert environment.namespace.endswith(f".feature-one.{environment.id.hex[:12]}")
    assert kinds(environment) == ["provision"]
    token = WorkerToken.objects.get(environment=environment)
    assert b"tpw_" not in bytes(token.sealed)
    assert Event.objects.filter(kind="environment.created", environment_id=environment.id).count() == 1


def test_an_organization_begins_with_default_which_stays(people: Cast) -> None:
    environment = lifecycle.begin(people.organization, by=people.owner)
    lifecycle.update(environment, by=people.owner, name="home")

    with pytest.raises(Conflict, match="began with"):
        lifecycle.delete(environment, by=people.owner, force=True)


@pytest.mark.parametrize("name", ["x", "a" * 101, " leading", "trailing ", "tab\tinside", "ümlaut", "", None, 7])
def test_a_name_is_checked(people: Cast, name: Any) -> None:
    with pytest.raises(Invalid) as refusal:
        created(people, name)
    assert refusal.value.errors[0]["field"] == "name"


def test_a_name_is_unique_whatever_the_case_in_one_organization(people: Cast) -> None:
    created(people, "Production")
    with pytest.raises(Conflict) as refusal:
        created(people, "PRODUCTION")
    assert refusal.value.code == "name-taken"
    assert lifecycle.create(by=people.stranger, name="production").name == "production"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("priority", 11),
        ("priority", True),
        ("tags", "one"),
        ("tags", ["x" * 51]),
        ("policy_ids", ["one"]),
        ("status", "sleeping"),
        ("configuration", {"max_workers": 0}),
        ("configuration", {"timeout_seconds": "10"}),
        ("configuration", []),
        ("metadata", {"big": "x" * 17_000}),
        ("metadata", {"nul": "a\0b"}),
        ("metadata", {"half": "\ud800"}),
        ("metadata", {"number": float("nan")}),
        ("description", "a\0b"),
        ("tier", "moon"),
        ("protected", "yes"),
        ("kind", "eternal"),
        ("kind", "ephemeral"),
        ("provisioner", "docker"),
        ("execution_environment", {"secrets": ["1one"]}),
        ("execution_environment", {"integration_ids": ["one"]}),
        ("execution_environment", {"env_vars": {"PATH": "/evil"}}),
        ("execution_environment", {"env_vars": {"LD_PRELOAD": "/evil"}}),
        ("execution_environment", {"env_vars": {"TOWPATH_APP": "other"}}),
        ("execution_environment", {"env_vars": {"1BAD": "x"}}),
        ("execution_environment", {"env_vars": {"A": "\ud800"}}),
        ("execution_environment", {"what": {}}),
        ("ttl", "1h"),
    ],
)
def test_a_wrong_field_is_named(people: Cast, field: str, value: Any) -> None:
    with pytest.raises(Invalid) as refusal:
        created(people, **{field: value})
    assert refusal.value.errors[0]["field"].split(".")[0] in {field, "project_id"}


def test_a_part_of_the_execution_environment_is_replaced_whole_and_null_clears(people: Cast) -> None:
    environment = created(people, execution_environment={"env_vars": {"A": "1", "B": "2"}, "mcp_servers": {"m": {}}})
    lifecycle.update(environment, by=people.owner, execution_environment={"env_vars": {"C": "3"}})
    environment.refresh_from_db()
    assert environment.mcp_servers == {"m": {}}
    assert variables.of_environments([environment.pk])[environment.pk] == {"C": "3"}

    updated = lifecycle.update(environment, by=people.owner, description=None, tags=None, priority=None)
    assert (updated.description, updated.tags, updated.priority) == ("", [], 5)


def test_a_change_is_one_event_that_names_the_fields_and_nothing_changed_is_none(people: Cast) -> None:
    environment = created(people, description="old")
    lifecycle.update(environment, by=people.owner, description="new", priority=9)
    lifecycle.update(environment, by=people.owner, description="new")

    changes = Event.objects.filter(kind="environment.updated", environment_id=environment.id)
    assert [event.data["changed"] for event in changes] == [["description", "priority"]]


def test_a_name_that_is_taken_cannot_be_taken_by_renaming(people: Cast) -> None:
    created(people, "staging")
    environment = created(people, "qa")
    with pytest.raises(Conflict) as refusal:
        lifecycle.update(environment, by=people.owner, name="Staging", description="new")
    environment.refresh_from_db()
    assert (refusal.value.code, environment.name, environment.description) == ("name-taken", "qa", "")
    assert lifecycle.update(environment, by=people.owner, name="QA").name == "QA"


def test_what_is_chosen_at_creation_stays(people: Cast) -> None:
    environment = created(people)
    lifecycle.update(environment, by=people.owner, kind="permanent", provisioner="process", project_id=None)
    for fields in ({"kind": "ephemeral"}, {"provisioner": "external"}, {"project_id": str(environment.id)}):
        with pytest.raises(Invalid):
            lifecycle.update(environment, by=people.owner, **fields)


@pytest.mark.parametrize(
    ("name", "tier"),
    [
        ("production", "production"),
        ("prod-eu", "production"),
        ("pre-prod", "staging"),
        ("Staging 2", "staging"),
        ("dev/anna", "development"),
        ("reproduce", "other"),
        ("default", "other"),
    ],
)
def test_the_tier_is_guessed_from_the_words_of_the_name(name: str, tier: str) -> None:
    assert tier_of(name) == tier


def test_operators_make_ephemeral_environments_of_their_projects_and_no_permanent_ones(people: Cast) -> None:
    project = builders.project(people.owner)
    of_project = builders.member(people.organization, Role.OPERATOR, project=project)

    made = lifecycle.create(by=of_project, name="review/1", project_id=str(project.id))
    assert (made.kind, made.project) == ("ephemeral", project)
    with pytest.raises(NotAllowed):
        lifecycle.create(by=people.operator, name="qa")
    with pytest.raises(NotAllowed):
        lifecycle.create(by=people.viewer, name="review/2", project_id=str(project.id))
    with pytest.raises(Invalid, match="permanent"):
        lifecycle.create(by=people.owner, name="qa", kind="permanent", project_id=str(project.id))


def test_an_operator_does_not_protect_what_they_could_then_not_change_any_more(people: Cast) -> None:
    project = builders.project(people.owner)
    operator = builders.member(people.organization, Role.OPERATOR, project=project)
    with pytest.raises(NotAllowed):
        lifecycle.create(by=operator, name="preview", project_id=project.id, protected=True)
    preview = lifecycle.create(by=operator, name="preview", project_id=project.id)
    with pytest.raises(NotAllowed):
        lifecycle.update(preview, by=operator, protected=True)

    lifecycle.update(preview, by=operator, protected=False, description="as it was")
    assert lifecycle.update(preview, by=people.admin, protected=True).protected


def test_a_stranger_finds_nothing_and_a_grant_shows_only_what_it_names(people: Cast) -> None:
    seen, hidden = created(people, "seen"), created(people, "hidden")
    limited = builders.member(people.organization, Role.VIEWER, environment_id=seen.id)

    assert lifecycle.find(limited, "SEEN") == lifecycle.find(limited, seen.id) == seen
    for actor, ident in ((limited, "hidden"), (limited, hidden.id), (people.stranger, seen.id), (people.owner, "a\0b")):
        with pytest.raises(NotFound):
            lifecycle.find(actor, ident)
    with pytest.raises(NotFound):
        lifecycle.stop(seen, by=people.stranger)
    with pytest.raises(NotAllowed):
        lifecycle.stop(seen, by=people.viewer)
    with pytest.raises(NotAllowed):
        lifecycle.delete(seen, by=people.operator)


def test_a_protected_environment_is_operated_by_whom_a_grant_names(people: Cast) -> None:
    environment = carried_out(created(people, protected=True, provisioner="external"))
    named = builders.member(people.organization, Role.OPERATOR, environment_id=environment.id)

    with pytest.raises(NotAllowed):
        lifecycle.stop(environment, by=people.operator)
    assert lifecycle.stop(environment, by=named).state == State.STOPPING


def test_stop_and_start_are_queued_once_and_repeated_wishes_change_nothing(people: Cast) -> None:
    environment = carried_out(created(people, provisioner="external"))
    for _ in range(2):
        lifecycle.stop(environment, by=people.operator)
    assert kinds(environment) == ["provision", "stop"]

    assert carried_out(environment).state == State.STOPPED
    for _ in range(2):
        lifecycle.start(environment, by=people.operator)
    assert kinds(environment) == ["provision", "stop", "start"]
    assert carried_out(environment).state == State.RUNNING


def test_a_wish_uttered_meanwhile_is_followed_at_the_end(people: Cast) -> None:
    environment = created(people, provisioner="external")
    lifecycle.update(environment, by=people.owner, status="inactive")

    assert carried_out(environment).state == State.STOPPING
    lifecycle.update(environment, by=people.owner, status="active")
    assert carried_out(environment).state == State.PROVISIONING
    assert carried_out(environment).state == State.RUNNING
    assert kinds(environment) == ["provision", "stop", "start"]


def test_created_inactive_it_is_provisioned_and_then_rests(people: Cast) -> None:
    environment = carried_out(created(people, status="inactive", provisioner="external"))
    assert environment.state == State.STOPPED and environment.provisioned_at


def test_a_failed_provisioning_is_an_error_with_its_reason_and_a_retry_is_the_same_run(people: Cast) -> None:
    environment = carried_out(created(people, provisioner="external"), "failed", "Directories: the disk is full")
    assert (environment.state, environment.error_message) == ("error", "Directories: the disk is full")

    assert lifecycle.retry(environment, by=people.operator).state == State.PROVISIONING
    assert kinds(environment) == ["provision"]
    environment = carried_out(environment)
    assert (environment.state, environment.error_message) == ("running", "")
    with pytest.raises(states.WrongState):
        lifecycle.retry(environment, by=people.operator)


def test_after_a_failed_stop_a_retry_makes_everything_sound_again(people: Cast) -> None:
    environment = carried_out(created(people, provisioner="external"))
    lifecycle.stop(environment, by=people.owner)
    environment = carried_out(environment, "failed", "Services: it took too long")
    assert environment.state == State.ERROR

    lifecycle.retry(environment, by=people.owner)
    assert kinds(environment) == ["provision", "stop", "provision"]
    assert carried_out(environment).state == State.STOPPED, "the wish was to stop it"


def test_deleted_the_name_is_free_at_once_and_the_row_stays(people: Cast) -> None:
    environment = carried_out(created(people, provisioner="external"))
    lifecycle.delete(environment, by=people.admin)

    with pytest.raises(NotFound):
        lifecycle.find(people.owner, environment.id)
    assert lifecycle.find(people.owner, environment.id, terminating=True).state == State.TERMINATING
    again = created(people)
    assert lifecycle.find(people.owner, "development") == again
    environment = carried_out(environment)
    assert environment.terminated_at and kinds(environment) == ["provision", "terminate"]
    assert environment not in lifecycle.visible(people.owner, terminating=True)


def test_a_termination_that_fails_comes_back_under_another_name_if_need_be(people: Cast) -> None:
    environment = carried_out(created(people, provisioner="external"))
    lifecycle.delete(environment, by=people.owner)
    created(people)

    environment = carried_out(environment, "failed", "Directories: permission denied")
    assert environment.state == State.ERROR and "permission denied" in environment.error_message
    assert environment.name == f"development-{environment.id.hex[:8]}" and environment.deleted_at is None
    lifecycle.delete(environment, by=people.owner)
    assert carried_out(environment).terminated_at


def test_it_comes_back_even_where_the_other_name_is_taken_too(people: Cast) -> None:
    environment = carried_out(created(people, provisioner="external"))
    lifecycle.delete(environment, by=people.owner)
    created(people)
    created(people, f"Development-{environment.id.hex[:8]}")

    environment = carried_out(environment, "failed", "no luck")

    assert (environment.state, environment.deleted_at) == (State.ERROR, None)
    assert environment.name == f"development-{environment.id.hex[:9]}"


def test_deletion_before_anything_was_made_replaces_the_provisioning(people: Cast) -> None:
    environment = created(people)
    lifecycle.delete(environment, by=people.owner)

    runs = dict(Run.objects.filter(environment=environment).values_list("kind", "phase"))
    assert runs == {"provision": "cancelled", "terminate": "queued"}


def test_deletion_while_provisioning_waits_for_the_end_of_what_is_being_made(people: Cast) -> None:
    environment = created(people, provisioner="external")
    run = claim.by_control("test", Run.objects.get(environment=environment).id)
    assert run is not None
    provisioning.plan(run)
    environment.refresh_from_db()

    lifecycle.delete(environment, by=people.owner)
    assert kinds(environment) == ["provision"]
    conclusions.finish(run.id, run.attempt, "test", "cancelled")
    assert kinds(environment) == ["provision", "terminate"]


def test_force_is_not_forgotten_where_something_else_has_to_end_first(people: Cast) -> None:
    environment = created(people, "development", provisioner="external")
    run = Run.objects.get(environment=environment)
    assert claim.by_control("test", run.id) is not None

    lifecycle.delete(environment, by=people.owner, force=True)
    conclusions.finish(run.id, 1, "test", "cancelled")

    assert Run.objects.get(environment=environment, kind=RunKind.TERMINATE).specification["force"]


def test_what_stands_in_a_chain_or_is_protected_is_kept_and_says_what_to_lift(people: Cast) -> None:
    environment = carried_out(created(people, "staging", provisioner="external"))
    chains.create(by=people.owner, name="Main", stages=[{"name": "Staging", "environments": ["staging"]}])
    with pytest.raises(Conflict, match="stage Staging of the chain Main"):
        lifecycle.delete(environment, by=people.owner, force=True)

    lifecycle.update(environment, by=people.owner, protected=True)
    with pytest.raises(Conflict, match="protected"):
        lifecycle.delete(environment, by=people.owner, force=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="users are separated by root only")
def test_users_of_a_host_run_out_in_a_sentence_before_the_proxys_own(people: Cast) -> None:
    assert installation.UIDS == hosts.UIDS
    last = env.Installation().uid_first + hosts.UIDS - 2
    host = Host.objects.create(name="node", address="127.0.0.1", isolated=True, next_uid=last)
    environment = created(people)
    environment.host = host
    assert hosts.account(environment).uid == last

    with pytest.raises(Exhausted, match="provisioner `external`"):
        hosts.account(environment, builders.project(people.owner))


def test_places_on_a_host_are_given_once_and_run_out_in_a_sentence(people: Cast) -> None:
    host = Host.objects.create(
        name="node", address="127.0.0.1", service_first=25_000, service_count=2 * hosts.BLOCK, next_uid=1
    )
    placed = []
    for n in range(2):
        environment = created(people, f"environment {n}")
        Environment.objects.filter(pk=environment.pk).update(host=host)
        environment.refresh_from_db()
        hosts.place(environment)
        hosts.place(environment)
        placed.append(environment.service_first)
    assert placed == [25_000, 25_000 + hosts.BLOCK]

    third = created(people, "third")
    Environment.objects.filter(pk=third.pk).update(host=host)
    third.refresh_from_db()
    with pytest.raises(Exhausted, match="room for 2 environments"):
        hosts.place(third)


@pytest.mark.django_db(transaction=True)
def test_of_many_who_create_the_same_name_at_once_one_wins(people: Cast) -> None:
    outcomes: list[str] = []

    def create() -> None:
        try:
            lifecycle.create(by=people.owner, name="race")
            outcomes.append("made")
        except Conflict as refusal:
            outcomes.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=create) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made"] + ["name-taken"] * 5
    assert access.system(people.organization).organization.environments.count() == 1
