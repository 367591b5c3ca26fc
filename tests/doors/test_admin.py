"""The records as staff see them: all of them, never to be changed past the rooms, never with a credential."""

import uuid
from typing import Any

import pytest
from django.apps import apps as django_apps
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from environments import lifecycle
from environments.configuration import secrets, variables
from environments.delivery import deployments, holds
from environments.models import (
    DataKey,
    Deployment,
    Entry,
    EntryVersion,
    Environment,
    Hold,
    Phase,
    Run,
    Slot,
    WorkerToken,
)
from environments.planning import plans
from environments.resolving.scopes import Scope
from projects import invitations, memberships
from projects.access import Actor
from projects.credentials import Secret
from projects.models import AccessToken, Event, Grant, Invitation, Role, User, UserSession
from tests import builders
from tests.doors.visiting import html, signed_in, statements, text
from tests.environments import house as houses
from tests.environments.house import House
from tests.shared import built_once, fresh

pytestmark = pytest.mark.django_db
MODELS = sorted(
    (model for label in ("projects", "environments") for model in django_apps.get_app_config(label).get_models()),
    key=lambda model: model._meta.label,
)


@built_once
def built() -> tuple[House, Slot]:
    """An app of which 2.0 is live in development, after 1.0, with production behind it."""
    house = houses.house()
    development = house.environment("development")
    production = house.environment("production", protected=True)
    house.chain("development", "production")
    app = house.app("ledger")
    for version in ("1.0", "2.0"):
        house.live(house.release(app, version), development)
    house.live(app.releases.get(version="1.0"), production)
    return house, Slot.objects.get(app=app, environment=development)


@pytest.fixture
def furnished(built: tuple[House, Slot]) -> tuple[House, Slot]:
    return fresh(built)


@pytest.fixture
def slot(furnished: tuple[House, Slot]) -> Slot:
    return furnished[1]


@pytest.fixture
def house(request: pytest.FixtureRequest) -> House:
    """That of the slot, or an empty one where a test asks for none."""
    return request.getfixturevalue("furnished")[0] if "slot" in request.fixturenames else houses.house()


@pytest.fixture
def staff(house: House) -> Client:
    return signed_in(made_staff(house.owner))


def made_staff(actor: Actor) -> Actor:
    assert actor.user is not None
    actor.user.is_staff = True
    actor.user.save()
    return actor


def address(model: Any, page: str = "changelist", *more: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=more)


def asked(staff: Client, action: str, *records: Any, **given: str) -> Any:
    chosen = {"action": action, "_selected_action": [str(record.pk) for record in records]}
    return staff.post(address(type(records[0])), chosen | given)


def seen(page: Any) -> dict[str, str]:
    """The digests that the page carries."""
    return {f"seen-{item.key}": item.seen for item in page.context["items"]}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_record_is_listed_searched_filtered_and_only_read(staff: Client, slot: Slot, model: Any) -> None:
    shown = admin.site.get_model_admin(model)
    assert shown.search_fields
    filters = {one.parameter_name for one in shown.list_filter if hasattr(one, "parameter_name")}
    if {"environment", "environment_id"} & {field.name for field in model._meta.fields}:
        assert {"environment", "project"} <= filters, "whatever is bound to an environment is filtered by it"

    html(staff, address(model))
    html(staff, f"{address(model)}?q=ledger")
    for name in filters:
        html(staff, f"{address(model)}?{name}=nothing-of-that-name")
        html(staff, f"{address(model)}?{name}={uuid.uuid4()}")

    assert staff.get(address(model, "add")).status_code == 403
    record = model._default_manager.first()
    if model is UserSession:
        assert staff.get(address(model, "change", record.pk)).status_code == 404, "its key is a credential"
    elif record is not None:
        page = html(staff, address(model, "change", record.pk))
        assert "historylink" not in page and staff.get(address(model, "history", record.pk)).status_code == 404
        assert staff.post(address(model, "change", record.pk), {}).status_code == 403
        assert staff.post(address(model, "delete", record.pk), {"post": "yes"}).status_code == 403
        assert (
            staff.post(address(model), {"action": "delete_selected", "_selected_action": record.pk}).status_code < 400
        )
        assert model._default_manager.filter(pk=record.pk).exists()


def test_a_filter_by_name_shows_what_belongs_there_alone(staff: Client, slot: Slot) -> None:
    page = staff.get(f"{address(Deployment)}?environment=PRODUCTION")
    assert {one.environment.name for one in page.context["cl"].result_list} == {"production"}
    page = staff.get(f"{address(Event)}?environment=production")
    production = Environment.objects.get(name="production")
    assert {event.environment_id for event in page.context["cl"].result_list} == {production.pk}


def test_a_list_costs_the_same_however_long_it_is(staff: Client, slot: Slot, house: House) -> None:
    before = {model: statements(staff, address(model)) for model in (Run, Deployment, Slot, Environment)}
    development = slot.environment
    for n in range(6):
        house.live(house.release(slot.app, f"3.{n}"), development)
        house.environment(f"more-{n}")
    for model, cost in before.items():
        assert statements(staff, address(model)) <= cost + 1, model  # the date hierarchy may look once more


def test_only_staff_are_let_in_and_by_the_one_sign_in(house: House) -> None:
    answer = Client().get("/admin/")
    assert answer.status_code == 302
    login = Client().get(answer["Location"])
    assert login["Location"].startswith("/sign-in?next=")
    for actor in (house.owner, house.person(Role.VIEWER)):
        assert signed_in(actor).get("/admin/").status_code in (302, 403)
        assert signed_in(actor).get("/admin/login/").status_code == 403
    assert Client().get("/admin/environments/run/").status_code == 302


@pytest.mark.parametrize("how", [memberships.deactivate, memberships.remove])
def test_staff_are_let_in_for_as_long_as_they_belong_somewhere(house: House, how: Any) -> None:
    person = made_staff(house.person("admin"))
    assert person.user is not None
    html(signed_in(person), address(Environment))
    how(memberships.find(house.owner, person.user.username), by=house.owner)

    again = signed_in(person)
    for page in ("/admin/", address(Environment), address(UserSession)):
        assert again.get(page).status_code == 302, page
    assert again.get("/admin/login/").status_code == 403

    builders.organization(person.user)
    html(again, address(Environment))


def test_the_index_asks_once_whether_one_may_look(staff: Client) -> None:
    with CaptureQueriesContext(connection) as queries:
        html(staff, "/admin/")
    asked = [one for one in queries.captured_queries if "projects_membership" in one["sql"]]
    assert len(asked) == 1


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_no_list_or_record_is_open_to_who_is_not_staff(house: House, model: Any) -> None:
    for client in (signed_in(house.owner), Client()):
        for page in (address(model), address(model, "change", uuid.uuid4()), address(model, "add")):
            answer = client.get(page)
            assert answer.status_code == 302 and "/admin/login/" in answer["Location"], page


def test_no_page_shows_a_credential(staff: Client, slot: Slot, house: House) -> None:
    credential = builders.token(house.owner)
    token = WorkerToken.objects.first()
    kept = {
        *AccessToken.objects.values_list("digest", flat=True),
        *WorkerToken.objects.values_list("digest", flat=True),
        credential,
        house.owner.user.password if house.owner.user else "",
    }
    if token is not None:
        kept.add(bytes(token.sealed).hex())
    kept |= set(UserSession.objects.values_list("session_key", flat=True))
    for model in MODELS:
        pages = [html(staff, address(model))]
        if model is not UserSession:
            pages += [html(staff, address(model, "change", one.pk)) for one in model._default_manager.all()[:5]]
        for page in pages:
            assert not [secret for secret in kept if secret and secret in page], model


def test_no_page_shows_a_value_that_environments_and_steps_are_given(staff: Client, house: House) -> None:
    environment = house.environment("development", execution_environment={"env_vars": {"KEY": "hunter2-first"}})
    app = house.app("ledger")
    manifest = "steps: [{name: install, run: 'true', env: {SEED: hunter2-step}}]"
    house.live(house.release(app, "1.0", manifest=manifest), environment)
    changed = {"env_vars": {"KEY": "hunter2-second"}}
    environment = lifecycle.update(environment, by=house.owner, execution_environment=changed)
    plan = plans.propose(by=house.owner, app=app, environment=environment, kind="redeploy", reason="another key")
    assert "hunter2-second" in str(plan.configuration_changes)
    variables.create(Scope(environment=environment), by=house.owner, key="PLAIN", value="hunter2-variable")
    hidden = secrets.create(Scope(app=app), by=house.owner, key="TOKEN", value=Secret("hunter2-secret"))
    secrets.update(hidden, by=house.owner, value=Secret("hunter2-newer"))
    Run.objects.update(last_lines=["KEY is hunter2-printed"])
    Slot.objects.update(services=[{"name": "web", "state": "running", "line": "KEY is hunter2-printed"}])

    for model in MODELS:
        pages = [html(staff, address(model))]
        if model is not UserSession:
            pages += [html(staff, address(model, "change", one.pk)) for one in model._default_manager.all()]
        assert not [page for page in pages if "hunter2" in page], model


@pytest.mark.parametrize(
    ("model", "guess"),
    [
        (User, "password__startswith=md5"),
        (User, "sessions__pk__startswith=a"),
        (User, "sessions__session_key__startswith=a"),
        (UserSession, "session_key__startswith=a"),
        (AccessToken, "digest__startswith=0"),
        (Environment, "mcp_servers__icontains=h"),
        (Deployment, "pins__icontains=a"),
        (Slot, "live__pins__icontains=a"),
        (WorkerToken, "sealed__isnull=0"),
        (EntryVersion, "value__startswith=h"),
        (Entry, "current__value__startswith=h"),
        (DataKey, "wrapped__isnull=0"),
    ],
    ids=str,
)
def test_what_is_hidden_cannot_be_guessed_by_filtering(staff: Client, slot: Slot, model: Any, guess: str) -> None:
    assert staff.get(f"{address(model)}?{guess}").status_code == 400


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_nothing_that_is_hidden_is_told_letter_by_letter(staff: Client, slot: Slot, house: House, model: Any) -> None:
    builders.token(house.owner)
    shown = admin.site.get_model_admin(model)
    hidden = {*shown.hidden, *({"pk", "session_key", "session_data"} if model is UserSession else ())}
    for column in hidden:
        for how in ("startswith", "contains", "gte", "isnull", "in", "exact"):
            assert staff.get(f"{address(model)}?{column}__{how}=a").status_code == 400, (column, how)
        assert staff.get(f"{address(model)}?{column}=a").status_code == 400, column


def test_lists_are_still_narrowed_by_what_they_offer(staff: Client, slot: Slot) -> None:
    def shown(model: Any, asked: str) -> int:
        return len(staff.get(f"{address(model)}?{asked}").context["cl"].result_list)

    assert shown(Deployment, "run__phase__exact=succeeded") == 3 and shown(Deployment, "run__phase__exact=failed") == 0
    assert shown(Run, "phase__exact=queued") == 0 and shown(Run, "created_at__year=1999") == 0
    assert shown(AccessToken, "revoked_at__isempty=0") == 0 and shown(Slot, "live__isempty=0") == 2


@pytest.mark.parametrize("model", [Grant, Invitation], ids=lambda model: model._meta.label)
def test_who_may_do_what_in_an_environment_is_found_by_its_name(
    staff: Client, slot: Slot, house: House, model: Any
) -> None:
    for name in ("development", "production"):
        here = Environment.objects.get(name=name, organization=house.organization)
        house.person("operator", environment=here)
        invitations.invite(by=house.owner, role="viewer", environment_id=here.id)
    house.person("viewer")
    for asked in ("PRODUCTION", str(here.id)):
        page = staff.get(f"{address(model)}?environment={asked}")
        assert {one.environment_id for one in page.context["cl"].result_list} == {here.id}
        assert ">production<" in page.content.decode()
    before = statements(staff, address(model))
    house.person("operator", environment=house.environment("another"))
    assert statements(staff, address(model)) == before


def test_a_record_that_is_only_read_says_who_keeps_it(staff: Client, slot: Slot) -> None:
    for page in (address(Environment, "delete", slot.environment_id), address(Environment, "add")):
        for answer in (staff.get(page), staff.post(page, {"post": "yes"})):
            assert answer.status_code == 403
            said = text(answer.content.decode())
            assert "Records are only read here" in said and "role" not in said, page


def test_staff_promote_what_they_have_seen_into_the_next_stage(staff: Client, slot: Slot) -> None:
    page = asked(staff, "promote", slot)
    shown = page.content.decode()
    assert "1.0 now, 2.0 afterwards" in shown
    assert not Deployment.objects.filter(environment__name="production", release__version="2.0").exists()
    (key,) = [name.removeprefix("seen-") for name in seen(page)]

    refused = asked(staff, "promote", slot, carry_out="yes", reason="a repair", **seen(page))
    assert "production to confirm" in refused.content.decode()
    given = {f"confirm-{key}": "production"}
    done = asked(staff, "promote", slot, carry_out="yes", reason="a repair", **seen(page), **given)

    assert done.status_code == 302
    made = Deployment.objects.get(environment__name="production", release__version="2.0")
    assert (made.reason, made.kind) == ("a repair", "promotion")
    assert Event.objects.filter(kind="deployment.asked", environment_id=made.environment_id).count() == 2


def test_a_plan_that_has_changed_since_is_shown_again_before_it_is_carried_out(
    staff: Client, slot: Slot, house: House
) -> None:
    page = asked(staff, "promote", slot)
    (key,) = [name.removeprefix("seen-") for name in seen(page)]
    house.live(house.release(slot.app, "3.0"), slot.environment)

    given = {f"confirm-{key}": "production"}
    again = asked(staff, "promote", slot, carry_out="yes", **seen(page), **given)
    assert not Deployment.objects.filter(environment__name="production", release__version="3.0").exists()
    assert "Something has changed" in again.content.decode() and "1.0 now, 3.0 afterwards" in again.content.decode()

    assert asked(staff, "promote", slot, carry_out="yes", **seen(again), **given).status_code == 302
    assert Deployment.objects.filter(environment__name="production", release__version="3.0").exists()


def test_what_is_there_already_is_not_promoted(staff: Client, slot: Slot, house: House) -> None:
    house.live(slot.app.releases.get(version="2.0"), Environment.objects.get(name="production"))
    before = Deployment.objects.count()

    assert "2.0 is live already in production." in asked(staff, "promote", slot).content.decode()
    asked(staff, "promote", slot, carry_out="yes")

    assert Deployment.objects.count() == before


def test_what_was_not_shown_is_not_done(staff: Client, slot: Slot) -> None:
    """An environment that joined the stage meanwhile, or a gate that was closed when the page was made."""
    production = Environment.objects.get(name="production")
    Environment.objects.filter(pk=production.pk).update(protected=False)

    page = asked(staff, "promote", slot, carry_out="yes")

    assert "look again" in page.content.decode()
    assert not Deployment.objects.filter(environment=production, release__version="2.0").exists()
    assert asked(staff, "promote", slot, carry_out="yes", **seen(page)).status_code == 302


def test_what_is_done_is_not_asked_for_again(staff: Client, slot: Slot, house: House) -> None:
    other = house.app("audit", project=slot.app.project)
    house.live(house.release(other, "1.0"), slot.environment)
    page = asked(staff, "promote", slot, Slot.objects.get(app=other, environment=slot.environment))
    names = {name.removeprefix("seen-"): item for name, item in seen(page).items()}
    (one,) = [key for key in names if key.startswith(str(slot.pk))]

    both = (slot, Slot.objects.get(app=other, environment=slot.environment))
    left = asked(staff, "promote", *both, carry_out="yes", **seen(page), **{f"confirm-{one}": "production"})

    assert {item.key for item in left.context["items"]} == set(names) - {one}
    assert Deployment.objects.filter(environment__name="production", release__version="2.0").count() == 1


def test_the_page_tells_which_releases_arrive_and_which_variables_change(
    staff: Client, slot: Slot, house: House
) -> None:
    production = Environment.objects.get(name="production")
    lifecycle.update(production, by=house.owner, execution_environment={"env_vars": {"DB_URL": "hunter2"}})

    shown = asked(staff, "promote", slot).content.decode()

    assert "<dt>Arrives</dt><dd>2.0</dd>" in shown
    assert "<dt>Variables that change</dt><dd>DB_URL</dd>" in shown and "hunter2" not in shown


def test_staff_roll_back(staff: Client, slot: Slot) -> None:
    page = asked(staff, "roll_back", slot)
    assert "2.0 now, 1.0 afterwards" in page.content.decode()

    assert asked(staff, "roll_back", slot, carry_out="yes", reason="it was slow", **seen(page)).status_code == 302

    assert Deployment.objects.filter(environment=slot.environment).latest("number").kind == "rollback"


def test_staff_retry_cancel_and_lift(staff: Client, slot: Slot, house: House) -> None:
    plan = plans.propose(by=house.owner, release=house.release(slot.app, "4.0"), environment=slot.environment)
    run = deployments.carry_out(plan, by=house.owner).run

    given = {"reason": "stuck", "link": "https://tickets.example/7"} | seen(asked(staff, "cancel", run))
    assert asked(staff, "cancel", run, carry_out="yes", **given).status_code == 302
    told = Event.objects.get(kind="run.cancel_asked").data
    assert (told["reason"], told["link"]) == ("stuck", "https://tickets.example/7")
    run.refresh_from_db()
    assert run.phase == Phase.CANCELLED
    page = asked(staff, "retry", run)
    assert "Retry runs" in page.content.decode()
    assert asked(staff, "retry", run, carry_out="yes", **seen(page)).status_code == 302
    run.refresh_from_db()
    assert run.phase == Phase.QUEUED
    assert Event.objects.get(kind="deployment.retried").actor == house.owner.label

    hold = holds.place(slot.app, slot.environment, by=house.owner, reason="look first")
    given = seen(asked(staff, "lift", hold))
    assert asked(staff, "lift", hold, carry_out="yes", **given).status_code == 302
    assert Hold.objects.get(pk=hold.pk).lifted_by == house.owner.label


def test_whoever_repairs_an_environment_says_why(staff: Client, house: House) -> None:
    environment = house.environment("development")
    run = Run.objects.get(environment=environment, kind="provision")
    Run.objects.filter(pk=run.pk).update(phase=Phase.ERRORED)
    Environment.objects.filter(pk=environment.pk).update(state="error")

    given = {"reason": "the disk is back"} | seen(asked(staff, "retry", run))
    assert asked(staff, "retry", run, carry_out="yes", **given).status_code == 302

    told = Event.objects.filter(environment_id=environment.pk, actor=house.owner.label).latest("number")
    assert told.data["reason"] == "the disk is back"


def test_a_run_that_has_ended_meanwhile_is_left_alone(staff: Client, slot: Slot, house: House) -> None:
    plan = plans.propose(by=house.owner, release=house.release(slot.app, "4.0"), environment=slot.environment)
    deployment = deployments.carry_out(plan, by=house.owner)
    given = seen(asked(staff, "cancel", deployment.run))
    house.ended(deployment)

    answer = asked(staff, "cancel", deployment.run, carry_out="yes", **given)

    assert answer.status_code == 302
    assert Run.objects.get(pk=deployment.run.pk).phase == Phase.SUCCEEDED
    assert not Event.objects.filter(kind="run.cancel_asked").exists()


def test_what_nobody_can_have_chosen_is_refused(staff: Client, slot: Slot) -> None:
    for chosen in ("no-id", "\0"):
        answer = staff.post(address(Slot), {"action": "promote", "_selected_action": chosen})
        assert answer.status_code == 400, chosen
    for moment in ("year=9999", "year=09999", "year=99999999999", "year__gt=10000"):
        assert staff.get(f"{address(Slot)}?created_at__{moment}").status_code == 400, moment


def test_what_cannot_be_done_is_said_and_not_offered(staff: Client, slot: Slot) -> None:
    run = Run.objects.filter(phase=Phase.SUCCEEDED, deployment__isnull=False).first()
    page = asked(staff, "retry", run).content.decode()
    assert "there is nothing to repeat" in page
    assert '<button type="submit" class="default"' not in page


def test_staff_act_only_where_they_belong(slot: Slot) -> None:
    outsider = signed_in(made_staff(builders.cast().owner))
    page = asked(outsider, "promote", slot)
    assert "You are not a member of" in page.content.decode()
    asked(outsider, "promote", slot, carry_out="yes")
    assert not Deployment.objects.filter(environment__name="production", release__version="2.0").exists()


def test_a_viewer_who_is_staff_sees_and_does_not_act(slot: Slot, house: House) -> None:
    viewer = signed_in(made_staff(house.person(Role.VIEWER)))
    assert "Your role does not let you" in asked(viewer, "roll_back", slot).content.decode()
