"""The pages of integrations: which there are, whether they answer, and where they are enabled."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from environments.configuration import catalogue, enabling, placing, probing
from environments.configuration import integrations as room
from environments.forms import places as typed
from environments.forms.form import sentence
from environments.forms.integrations import InPlaceForm, IntegrationForm
from environments.models import Integration, IntegrationType
from environments.resolving.scopes import Scope
from environments.views import integration_places as reading
from environments.views.choice import chosen_environment, go, here
from environments.views.confirming import confirm
from environments.views.fragments import conditional
from environments.views.settings import settings_page
from environments.views.undoing import done
from projects import access, events
from projects.access import Permission
from projects.errors import Invalid, NotFound, Refused, status
from projects.views.signed_in import Visit, is_fragment, signed_in


@require_safe
@signed_in
@conditional
def integrations(request: Visit) -> HttpResponse:
    chosen = chosen_environment(request)
    context: dict[str, Any] = {"rows": reading.listed(request.actor, chosen), "chosen": chosen}
    context |= {"may_manage": _may_manage(request), "here": here(request)}
    return render(request, "integrations/_list.html" if is_fragment(request) else "integrations/page.html", context)


@require_safe
@signed_in
@conditional
def integration(request: Visit, integration_id: uuid.UUID) -> HttpResponse:
    context = _page(request, room.find(request.actor, integration_id))
    return render(request, "integration/_body.html" if is_fragment(request) else "integration/page.html", context)


def _page(request: Visit, found: Integration) -> dict[str, Any]:
    context = reading.page(found, request.actor, chosen_environment(request))
    context |= {"may_manage": _may_manage(request), "known": typed.environments(request.actor)}
    may_enable = access.allows_somewhere(request.actor, Permission.CONFIGURE)
    return context | {"may_enable": may_enable, "here": reverse("integration", args=[found.pk])}


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def new(request: Visit) -> HttpResponse:
    """First the type, then what it is told."""
    access.require(request.actor, Permission.MANAGE_STORES)
    named = request.GET.get("type") or request.POST.get("type", "")
    if not named:
        kinds = [{"name": one.value, "word": one.label, "told": catalogue.CATALOGUE[one]} for one in IntegrationType]
        return render(request, "integrations/types.html", {"kinds": kinds})
    if named not in IntegrationType.values:
        raise NotFound("There is no such type of integration.")
    kind = IntegrationType(named)
    form = IntegrationForm(request.POST or None, by=request.actor, type=kind)
    if request.method == "POST" and form.is_valid():
        try:
            made = room.create(by=request.actor, type=kind, **form.wish())
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, f"{made.name} is added. Enable it where it is needed.")
            return go(request, "integration", made.id)
    context: dict[str, Any] = {"form": form, "heading": f"New {kind.label} integration", "button": "Add integration"}
    context |= {"back": reverse("integrations"), "crumbs": [_all()]}
    return render(request, "form.html", context, status=form.status)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def settings(request: Visit, integration_id: uuid.UUID) -> HttpResponse:
    access.require(request.actor, Permission.MANAGE_STORES)
    found = room.find(request.actor, integration_id)

    def shape(*given: Any) -> IntegrationForm:
        now = room.find(request.actor, integration_id)
        return IntegrationForm(*given, by=request.actor, type=IntegrationType(now.type), integration=now)

    form = shape(request.POST or None)
    return settings_page(
        request,
        form,
        save=lambda seen: room.update(found, by=request.actor, seen=seen, **form.wish()),
        now=shape,
        of=found.name,
        place="integration",
        ident=found.id,
        above=[_all()],
    )


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def deletion(request: Visit, integration_id: uuid.UUID) -> HttpResponse:
    access.require(request.actor, Permission.MANAGE_STORES)
    found = room.find(request.actor, integration_id)
    return confirm(
        request,
        lambda: room.delete(found, by=request.actor),
        heading=f"Delete {found.name}",
        sentence="The secrets that it names stay. It cannot be undone, and is refused while it is enabled somewhere.",
        done=f"{found.name} is deleted.",
        to=reverse("integrations"),
        back=reverse("integration", args=[found.id]),
    )


@require_POST
@signed_in
def probe(request: Visit, integration_id: uuid.UUID) -> HttpResponse:
    found = room.find(request.actor, integration_id)
    form = InPlaceForm(request.POST, by=request.actor)
    if not form.is_valid():
        return _refused(request, found, probe_error=_said(form))
    told = probing.probe(found, by=request.actor, environment=form.cleaned_data["environment"])
    if told.code:
        messages.warning(request, told.error)
    else:
        messages.success(request, f"{found.name} answers.")
    return go(request, "integration", found.id)


@require_POST
@signed_in
def enable(request: Visit, integration_id: uuid.UUID) -> HttpResponse:
    """In an environment; for teams and agents it is chosen in their settings."""
    found = room.find(request.actor, integration_id)
    form = InPlaceForm(request.POST, by=request.actor)
    if not form.is_valid():
        return _refused(request, found, enable_error=_said(form))
    place = form.cleaned_data["environment"]
    try:
        with events.noted() as made:
            enabling.enable(found, Scope(environment=place), by=request.actor)
    except Refused as refused:
        if refused.code in {"not-found", "not-allowed"}:
            raise
        return _refused(request, found, enable_error=sentence(refused), status=status(refused))
    done(request, f"{found.name} is enabled in {place.title}. What is deployed from now on gets its variables.", made)
    return go(request, "integration", found.id)


@require_POST
@signed_in
def disable(request: Visit, integration_id: uuid.UUID) -> HttpResponse:
    found = room.find(request.actor, integration_id)
    kinds = [name for name in ("environment", "team", "agent") if request.POST.get(name)]
    if len(kinds) != 1:
        raise Invalid("Say where it is to be disabled.")
    try:
        ident = uuid.UUID(request.POST[kinds[0]])
    except ValueError:
        raise NotFound("There is no such place.") from None
    scope = placing.scope(request.actor, **{f"{kinds[0]}_id": ident})
    with events.noted() as made:
        enabling.disable(found, scope, by=request.actor)
    done(request, f"{found.name} is disabled for {scope}.", made)
    return go(request, "integration", found.id)


def _refused(request: Visit, found: Integration, *, status: int = 422, **told: str) -> HttpResponse:
    """The page again, with what was typed and why not."""
    context = _page(request, found) | told | {"typed": request.POST.get("environment", "")}
    return render(request, "integration/page.html", context, status=status)


def _said(form: InPlaceForm) -> str:
    return " ".join(str(error) for error in form.errors["environment"])


def _may_manage(request: Visit) -> bool:
    return access.allows(request.actor, Permission.MANAGE_STORES)


def _all() -> dict[str, str]:
    return {"word": "Integrations", "url": reverse("integrations")}
