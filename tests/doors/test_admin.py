"""The records as staff see them: all of them, never to be changed past the rooms, never with a credential."""

import uuid
from typing import Any

import pytest
from django.apps import apps as django_apps
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from environments.delivery import deployments, holds
from environments.models import Deployment, Environment, Hold, Phase, Run, Slot, WorkerToken
from environments.planning import plans
from projects.access import Actor
from projects.models import AccessToken, Event, Role, UserSession
from tests import builders
from tests.doors.visiting import html, signed_in, statements
from tests.environments.house import House

pytestmark = pytest.mark.django_db
MODELS = sorted(
    (model for label in ("projects", "environments") for model in django_apps.get_app_config(label).get_models()),
    key=lambda model: model._meta.label,
)


@pytest.fixture
def staff(house: House) -> Client:
    return signed_in(made_staff(house.owner))


def made_staff(actor: Actor) -> Actor:
    assert actor.user is not None
    actor.user.is_staff = True
    actor.user.save()
    return actor


@pytest.fixture
def slot(house: House) -> Slot:
    """Of an app of which 2.0 is live in development, after 1.0, with production behind it."""
    development = house.environment("development")
    production = house.environment("production", protected=True)
    house.chain("development", "production")
    app = house.app("ledger")
    for version in ("1.0", "2.0"):
        house.live(house.release(app, version), development)
    house.live(app.releases.get(version="1.0"), production)
    return Slot.objects.get(app=app, environment=development)


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
        html(staff, address(model, "change", record.pk))
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


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_no_list_or_record_is_open_to_who_is_not_staff(house: House, model: Any) -> None:
    for client in (signed_in(house.owner), Client()):
        for page in (address(model), address(model, "change", uuid.uuid4()), address(model, "add")):
            answer = client.get(page)
            assert answer.status_code == 302 and "/admin/login/" in answer["Location"], page


def test_no_page_shows_a_credential(staff: Client, slot: Slot, house: House) -> None:
    credential = builders.token(house.owner)
    token = WorkerToken.objects.first()
    secrets = {
        *AccessToken.objects.values_list("digest", flat=True),
        *WorkerToken.objects.values_list("digest", flat=True),
        credential,
        house.owner.user.password if house.owner.user else "",
    }
    if token is not None:
        secrets.add(bytes(token.sealed).hex())
    secrets |= set(UserSession.objects.values_list("session_key", flat=True))
    for model in MODELS:
        pages = [html(staff, address(model))]
        if model is not UserSession:
            pages += [html(staff, address(model, "change", one.pk)) for one in model._default_manager.all()[:5]]
        for page in pages:
            assert not [secret for secret in secrets if secret and secret in page], model


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


def test_a_plan_that_has_changed_since_is_not_carried_out(staff: Client, slot: Slot, house: House) -> None:
    page = asked(staff, "promote", slot)
    (key,) = [name.removeprefix("seen-") for name in seen(page)]
    house.live(slot.app.releases.get(version="2.0"), Environment.objects.get(name="production"))
    house.live(house.release(slot.app, "3.0"), slot.environment)

    given = {f"confirm-{key}": "production"}
    asked(staff, "promote", slot, carry_out="yes", **seen(page), **given)

    assert not Deployment.objects.filter(environment__name="production", release__version="3.0").exists()


def test_staff_roll_back(staff: Client, slot: Slot) -> None:
    page = asked(staff, "roll_back", slot)
    assert "2.0 now, 1.0 afterwards" in page.content.decode()

    assert asked(staff, "roll_back", slot, carry_out="yes", reason="it was slow", **seen(page)).status_code == 302

    assert Deployment.objects.filter(environment=slot.environment).latest("number").kind == "rollback"


def test_staff_retry_cancel_and_lift(staff: Client, slot: Slot, house: House) -> None:
    plan = plans.propose(by=house.owner, release=house.release(slot.app, "4.0"), environment=slot.environment)
    run = deployments.carry_out(plan, by=house.owner).run

    assert asked(staff, "cancel", run, carry_out="yes", reason="stuck").status_code == 302
    run.refresh_from_db()
    assert run.phase == Phase.CANCELLED
    assert "Retry runs" in asked(staff, "retry", run).content.decode()
    assert asked(staff, "retry", run, carry_out="yes").status_code == 302
    run.refresh_from_db()
    assert run.phase == Phase.QUEUED
    assert Event.objects.get(kind="deployment.retried").actor == house.owner.label

    hold = holds.place(slot.app, slot.environment, by=house.owner, reason="look first")
    assert asked(staff, "lift", hold, carry_out="yes").status_code == 302
    assert Hold.objects.get(pk=hold.pk).lifted_by == house.owner.label


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
