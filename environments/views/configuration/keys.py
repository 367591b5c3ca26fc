"""The page of one key in one scope: what it says, every version it has had, what may be done; and revealing it."""

import difflib
import uuid
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from environments.configuration import entries, rights, secrets
from environments.configuration.secrets import WriteOnly
from environments.models import Entry, EntryKind, EntryVersion
from environments.views.choice import here, query
from environments.views.configuration.links import Revealing
from environments.views.configuration.resolved import late
from environments.views.fragments import conditional
from projects.errors import Invalid
from projects.views.signed_in import Visit, is_fragment, signed_in

PAGE = 50
ELSEWHERE = 20
SECONDS = 30  # that a revealed value stays on the screen
COMPARED = 2000  # lines


@dataclass(frozen=True)
class Row:
    """A version with what may be done to it."""

    version: EntryVersion
    current: bool
    status: str
    reveal: Revealing | None
    restorable: bool
    revocable: bool
    destroyable: bool
    before: int


@require_safe
@signed_in
@conditional
def entry(request: Visit, entry_id: uuid.UUID) -> HttpResponse:
    found = entries.find(request.actor, entry_id)
    context = _page(request, found) | {"here": here(request)}
    return render(request, "configuration/_entry.html" if is_fragment(request) else "configuration/entry.html", context)


def _page(request: Visit, found: Entry) -> dict[str, Any]:
    scope, actor = entries.scope_of(found), request.actor
    before = _number(request, "before")
    versions = entries.history(found).defer("sealed")
    rows = list((versions.filter(number__lt=before) if before else versions)[: PAGE + 1])
    why_not = rights.why_not(scope, by=actor)
    why_hidden = WriteOnly.sentence(found.key) if found.write_only else rights.why_not_reveal(scope, by=actor)
    others = entries.visible(actor).filter(key=found.key).exclude(pk=found.pk).defer("current__sealed")[:ELSEWHERE]
    sealed = set(
        found.versions.filter(pk__in=[one.pk for one in rows], sealed__isnull=False).values_list("pk", flat=True)
    )
    return {
        "entry": found,
        "scope": scope,
        "why_not": why_not,
        "overdue": found.kind == EntryKind.SECRET and found.deleted_at is None and late(found),
        "reveal": _revealing(found, found.current, why_hidden),
        "rows": [
            _row(found, one, why_hidden, may=not why_not and not found.integration, sealed=one.pk in sealed)
            for one in rows[:PAGE]
        ],
        "older": rows[PAGE - 1].number if len(rows) > PAGE else 0,
        "newer": bool(before),
        "elsewhere": [{"scope": str(entries.scope_of(one)), "entry": one} for one in others],
        "difference": _difference(request, found),
    }


def _row(entry: Entry, version: EntryVersion, why_hidden: str, *, may: bool, sealed: bool) -> Row:
    secret, revoked = entry.kind == EntryKind.SECRET, version.revoked_at is not None
    current = version.pk == entry.current_id
    status = "destroyed" if version.destroyed_at else "revoked" if revoked else "deleted" if version.deleted else ""
    return Row(
        version,
        current,
        status,
        _revealing(entry, version, why_hidden),
        restorable=may and not version.deleted and not revoked and not current,
        revocable=may and secret and not version.deleted and not revoked,
        destroyable=may and secret and sealed,
        before=version.number - 1 if not secret and not version.deleted else 0,
    )


def _revealing(entry: Entry, version: EntryVersion | None, why: str) -> Revealing | None:
    plain = entry.kind != EntryKind.SECRET or version is None or version.deleted or version.revoked_at is not None
    return None if plain or version is None else Revealing(entry.pk, entry.key, version.number, why)


def _number(request: Visit, name: str) -> int:
    given = request.GET.get(name, "")
    if given and not (given.isascii() and given.isdecimal() and len(given) < 10):
        raise Invalid.field(name, "is the number of a version.")
    return int(given or 0)


def _difference(request: Visit, entry: Entry) -> dict[str, Any] | None:
    """The lines of one version of a variable beside those of another."""
    first, second = _number(request, "from"), _number(request, "to")
    if entry.kind == EntryKind.SECRET or not (first and second):
        return None
    before, after = entries.version(entry, first), entries.version(entry, second)
    lines = [
        {"change": CHANGES[line[0]], "text": line[2:]}
        for line in difflib.ndiff(before.value.splitlines()[:COMPARED], after.value.splitlines()[:COMPARED])
        if line[0] in CHANGES
    ]
    return {"before": before, "after": after, "lines": lines, "same": before.value == after.value}


CHANGES = {" ": "same", "-": "removed", "+": "added"}


@require_POST
@never_cache
@signed_in
def revealing(request: Visit, entry_id: uuid.UUID) -> HttpResponse:
    """The value, by a click, written down, kept by nobody; it leaves the screen by itself."""
    found = entries.find(request.actor, entry_id, EntryKind.SECRET)
    given = request.POST.get("number", "")
    number = int(given) if given.isascii() and given.isdecimal() and len(given) < 10 else None
    value = secrets.reveal(found, by=request.actor, number=number)
    context = {
        "entry": found,
        "place": f"value-{found.pk}-{number or (found.current and found.current.number)}",
        "value": value.reveal(),
        "seconds": SECONDS,
        "back": reverse("configuration-entry", args=[found.pk]) + query(request),
    }
    if is_fragment(request):
        return render(request, "configuration/_revealed.html", context)
    response = render(request, "configuration/revealed.html", context)
    response["Refresh"] = f"{SECONDS}; url={context['back']}"
    return response
