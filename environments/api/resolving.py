"""REST: what configuration comes to for an app, agent, team or project in an environment, and why."""

from collections.abc import Callable, Hashable
from typing import Any
from uuid import UUID

import orjson
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from ninja import Query, Router

from environments.api.schemas.configuration import Asked, ContextKind, ContextOut, ExplanationOut, FullOut, Kind
from environments.configuration import revealing
from environments.resolving import enabled, explaining, servers, showing, statements, targets
from environments.resolving.enabled import Enabled
from environments.resolving.remembering import Remembered
from environments.resolving.resolution import Resolution
from environments.resolving.statements import Statement
from environments.resolving.targets import Question
from projects.access import Actor
from projects.rest.bodies import actor, shown_once
from projects.rest.conditional import has_already
from projects.rest.shapes import Reasoned

router = Router(tags=["configuration"])
ROOT = "/execution-environment/{kind}/{id}/resolved"
# Answers, in which secrets are dots, that this process may give again: each with its tag, by what was asked by whom.
LONGEST_KEPT = 256 * 1024
_answered: Remembered[tuple[str, bytes]] = Remembered(seconds=60, most=64)


@router.get(ROOT, response=dict[str, str])
def get_resolved(
    request: HttpRequest,
    response: HttpResponse,
    kind: Kind,
    id: UUID,
    asked: Query[Asked],
    why: Query[Reasoned],
    reveal: bool = False,
) -> Any:
    """A flat map; secrets, and what is built from them, as dots. 409 where a value refers to what is not there.

    `reveal=true` shows all of it to those who may reveal every secret in it, and is an event.
    """
    by = actor(request)
    values = statements.without_origins
    question = asked_about(by, kind, id, asked, None if reveal else _likely(request, by, values))
    if reveal:
        shown_once(response)
        return revealing.reveal_all(question, by=by)[1]
    return conditional(request, question, by, showing.masked, asking=values)


@router.get(f"{ROOT}/full", response=FullOut)
def get_resolved_in_full(
    request: HttpRequest,
    response: HttpResponse,
    kind: Kind,
    id: UUID,
    asked: Query[Asked],
    why: Query[Reasoned],
    reveal: bool = False,
) -> Any:
    """The same by kind, the integrations that are enabled there, and the MCP servers of environment, team and agent
    with what they refer to."""
    by = actor(request)
    question = asked_about(by, kind, id, asked, None if reveal else _likely(request, by, statements.values))
    named, every = servers.of(question.target), enabled.of(question.target)
    places = enabled.places(every, by=by)
    if reveal:
        shown_once(response)
        found, values = revealing.reveal_all(question, by=by)
        return in_full(found, values, named, every, places)
    written = orjson.dumps([named, [list(one) for one in every], places], option=orjson.OPT_SORT_KEYS).decode()
    return conditional(
        request, question, by, lambda found: in_full(found, showing.masked(found), named, every, places), written
    )


@router.get(f"{ROOT}/explain", response=ExplanationOut)
def explain_resolved(request: HttpRequest, kind: Kind, id: UUID, asked: Query[Asked]) -> dict[str, Any]:
    """For each key what wins and what that prevails over: where it is set, by whom and when. A key without a value is
    no refusal here but a problem."""
    by = actor(request)
    question = asked_about(by, kind, id, asked)
    told = explaining.explain(question, by=by)
    return {**place_of(question), "keys": told.keys(), "problems": told.problems}


@router.get("/context/resolve/{kind}/{id}", response=ContextOut)
def resolve_context(request: HttpRequest, kind: ContextKind, id: UUID, asked: Query[Asked]) -> dict[str, Any]:
    """The same resolution scope by scope, from weak to strong."""
    by = actor(request)
    question = targets.find(kind, id, by=by, environment=asked.environment, project=asked.project)
    told = explaining.explain(question, by=by)
    return {**place_of(question), "layers": told.layers(), "resolved": told.values, "problems": told.problems}


def asked_about(by: Actor, kind: str, id: UUID, asked: Asked, ahead: Statement | None = None) -> Question:
    kind = kind.removesuffix("s")
    return targets.find(kind, id, by=by, environment=asked.environment, project=asked.project, ahead=ahead)


def place_of(question: Question) -> dict[str, UUID | None]:
    return {"environment_id": question.place.id, "project_id": question.target.project_id}


def conditional(
    request: HttpRequest,
    question: Question,
    by: Actor,
    answer: Callable[[Resolution], Any],
    *parts: str,
    asking: Statement = statements.values,
) -> HttpResponse:
    """The answer with a tag that is made of versions, the query and who asks: who has it already is told so before any
    value is read or secret opened, and what was answered before is not made again while the tag is the same."""
    key = _asked(request, by)
    asked = (*key, question.target, *parts)
    before = _answered.get(key)
    if before or "If-None-Match" in request.headers:
        tag = showing.tag(question.stamp, *asked)
        if has_already(request, tag):
            return HttpResponseNotModified(headers={"ETag": tag})
        if before and before[0] == tag:
            return _told(*before)
    found = question.resolved(asking=asking)
    tag, body = showing.tag(found.stamp, *asked), orjson.dumps(answer(found))
    if len(body) <= LONGEST_KEPT:
        _answered.put(key, (tag, body))
    return _told(tag, body)


def _asked(request: HttpRequest, by: Actor) -> tuple[Hashable, ...]:
    """What is asked, by whom."""
    return request.get_full_path(), by.organization.pk, by.label, by.rights


def _likely(request: HttpRequest, by: Actor, values: Statement) -> Statement:
    """What the answer will be made of: for whoever may have it already the stamp is enough."""
    may = "If-None-Match" in request.headers or _answered.get(_asked(request, by))
    return statements.stamp if may else values


def _told(tag: str, body: bytes) -> HttpResponse:
    return HttpResponse(body, content_type="application/json; charset=utf-8", headers={"ETag": tag})


def in_full(
    found: Resolution, values: dict[str, str], named: dict[str, Any], every: list[Enabled], places: list[str]
) -> dict[str, Any]:
    return {
        "env_vars": {key: value for key, value in values.items() if not found.winners[key].is_secret},
        "secrets": {key: value for key, value in values.items() if found.winners[key].is_secret},
        "integrations": enabled.told(every, places, found),
        "mcp_servers": showing.filled(found, "mcp_servers", named, values),
    }
