"""Integrations: what work is given access to elsewhere, with the keys of the secrets that it takes."""

import re
import uuid
from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from environments.configuration import catalogue, enabling, rights, values
from environments.models import Integration, IntegrationType
from environments.resolving.scopes import Scope
from projects import access, events, names, versions
from projects.access import Actor, Permission
from projects.errors import Conflict, Exhausted, Invalid, NotAllowed, NotFound

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
FIELDS = ("name", "description", "settings", "secrets")
# In one organization, and named in one refusal.
MOST, MOST_NAMED = 100, 5


class NameTaken(Conflict):
    code = "name-taken"


class InUse(Conflict):
    code = "in-use"


def visible(actor: Actor, *, connected_only: bool = False) -> QuerySet[Integration]:
    """Those of the organization, oldest first: there is no secret in one. Who has no role sees none."""
    rows = Integration.objects.filter(organization=actor.organization)
    if not actor.rights:
        rows = rows.none()
    if connected_only:
        rows = rows.filter(probed_at__isnull=False, probe_code="")
    return rows.order_by("created_at", "id")


def find(actor: Actor, ident: str | uuid.UUID) -> Integration:
    """By id or name."""
    rows = visible(actor).select_related("probed_in")
    try:
        found = rows.filter(pk=uuid.UUID(str(ident))).first()
    except ValueError:
        found = rows.filter(names.same("name", str(ident))).first()
    if found is None:
        raise NotFound("There is no such integration.")
    return found


def tag(integration: Integration) -> str:
    """Another one as soon as anybody changes what its settings page shows."""
    return versions.of(integration, FIELDS)


@events.operation
def create(
    *,
    by: Actor,
    name: str,
    type: str,
    settings: Mapping[str, Any] | None = None,
    secrets: Mapping[str, Any] | None = None,
    description: str = "",
) -> Integration:
    """`secrets` are keys of secrets by the name of the credential. It is enabled nowhere yet, and was never asked."""
    access.require(by, Permission.MANAGE_STORES)
    if type not in IntegrationType.values:
        raise Invalid.field("type", f"must be one of {', '.join(IntegrationType.values)}.")
    if Integration.objects.filter(organization=by.organization).count() >= MOST:
        raise Exhausted(f"There are {MOST} integrations already; delete one that is not needed.")
    made = Integration(organization=by.organization, type=type, created_by=by.label)
    given = {"name": name, "description": description, "settings": settings or {}, "secrets": secrets or {}}
    _set(made, given)
    _save(made)
    _record("integration.created", made, by=by)
    return made


@events.operation
def update(integration: Integration, *, by: Actor, seen: str | None = None, **fields: Any) -> Integration:
    """Change what is given, settings and secrets each as a whole; what it sets where it is enabled changes with it.

    Settings and secrets are so for who may set values in all of these places; name and description reach none.
    """
    integration = locked(integration, by=by)
    versions.check(seen, tag(integration), called=integration.name)
    if "type" in fields and fields.pop("type") != integration.type:
        raise Invalid.field("type", "stays as it is: make a new integration.")
    before = {name: getattr(integration, name) for name in FIELDS}
    _set(integration, {**before, **fields})
    changed = sorted(name for name in FIELDS if getattr(integration, name) != before[name])
    if not changed:
        return integration
    integration.updated_at = timezone.now()
    if {"settings", "secrets"} & set(changed):
        _check_places(integration, by=by)
        integration.probed_at, integration.probed_in = None, None
        integration.probe_code = integration.probe_error = ""
    _save(integration)
    _record("integration.updated", integration, by=by, changed=changed)
    if {"settings", "secrets"} & set(changed):
        enabling.rewrite(integration, by=by)
    return integration


@events.operation
def delete(integration: Integration, *, by: Actor) -> None:
    """Refused while it is enabled somewhere; the secrets that it took stay."""
    integration = locked(integration, by=by)
    if enabling.everywhere(integration):
        told = enabling.places(integration, by=by)
        where = _named(told, more=enabling.is_elsewhere(integration, by=by))
        raise InUse(f"{integration.name} is enabled in {where}; disable it there first.")
    enabling.forget(integration)
    _record("integration.deleted", integration, by=by)
    integration.delete()


def locked(integration: Integration, *, by: Actor) -> Integration:
    """As it is now, held until the operation ends, for who may manage it."""
    access.require_own(by, integration.organization_id)
    access.require(by, Permission.MANAGE_STORES)
    return enabling.held(integration)


def _check_places(integration: Integration, *, by: Actor) -> None:
    """NotAllowed, naming only what the actor sees, for who may not set values wherever it does."""
    places = [scope for scope, _ in enabling.everywhere(integration, terminating=True)]
    known = rights.reach({scope.environment for scope in places if scope.environment}, by=by)
    barred = [scope for scope in places if rights.why_not(scope, by=by, known=known)]
    if barred:
        told = [scope for scope in enabling.places(integration, by=by) if scope in barred]
        where = _named(told, more=len(told) < len(barred))
        raise NotAllowed(
            f"{integration.name} is enabled in {where}, where you may not change it: ask who may, or make a second "
            "integration."
        )


def _named(told: list[Scope], *, more: bool) -> str:
    """Places in a sentence, of which there may be more than are told."""
    if not told:
        return "places that you do not see"
    return ", ".join(map(str, told[:MOST_NAMED])) + (" and others" if more or len(told) > MOST_NAMED else "")


def _set(integration: Integration, given: Mapping[str, Any]) -> None:
    """The fields as they are kept; Invalid, naming the first that cannot be."""
    if unknown := set(given) - set(FIELDS):
        raise Invalid.field(sorted(unknown)[0], "cannot be changed")
    name = str(given["name"] or "").strip()
    if not NAME.fullmatch(name):
        raise Invalid.field("name", "must be letters, digits, dots and hyphens, at most 64.")
    description = str(given["description"] or "").strip()
    integration.description = values.check_text(description, field="description", longest=values.LONGEST_DESCRIPTION)
    integration.name = name
    integration.settings, integration.secrets = catalogue.checked(
        IntegrationType(integration.type), given["settings"] or {}, given["secrets"] or {}
    )


def _save(integration: Integration) -> None:
    try:
        with transaction.atomic():
            integration.save()
    except IntegrityError:
        raise NameTaken.about(
            "name", f"There is an integration {integration.name} already; choose another name."
        ) from None


def _record(kind: str, integration: Integration, *, by: Actor, **data: Any) -> None:
    object = {"kind": "integration", "id": integration.id, "name": integration.name}
    events.record(kind, by=by, object=object, subjects=["integrations"], **data)
