"""An action's way: a page that shows what would happen and asks for the word, then the room, then what came of it."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse

from projects.access import Actor
from projects.admin.acting import in_organization
from projects.admin.records import Records
from projects.errors import Conflict, Refused

MOST = 20


@dataclass
class Item:
    """One thing that would happen. `seen` is the digest of what was shown, `confirm` the name that must be typed."""

    key: str
    lines: list[tuple[str, str]]
    gates: list[dict[str, Any]] = field(default_factory=list)
    blocked: bool = False
    seen: str = ""
    confirm: str = ""
    refusal: str = ""


class Act(ABC):
    """What staff may ask a room for, of several records at once; each is an operation of its own."""

    name: str
    title: str
    button: str

    def check(self, record: Any, actor: Actor) -> None:
        """Raise what stands in the way."""
        return

    @abstractmethod
    def items(self, record: Any, actor: Actor) -> Iterable[Item]:
        """What would happen to the record."""

    @abstractmethod
    def act(self, record: Any, item: Item, actor: Actor, *, confirm: str) -> str:
        """Do it, and say so. The actor says why."""


def carried_out(act: Act, records: Records, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponseBase | None:
    """The page that asks; once it has been answered, nothing more to show than the list with what came of each."""
    chosen = list(queryset[: MOST + 1])
    if len(chosen) > MOST:
        messages.error(request, f"Choose at most {MOST} at a time, so that you can read what would happen.")
        return None
    shown = [(record, *_look(act, record, request)) for record in chosen]
    if request.POST.get("carry_out") == "yes":
        refused = _do(act, shown, request)
        if not refused:
            return None
        # What is done is no longer asked for, and the rest is shown as it is by now.
        chosen = [record for record, _, items in shown if any(item.key in refused for item in items)]
        chosen = list(queryset.filter(pk__in=[record.pk for record in chosen]))
        shown = [(record, *_look(act, record, request)) for record in chosen]
        shown = [(record, actor, [item for item in items if item.key in refused]) for record, actor, items in shown]
        for _, _, items in shown:
            for item in items:
                item.refusal = refused[item.key]
    items = [item for _, _, several in shown for item in several]
    context = {
        **records.admin_site.each_context(request),
        "opts": records.opts,
        "title": act.title,
        "act": act,
        "items": items,
        "chosen": [record.pk for record in chosen],
        "checkbox": ACTION_CHECKBOX_NAME,
        "reason": request.POST.get("reason", ""),
        "link": request.POST.get("link", ""),
        "possible": any(not item.blocked for item in items),
    }
    return TemplateResponse(request, "admin/act.html", context)


def _look(act: Act, record: Any, request: HttpRequest) -> tuple[Actor | None, list[Item]]:
    try:
        actor = in_organization(request, record.organization)
        act.check(record, actor)
        return actor, list(act.items(record, actor))
    except Refused as refusal:
        return None, [Item(str(record.pk), [("Record", str(record))], blocked=True, refusal=refusal.detail)]


def _do(act: Act, shown: list[tuple[Any, Actor | None, list[Item]]], request: HttpRequest) -> dict[str, str]:
    """Why, by the key of what is left to be looked at: a name that was not typed, a plan that is another by now."""
    refused: dict[str, str] = {}
    for record, actor, items in shown:
        for item in items:
            seen = request.POST.get(f"seen-{item.key}")
            if actor is None or item.blocked:
                messages.warning(request, f"{record}: {item.refusal or 'a gate is closed, nothing was done'}")
                continue
            try:
                if seen is None:
                    raise Conflict("It could not be done when you looked, and can be now; look again.")
                messages.success(request, _done(act, record, replace(item, seen=seen), actor, request))
            except Refused as refusal:
                refused[item.key] = refusal.detail
                messages.error(request, f"{record}: {refusal.detail}")
    return refused


def _done(act: Act, record: Any, item: Item, actor: Actor, request: HttpRequest) -> str:
    actor = actor.because(request.POST.get("reason", ""), request.POST.get("link", ""))
    return act.act(record, item, actor, confirm=request.POST.get(f"confirm-{item.key}", "").strip())
