"""The lists of runs, releases, endpoints, workers and of all that happened."""

import csv
import io
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import orjson
from django.http import FileResponse, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from environments.overview.lists import activity as activity_list
from environments.overview.lists import agents as agents_list
from environments.overview.lists import endpoints as endpoints_list
from environments.overview.lists import listing
from environments.overview.lists import projects as projects_list
from environments.overview.lists import releases as releases_list
from environments.overview.lists import runs as runs_list
from environments.overview.lists import teams as teams_list
from environments.overview.lists import workers as workers_list
from environments.overview.lists import workflows as workflows_list
from environments.overview.lists.listing import Listing
from environments.undoing import offers
from environments.views import copies
from environments.views.choice import chosen_environment, here, page
from environments.views.fragments import conditional
from projects import access
from projects.access import Permission
from projects.views.signed_in import Visit, is_fragment, signed_in

LISTS: dict[str, ModuleType] = {
    "runs": runs_list,
    "releases": releases_list,
    "endpoints": endpoints_list,
    "workers": workers_list,
    "workflows": workflows_list,
    "activity": activity_list,
    "projects": projects_list,
    "teams": teams_list,
    "agents": agents_list,
}
# What belongs together: lists that lead to each other.
BESIDE = ("projects", "workflows", "teams", "agents")
COLUMNS = (
    "id", "at", "kind", "actor", "object", "project_id", "environment_id", "sentence", "reason", "link", "undoes",
)  # fmt: skip


@require_safe
@signed_in
@conditional
def listed(request: Visit, name: str) -> HttpResponse:
    """One of `LISTS`, which differ in what they list and in nothing else."""
    module = LISTS[name]
    asked = listing.asked(request.GET, module.FILTERS, chosen_environment(request))
    found: Listing = module.listed(request.actor, asked)
    context = {
        "heading": name.capitalize(),
        "asked": asked,
        "given": asked.given,
        "listing": found,
        "undoable": offers.still(found.told, by=request.actor),
        "here": here(request),
        "place": request.path,
        "words": [(name, asked.value(name)) for name in ("actor", "object") if name in module.FILTERS],
    }
    if name in BESIDE:
        context["tabs"] = [
            {"word": other.capitalize(), "url": page(request, other), "current": other == name} for other in BESIDE
        ]
    if name == "projects":
        context["may_manage"] = access.allows(request.actor, Permission.MANAGE_PROJECTS)
    own = "projects/page.html" if name == "projects" else "lists/page.html"
    return render(request, "lists/_list.html" if is_fragment(request) else own, context)


@require_safe
@signed_in
def activity_export(request: Visit, form: str) -> HttpResponseBase:
    """What the same filters list, oldest first, as a file: it is written first and given at the reader's own pace."""
    asked = listing.asked(request.GET, activity_list.FILTERS, chosen_environment(request))
    activity_list.check_exportable(request.actor, asked)
    with copies.written(reader=request.actor.label, what="exports") as copy:
        EXPORTS[form](copy, activity_list.exported(request.actor, asked))
    kind = {"csv": "text/csv; charset=utf-8", "json": "application/json"}[form]
    return FileResponse(copy, as_attachment=True, filename=f"activity.{form}", content_type=kind)


def _csv(copy: copies.Copy, events: Iterator[dict[str, Any]]) -> None:
    text = io.TextIOWrapper(copy, encoding="utf-8", newline="", write_through=True)
    written = csv.writer(text)
    written.writerow(COLUMNS)
    for one in events:
        written.writerow([_plain(value) for value in _columns(one)])
    text.detach()


def _json(copy: copies.Copy, events: Iterator[dict[str, Any]]) -> None:
    copy.write(b"[")
    for number, one in enumerate(events):
        copy.write((b",\n" if number else b"\n") + orjson.dumps(one, default=str))
    copy.write(b"\n]\n")


EXPORTS: dict[str, Callable[[copies.Copy, Iterator[dict[str, Any]]], None]] = {"csv": _csv, "json": _json}


def _columns(told: dict[str, Any]) -> list[Any]:
    return [told[name].get("name", "") if name == "object" else told[name] for name in COLUMNS]


def _plain(value: Any) -> str:
    """As a spreadsheet shows it: what begins like a formula is no formula."""
    text = value.isoformat() if hasattr(value, "isoformat") else "" if value is None else str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
