"""The board's pages: the matrix, one app's row, one column's head, and the counts beside the filters."""

import time
import uuid
from collections.abc import Iterable
from itertools import groupby
from typing import Any
from urllib.parse import quote, urlencode

from django.http import Http404, HttpResponse, HttpResponseNotModified
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from environments import board as boards
from environments import statuses
from environments.delivery import chains
from environments.overview import choices
from environments.views.board_row import draw, filled, place
from environments.views.board_words import Words
from environments.views.choice import chosen_environment, link, query
from environments.views.fragments import conditional
from projects import lifecycle
from projects.access import Permission, allows
from projects.models import Project
from projects.views.signed_in import Visit, is_fragment, signed_in

CHIPS = ("failed", "deploying", "degraded", "held", "behind")
WORDS = {"behind": "Behind"}
MOST_PROJECTS = 200
MOST_APART = 10


@require_safe
@signed_in
@conditional
def board(request: Visit) -> HttpResponse:
    """The page; its main part alone to the live empty state, which becomes a board with the first chain."""
    chosen, project = chosen_environment(request), _project(request)
    filters = _filters(request, project)
    found = boards.board(request.actor, filters)
    live = "Towpath-Live" in request.headers
    if found.chain_id is None and chosen is None and project is None:
        return render(request, "begin/_main.html" if live else "begin/page.html", beginning(request))
    context = _shown(request, found, filters, project)
    filtered = is_fragment(request) and request.htmx.target == "board"
    return _drawn(request, f"board/{'_main' if live else '_filtered' if filtered else 'page'}.html", context)


def beginning(request: Visit) -> dict[str, Any]:
    """The empty state: what leads to a first chain, and why it is not offered where it is not."""
    may = allows(request.actor, Permission.MANAGE_CHAINS) and allows(request.actor, Permission.MANAGE_ENVIRONMENTS)
    return {"may_begin": may, "sample_url": link("sample") if may else ""}


@require_safe
@signed_in
@conditional
def table(request: Visit) -> HttpResponse:
    """The matrix alone: what an empty one asks for until there are rows, and one with rows when its columns change."""
    project = _project(request)
    filters = _filters(request, project)
    found = boards.board(request.actor, filters)
    return _drawn(request, "board/_table.html", _shown(request, found, filters, project))


@require_safe
@signed_in
def row(request: Visit, app_id: uuid.UUID) -> HttpResponse:
    """One app: its cells and gates. The ETag carries a mark for each cell, so that only changed ones flash."""
    filters = _filters(request, _project(request), app_id=app_id)
    found = boards.board(request.actor, filters)
    if not found.rows:
        raise Http404
    known = request.headers.get("If-None-Match", "").strip('W/"')
    live = "Towpath-Live" in request.headers
    words = Words(request.actor, query=_query(request), now=time.time())
    beside = request.GET.get("beside") == "1"
    said = words.row(found.rows[0], beside=beside, before=known if live else "")
    if known and f'"{known}"' == said.etag:
        return HttpResponseNotModified(headers={"ETag": said.etag})
    return HttpResponse(draw([said]), headers={"ETag": said.etag})


@require_safe
@signed_in
@conditional
def column(request: Visit, environment_id: uuid.UUID) -> HttpResponse:
    found = boards.board(request.actor, _filters(request, _project(request), limit=0))
    words = Words(request.actor, query=_query(request), now=time.time())
    for candidate in found.columns:
        if candidate.environment_id == environment_id:
            return render(request, "board/_column.html", {"column": words.column(candidate)})
    raise Http404


@require_safe
@signed_in
@conditional
def chips(request: Visit) -> HttpResponse:
    """The counts; where the page shows fewer, more or other apps than there are now, also the offer to look again."""
    project = _project(request)
    filters = _filters(request, project, limit=0)
    found = boards.board(request.actor, filters)
    return render(request, "board/_chips.html", _chips(request, found, filters))


def _project(request: Visit) -> Project | None:
    key = request.GET.get("project", "")
    return lifecycle.find(request.actor, key) if key else None


def _filters(
    request: Visit, project: Project | None, *, app_id: uuid.UUID | None = None, limit: int = boards.PAGE
) -> boards.Filters:
    chosen = chosen_environment(request)
    given = request.GET
    whole = app_id is None
    return boards.Filters(
        environment_id=chosen.pk if chosen else None,
        project_id=project.pk if project else None,
        tag=given.get("tag", ""),
        status=given.get("status", "") if whole else "",
        q=given.get("q", "") if whole else "",
        cursor=given.get("cursor", "") if whole else "",
        app_id=app_id,
        limit=limit,
    )


def _query(request: Visit, **more: str) -> str:
    """What a fragment must know to be drawn like the page: the environment, the project and the tag."""
    kept = {name: request.GET.get(name, "") for name in ("project", "tag")}
    return query(request, **kept, **more)


def _drawn(request: Visit, template: str, shown: dict[str, Any]) -> HttpResponse:
    return HttpResponse(
        filled(render_to_string(template, shown, request), [group["drawn"] for group in shown["groups"]])
    )


def _shown(request: Visit, found: boards.Board, filters: boards.Filters, project: Project | None) -> dict[str, Any]:
    words = Words(request.actor, query=_query(request), now=time.time())
    beside = any(row.elsewhere for row in found.rows)
    projects = choices.projects(request.actor, limit=MOST_PROJECTS)
    elsewhere = _url(request, project="")
    anew = elsewhere + ("&" if "?" in elsewhere else "?") + "project="
    chips = _chips(request, found, filters)
    return {
        **chips,
        "rollback": words.rollback(),
        "columns": [words.column(column) for column in found.columns],
        "beside": beside,
        "span": len(found.columns) + 1 + beside,
        "groups": list(_groups(found, words, beside=beside)),
        "table_src": _fragment(request, "board-table", cursor=filters.cursor),
        # Rows keep themselves up to date; which columns there are is the whole table's affair.
        "table_live": " ".join([*_columns_live(found), *([] if found.rows else [chips["chips_live"]])]),
        "more_url": _url(request, cursor=found.next_cursor) if found.next_cursor else "",
        "first_url": _url(request) if filters.cursor else "",
        "apart": [] if found.rows else _apart(request),
        "filtered": bool(filters.status or filters.q or project or filters.tag),
        "clear_url": link("board") + query(request),
        "project": project,
        "projects": [
            {
                "url": anew + quote(key),
                "word": name,
                "value": key,
                "current": project is not None and key == project.key,
            }
            for key, name in projects
        ],
        "all_projects_url": elsewhere,
        "tag": filters.tag,
        "tags": [
            _choice(request, "tag", tag, tag, tag == filters.tag)
            for tag in sorted({tag for column in found.columns for tag in column.tags} | ({filters.tag} - {""}))
        ],
        "all_tags_url": _url(request, tag=""),
        "q": filters.q,
        "may_begin": allows(request.actor, Permission.MANAGE_PROJECTS),
        "sample_url": link("sample"),
        "new_project_url": link("project-new"),
    }


def _apart(request: Visit) -> list[dict[str, str]]:
    """The boards of projects whose chain is their own: on this one their apps have no row."""
    own = chains.visible(request.actor).filter(project__isnull=False)[:MOST_APART]
    projects = [chain.project for chain in own if chain.project]
    return [{"url": _url(request, project=one.key), "word": one.name} for one in projects]


def _columns_live(found: boards.Board) -> list[str]:
    """What tells that a stage was added, moved or taken out, or that another chain applies."""
    return ["chains", f"chain:{found.chain_id}"] if found.chain_id else ["chains"]


def _groups(found: boards.Board, words: Words, *, beside: bool) -> Iterable[dict[str, Any]]:
    for number, (_, members) in enumerate(groupby(found.rows, key=lambda row: row.project_id)):
        rows_of_project = list(members)
        first = rows_of_project[0]
        yield {
            "key": first.project_key,
            "name": first.project_name,
            "id": first.project_id,
            "apps": f"{first.project_apps} app{'' if first.project_apps == 1 else 's'}",
            "rows": place(number),
            "drawn": draw(words.row(row, beside=beside) for row in rows_of_project),
        }


def _chips(request: Visit, found: boards.Board, filters: boards.Filters) -> dict[str, Any]:
    total = found.counts[filters.status or "all"]
    shown = request.GET.get("shown", "")
    many, _, which = shown.partition(".")
    subjects = ["apps", *(f"environment:{column.environment_id}" for column in found.columns)]
    subjects += sorted({f"project:{row.project_id}" for row in found.rows})
    return {
        "chips": [
            {
                "name": name,
                "word": WORDS.get(name) or statuses.status_of(name).word,
                "look": None if name == "behind" else statuses.status_of(name),
                "count": found.counts[name],
                "current": filters.status == name,
            }
            for name in CHIPS
        ],
        "all": {"count": found.counts["all"], "current": not filters.status},
        "chips_live": " ".join(subjects),
        "chips_src": _fragment(request, "board-chips", shown=shown if shown else f"{total}.{found.which}"),
        "moved": abs(total - int(many)) if many.isdecimal() and len(many) < 10 else 0,
        "others": bool(which) and which != found.which,
        "again_url": _url(request),
        "total": f"{total} app{'' if total == 1 else 's'}",
    }


def _choice(request: Visit, name: str, value: str, word: str, current: bool) -> dict[str, Any]:
    return {"url": _url(request, **{name: value}), "word": word, "value": value, "current": current}


def _url(request: Visit, **changed: str) -> str:
    """This board with one filter changed; paging begins anew."""
    kept = {name: request.GET.get(name, "") for name in ("project", "tag", "status", "q")}
    return link("board") + query(request, **(kept | changed))


def _fragment(request: Visit, name: str, **more: str) -> str:
    kept = {key: request.GET.get(key, "") for key in ("project", "tag", "status", "q")}
    values = {key: value for key, value in (kept | more).items() if value}
    chosen = chosen_environment(request)
    if chosen:
        values["environment"] = chosen.name
    return f"{link(name)}?{urlencode(values)}" if values else link(name)
