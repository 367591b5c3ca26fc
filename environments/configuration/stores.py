"""Secret stores: OpenBao and HashiCorp Vault servers in which secrets lie that are not kept here."""

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from environments import sealing
from environments.configuration import lying
from environments.configuration.entries import Kept
from environments.configuration.lying import MOST_NAMED
from environments.models import SecretStore, StoreAuth
from environments.resolving import problems, vaults
from environments.resolving.problems import Problem, Unresolvable
from projects import access, events, names, versions
from projects.access import Actor, Permission
from projects.credentials import Secret
from projects.errors import Conflict, Exhausted, Invalid, NotFound

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# A part of a path: nothing that an address reads as something else.
PART = re.compile(r"(?!\.{1,2}$)[^/\\?#%\x00-\x1f\x7f]+")
FIELDS = ("name", "address", "mount", "namespace", "auth")
NEEDED = {StoreAuth.TOKEN: ("token",), StoreAuth.APPROLE: ("role_id", "secret_id")}
# In one organization.
MOST = 50


class NameTaken(Conflict):
    code = "name-taken"


class InUse(Conflict):
    code = "in-use"


@dataclass(frozen=True)
class Probe:
    """What came of asking a store: `code` and `error` are empty where it answers as it should."""

    code: str
    error: str


def visible(actor: Actor) -> QuerySet[SecretStore]:
    """Those that are there, oldest first, for who may manage them; for others there are none."""
    rows = SecretStore.objects.filter(organization=actor.organization, deleted_at=None)
    if not access.allows(actor, Permission.MANAGE_STORES):
        rows = rows.none()
    return rows.order_by("created_at", "id")


def find(actor: Actor, ident: str | uuid.UUID) -> SecretStore:
    """By id or name; who may not manage them is told so."""
    access.require(actor, Permission.MANAGE_STORES)
    rows = visible(actor)
    try:
        found = rows.filter(pk=uuid.UUID(str(ident))).first()
    except ValueError:
        found = rows.filter(names.same("name", str(ident))).first()
    if found is None:
        raise NotFound("There is no such secret store.")
    return found


def tag(store: SecretStore) -> str:
    """Another one as soon as anybody changes what its page shows."""
    return versions.of(store, (*FIELDS, "updated_at"))


@events.operation
def create(
    *,
    by: Actor,
    name: str,
    address: str,
    auth: str,
    credentials: Mapping[str, Secret],
    mount: str = "secret",
    namespace: str = "",
) -> SecretStore:
    """`credentials` are `token`, or `role_id` and `secret_id`; they are sealed and never shown again."""
    access.require(by, Permission.MANAGE_STORES)
    if SecretStore.objects.filter(organization=by.organization, deleted_at=None).count() >= MOST:
        raise Exhausted(f"There are {MOST} secret stores already; delete one that is not needed.")
    store = SecretStore(organization=by.organization, created_by=by.label)
    _set(store, {"name": name, "address": address, "mount": mount, "namespace": namespace, "auth": auth})
    _seal(store, credentials)
    _save(store)
    _record("store.created", store, by=by)
    return store


@events.operation
def update(
    store: SecretStore,
    *,
    by: Actor,
    credentials: Mapping[str, Secret] | None = None,
    seen: str | None = None,
    **fields: Any,
) -> SecretStore:
    """Change what is given. Who changes the address or the way to sign in gives the credentials anew: those that are
    kept are sent nowhere else."""
    store = locked(store, by=by)
    versions.check(seen, tag(store), called=store.name)
    before = {name: getattr(store, name) for name in FIELDS}
    _set(store, {**before, **fields})
    changed = sorted(name for name in FIELDS if getattr(store, name) != before[name])
    given = {name: value for name, value in (credentials or {}).items() if value.reveal()}
    if given:
        _seal(store, given)
        changed.append("credentials")
    elif {"address", "auth"} & set(changed):
        raise Invalid.field(
            NEEDED[StoreAuth(store.auth)][0], "is to be given again when the address or the way to sign in changes."
        )
    if changed:
        store.updated_at, store.probed_at, store.probe_code, store.probe_error = timezone.now(), None, "", ""
        _save(store)
        _record("store.updated", store, by=by, changed=changed)
    return store


@events.operation
def delete(store: SecretStore, *, by: Actor) -> None:
    """Refused while secrets refer to it, or what runs was deployed with such a secret; its credentials are gone."""
    store = locked(store, by=by)
    if named := lying.referring(store):
        more = " and others" if len(named) > MOST_NAMED else ""
        raise InUse(f"{', '.join(named[:MOST_NAMED])}{more} lie in {store.name}; set them elsewhere and deploy first.")
    store.deleted_at = store.updated_at = timezone.now()
    store.credentials = None
    store.save(update_fields=["deleted_at", "updated_at", "credentials"])
    _record("store.deleted", store, by=by)


def probe(store: SecretStore, *, by: Actor) -> Probe:
    """Ask it now, and keep what came of it. The store is asked before anything is written: nobody waits behind it."""
    access.require_own(by, store.organization_id)
    access.require(by, Permission.MANAGE_STORES)
    try:
        vaults.probe(vaults.reach_of(store, sealing.box(store.organization_id)))
    except vaults.Trouble as trouble:
        return _probed(store, Probe(trouble.code, f"{str(trouble)[:1].upper()}{str(trouble)[1:]}."), by=by)
    return _probed(store, Probe("", ""), by=by)


@events.operation
def _probed(store: SecretStore, told: Probe, *, by: Actor) -> Probe:
    store.probed_at, store.probe_code, store.probe_error = timezone.now(), told.code, told.error
    store.save(update_fields=["probed_at", "probe_code", "probe_error"])
    _record("store.probed", store, by=by, outcome="does not answer as it should" if told.code else "answers")
    return told


def check_refer(kept: Kept, *, by: Actor) -> None:
    """NotAllowed for whoever does not manage the stores: their credentials reach all that lies there, also what is
    meant for protected environments."""
    access.require_own(by, kept.store.organization_id)
    access.require(by, Permission.MANAGE_STORES)
    _check_path("path", kept.path, longest=400)
    if not kept.field or len(kept.field) > 200 or not kept.field.isprintable():
        raise Invalid.field("field", "must be the name of a field, of at most 200 characters.")


def hold(kept: Kept) -> None:
    """Keep the store from being deleted until the operation ends; NotFound where it was."""
    if not SecretStore.objects.select_for_update(no_key=True).filter(pk=kept.store.pk, deleted_at=None).exists():
        raise NotFound(f"The secret store {kept.store.name} was deleted.")


def read(kept: Kept, *, key: str) -> Secret:
    """What lies there now, for who may reveal it; Unresolvable, with the trouble's own code, where it is not given."""
    store = kept.store
    try:
        if store.credentials is None:
            raise vaults.Trouble("store-missing", f"the secret store {store.name} was deleted")
        return vaults.read(vaults.reach_of(store, sealing.box(store.organization_id)), path=kept.path, field=kept.field)
    except vaults.Trouble as trouble:
        refusal = problems.unresolvable([Problem(key, trouble.code, str(trouble))])
        raise Unresolvable(refusal.detail, code=trouble.code, errors=refusal.errors) from None


def _set(store: SecretStore, given: Mapping[str, Any]) -> None:
    """The fields as they are kept; Invalid, naming the first that cannot be."""
    if unknown := set(given) - set(FIELDS):
        raise Invalid.field(sorted(unknown)[0], "cannot be changed")
    told = {name: str(value or "").strip() for name, value in given.items()}
    if not NAME.fullmatch(told["name"]):
        raise Invalid.field("name", "must be letters, digits, dots and hyphens, at most 64.")
    if told["auth"] not in StoreAuth.values:
        raise Invalid.field("auth", f"must be one of {', '.join(StoreAuth.values)}.")
    told["address"] = _address(told["address"])
    told["mount"] = (told["mount"] or "secret").strip("/")
    _check_path("mount", told["mount"], longest=200)
    told["namespace"] = told["namespace"].strip("/")
    if told["namespace"]:
        _check_path("namespace", told["namespace"], longest=200)
        if not told["namespace"].isascii():
            raise Invalid.field("namespace", "must be plain ASCII.")
    for name, value in told.items():
        setattr(store, name, value)


def _address(address: str) -> str:
    try:
        parts = urlsplit(address)
        known = parts.scheme in {"https", "http"} and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        known = False
    plain = address.isascii() and address.isprintable() and " " not in address
    if not known or not plain or len(address) > 400:
        raise Invalid.field("address", "must be an address such as https://bao.example.org:8200.")
    if parts.username or parts.password or parts.path.strip("/") or parts.query or parts.fragment:
        raise Invalid.field("address", "must be scheme, host and port alone.")
    return f"{parts.scheme}://{parts.netloc}"


def _check_path(field: str, path: str, *, longest: int) -> None:
    try:
        path.encode()
        known = len(path) <= longest and all(PART.fullmatch(part) for part in path.split("/"))
    except UnicodeEncodeError:
        known = False
    if not known:
        raise Invalid.field(field, "must be names with slashes between them, such as shop/database.")


def _seal(store: SecretStore, credentials: Mapping[str, Secret]) -> None:
    needed = NEEDED[StoreAuth(store.auth)]
    told = {name: value.reveal().strip() for name, value in credentials.items() if value.reveal().strip()}
    for name in needed:
        if not told.get(name):
            raise Invalid.field(name, "is needed to sign in.")
        if len(told[name]) > 4000 or not told[name].isascii() or not told[name].isprintable():
            raise Invalid.field(name, "must be at most 4000 characters of plain ASCII.")
    for name in told:
        if name not in needed:
            raise Invalid.field(name, f"is not used to sign in by {StoreAuth(store.auth).label}.")
    whole = told["token"] if store.auth == StoreAuth.TOKEN else json.dumps(told)
    box = sealing.box(store.organization_id)
    store.credentials = box.seal(Secret(whole), context=vaults.context_of(store))


def _save(store: SecretStore) -> None:
    try:
        with transaction.atomic():
            store.save()
    except IntegrityError:
        raise NameTaken.about("name", f"There is a secret store {store.name} already; choose another name.") from None


def locked(store: SecretStore, *, by: Actor) -> SecretStore:
    """As it is now, held until the operation ends, for who may manage it."""
    access.require_own(by, store.organization_id)
    access.require(by, Permission.MANAGE_STORES)
    found = SecretStore.objects.select_for_update(no_key=True).filter(pk=store.pk, deleted_at=None).first()
    if found is None:
        raise NotFound("There is no such secret store.")
    return found


def _record(kind: str, store: SecretStore, *, by: Actor, **data: Any) -> None:
    events.record(kind, by=by, object={"kind": "store", "id": store.id, "name": store.name}, **data)
