"""An action's way: a page that shows what would happen and asks for the word, then the room, then what came of it."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
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
from projects.errors import Refused

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
    def act(self, record: Any, item: Item, actor: Actor, *, reason: str, confirm: str) -> str:
        """Do it, and say so."""


def carried_out(act: Act, records: Records, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponseBase | None:
    """The page that asks; once it has been answered, nothing more to show than the list with what came of each."""
    chosen = list(queryset[: MOST + 1])
    if len(chosen) > MOST:
        messages.error(request, f"Choose at most {MOST} at a time, so that you can read what would happen.")
        return None
    looked_at = [(record, *_look(act, record, request)) for record in chosen]
    if request.POST.get("carry_out") == "yes":
        left = _do(act, looked_at, request)
        if not left:
            return None
    context = {
        **records.admin_site.each_context(request),
        "opts": records.opts,
        "title": act.title,
        "act": act,
        "items": [item for _, _, items in looked_at for item in items],
        "chosen": [record.pk for record in chosen],
        "checkbox": ACTION_CHECKBOX_NAME,
        "reason": request.POST.get("reason", ""),
        "possible": any(not item.blocked and not item.refusal for _, _, items in looked_at for item in items),
    }
    return TemplateResponse(request, "admin/act.html", context)


def _look(act: Act, record: Any, request: HttpRequest) -> tuple[Actor | None, list[Item]]:
    try:
        actor = in_organization(request, record.organization)
        act.check(record, actor)
        return actor, list(act.items(record, actor))
    except Refused as refusal:
        return None, [Item(str(record.pk), [("Record", str(record))], blocked=True, refusal=refusal.detail)]


def _do(act: Act, looked_at: list[tuple[Any, Actor | None, list[Item]]], request: HttpRequest) -> bool:
    """Whether something is left to be looked at again: a name that was not typed, a plan that is another by now."""
    reason, left = request.POST.get("reason", "").strip(), False
    for record, actor, items in looked_at:
        for item in items:
            if actor is None or item.blocked:
                messages.warning(request, f"{record}: {item.refusal or 'a gate is closed, nothing was done'}")
                continue
            item.seen = request.POST.get(f"seen-{item.key}", item.seen)
            try:
                confirm = request.POST.get(f"confirm-{item.key}", "").strip()
                messages.success(request, act.act(record, item, actor, reason=reason, confirm=confirm))
            except Refused as refusal:
                item.refusal, left = refusal.detail, True
                messages.error(request, f"{record}: {refusal.detail}")
    return left
