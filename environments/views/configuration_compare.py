"""The page that shows what holds in several environments side by side, and the one that copies a key between them."""

from dataclasses import dataclass, replace
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from environments.configuration import comparisons, copying, placing
from environments.forms.form import sentence
from environments.models import Environment
from environments.overview.choices import Choice, choices
from environments.resolving import comparing
from environments.resolving.comparing import Cell, Comparison, Row
from environments.resolving.scopes import Scope
from environments.views import scope_picking
from environments.views.choice import query
from environments.views.fragments import conditional
from projects.access import Actor
from projects.errors import Conflict, Invalid, NotFound, status
from projects.limits import TooMany
from projects.views.signed_in import Visit, is_fragment, signed_in

PAGE = 100
OFFERED = 24
SHOWN = {
    "": ("All", comparing.DIFFERENCES),
    "differences": ("Differences", ("missing", "different")),
    "missing": ("Missing", ("missing",)),
    "unknown": ("Not compared", ("unknown",)),
    "same": ("Same", ("same",)),
}
WORDS = {"missing": "Missing", "different": "≠ Different", "unknown": "Not compared", "same": "= Same"}


@dataclass(frozen=True)
class Asked:
    """What the address asks for; without environments the first of the chain."""

    ids: list[str]
    holder: Scope
    show: str
    q: str
    after: str

    def address(self, **other: str) -> str:
        values = QueryDict(mutable=True)
        values.setlist("ids", self.ids)
        asked = {"holder": scope_picking.named(self.holder)["holder"], "show": self.show, "q": self.q} | other
        values.update({name: value for name, value in asked.items() if value})
        return values.urlencode()


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@conditional
def compare(request: Visit) -> HttpResponse:
    """By POST with secrets compared by their fingerprints, which is an event."""
    by = request.actor
    given = request.POST if request.method == "POST" else request.GET
    offered = choices(by, limit=OFFERED)
    asked = _asked(by, given, offered)
    context: dict[str, Any] = {
        "asked": asked,
        "here": f"{reverse('configuration-compare')}?{asked.address(after=asked.after)}",
    }
    context |= {
        "kept": [("holder", given.get("holder", "")), ("show", asked.show), ("q", asked.q), ("after", asked.after)],
        "everything": f"?{replace(asked, show='', q='').address()}",
    }
    number = 200
    try:
        environments = comparisons.environments(by, asked.ids)
        context |= _compared(environments, asked, by=by, secrets=request.method == "POST")
    except (Invalid, TooMany) as refused:
        number = status(refused) if "ids" in given else 200
        context["refusal"] = sentence(refused) if len(offered) > 1 else ""
        context["chosen"] = [] if isinstance(refused, Invalid) else environments
    if is_fragment(request):
        return render(request, "configuration_compare/_body.html", context, status=number)
    chosen = {str(one.pk) for one in context["chosen"]} or {*asked.ids}
    context |= {
        "offered": [(one, one.id in chosen) for one in _offered(offered, context["chosen"])],
        "holders": scope_picking.holders(by, asked.holder, nouns=scope_picking.COMPARED),
        "shown": [(name, word) for name, (word, _) in SHOWN.items()],
    }
    return render(request, "configuration_compare/page.html", context, status=number)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def copy(request: Visit) -> HttpResponse:
    """GET shows what copying would replace, POST does it."""
    by = request.actor
    given = request.POST if request.method == "POST" else request.GET
    key, holder = given.get("key", ""), scope_picking.holder(by, given)
    origin, there = (placing.environment(by, given.get(name, "")) for name in ("from", "to"))
    places = copying.scopes(there, holder)
    level = given.get("level", "") or copying.level_of(copying.winner(key, origin, holder, by=by))
    if level not in places:
        raise NotFound("There is no such scope.")
    back = query(request, ids=f"{origin.pk},{there.pk}", holder=given.get("holder", ""))
    context: dict[str, Any] = {
        "key": key,
        "origin": origin,
        "there": there,
        "level": level,
        "levels": [(name, str(scope), name == level) for name, scope in places.items()],
        "holder": given.get("holder", ""),
        "offered": _both(choices(by, limit=OFFERED), origin, there),
        "back": f"{reverse('configuration-compare')}{back}",
    }
    number = 200
    try:
        if request.method == "POST":
            done, _ = copying.copy(key, origin, holder, places[level], by=by, seen=given.get("seen"))
            messages.success(request, f"{key} of {origin.title} copied: set for {done.scope}.")
            return HttpResponseRedirect(context["back"])
    except Conflict as refused:
        context["refusal"], number = sentence(refused), status(refused)
    try:
        context["copied"] = copying.preview(key, origin, holder, places[level], by=by)
    except Conflict as refused:
        context["refusal"] = sentence(refused)
    return render(request, "configuration_compare/copy.html", context, status=number)


def _asked(by: Actor, given: Any, offered: list[Choice]) -> Asked:
    ids = [one for part in given.getlist("ids") for one in part.split(",") if one]
    if "ids" not in given:
        staged = [one.id for one in offered if one.stage is not None]
        ids = (staged if len(staged) > 1 else [one.id for one in offered])[:3]
    holder = scope_picking.holder(by, given)
    if holder.team or holder.agent:
        raise NotFound("There is no such app or project.")
    show = given.get("show", "")
    return Asked(ids, holder, show if show in SHOWN else "", given.get("q", "")[:128], given.get("after", "")[:128])


def _compared(environments: list[Environment], asked: Asked, *, by: Actor, secrets: bool) -> dict[str, Any]:
    look = comparisons.compare_secrets if secrets else comparisons.compare
    found = look(environments, asked.holder, by=by)
    wanted, typed = SHOWN[asked.show][1], asked.q.casefold()
    rows = [row for row in found.rows if row.difference in wanted and typed in row.key.casefold()]
    left = [row for row in rows if row.key > asked.after]
    more = left[PAGE:]
    return {
        "found": found,
        "chosen": environments,
        "rows": [_row(row, found, asked, by=by) for row in left[:PAGE]],
        "matching": len(rows),
        "next": asked.address(after=left[PAGE - 1].key) if more else "",
        "first": asked.address() if asked.after else "",
        "warnings": [comparisons.sentence(row, found) for row in found.shared[:10]],
        "more_warnings": max(0, len(found.shared) - 10),
        "compared_at": timezone.now() if secrets else None,
        "secrets": 0 if secrets else sum(any(cell.masked for cell in row.cells) for row in found.rows),
        "subjects": " ".join(["configuration", *(f"environment:{one.pk}" for one in environments)]),
    }


def _row(row: Row, found: Comparison, asked: Asked, *, by: Actor) -> dict[str, Any]:
    values = [cell.winner is not None for cell in row.cells]
    # From the first that has it to the first that lacks it, else to the next.
    origin = values.index(True)
    there = values.index(False) if False in values else (origin + 1) % len(values)
    address = QueryDict(mutable=True)
    address.update(
        {
            "key": row.key,
            "from": str(found.environments[origin].pk),
            "to": str(found.environments[there].pk),
            "holder": scope_picking.named(asked.holder)["holder"],
        }
    )
    return {
        "key": row.key,
        "kind": row.kind,
        "difference": row.difference,
        "word": WORDS[row.difference],
        "differs": row.difference in {"different", "missing"},
        "cells": [_cell(cell, one, asked, by=by) for cell, one in zip(row.cells, found.environments, strict=True)],
        "copy": address.urlencode(),
    }


def _cell(cell: Cell, environment: Environment, asked: Asked, *, by: Actor) -> dict[str, Any]:
    one = cell.winner
    return {
        "place": environment.title,
        "missing": one is None,
        "problem": cell.problem,
        "masked": cell.masked,
        "value": cell.value,
        "fingerprint": cell.fingerprint[:6],
        "scope": comparisons.scope_of(one, asked.holder, by=by) if one else "",
        "inherited": cell.is_inherited,
        "overrides": cell.overrides,
    }


def _offered(offered: list[Choice], chosen: list[Environment]) -> list[Any]:
    """Those to choose from, with the chosen ones in any case."""
    known = {one.id for one in offered}
    return [*offered, *(_Offer(str(one.pk), one.title) for one in chosen if str(one.pk) not in known)]


def _both(offered: list[Choice], origin: Environment, there: Environment) -> list[dict[str, Any]]:
    return [
        {"id": one.id, "title": one.title, "origin": one.id == str(origin.pk), "there": one.id == str(there.pk)}
        for one in _offered(offered, list(dict.fromkeys([origin, there])))
    ]


@dataclass(frozen=True)
class _Offer:
    id: str
    title: str
