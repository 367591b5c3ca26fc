"""REST that waits: the stream of events, a run's log as it grows, and the workers' long poll for work."""

import asyncio
import time
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any, TypeVar

import orjson
from django.http import HttpRequest
from ninja import Router
from pydantic import BaseModel, ValidationError

from environments import lifecycle
from environments.api.schemas.runs import LogPlace
from environments.api.schemas.working import ClaimIn
from environments.api.sessions import SessionAuth
from environments.doing import assignments
from environments.models import UNFINISHED, Phase, Run
from environments.runs import logs, lookup, sessions
from environments.stream.asgi import Receive, Scope, Send, answer_json, body, header, query
from environments.stream.crossing import across
from environments.stream.cursors import Cursor
from environments.stream.following import follow
from environments.stream.hub import hub
from environments.stream.seats import seat
from environments.stream.sse import Stream, message
from environments.stream.tails import Piece, tail
from environments.stream.visitors import of_bearer, request_of
from projects import history
from projects import lifecycle as projects
from projects.access import Actor
from projects.errors import Invalid, Malformed, NotFound
from projects.models import Event, Organization
from projects.rest import problems

LINES = 500
PARKED = "claims:environment:"
AUTHENTICATED = SessionAuth()
Wanted = Callable[[Event], bool]
M = TypeVar("M", bound=BaseModel)

router = Router(tags=["events"])
STREAM = {"description": "Server-Sent Events", "content": {"text/event-stream": {"schema": {"type": "string"}}}}


@router.get("/events/stream", openapi_extra={"responses": {200: STREAM}})
def describe_events(
    request: HttpRequest, after: str = "", environment: str = "", project: str = "", kind: str = "", actor: str = ""
) -> None:
    """Follow the log: `event` messages as in the list with their id, from `after` (or Last-Event-ID) or now on.

    `beat` comes every ten seconds, `reset` where that id says nothing any more (begin with the list again), `end` when
    the token may not listen any longer.
    """
    raise NotFound("Streams are not served here.")


async def events(scope: Scope, receive: Receive, send: Send) -> None:
    """`GET /events/stream`: one message for each event, `id` = `<epoch>-<number>`, from `after` or Last-Event-ID on."""
    asked = query(scope, "after", "environment", "project", "kind", "actor")
    actor, wanted = await across(_audience, scope, asked)
    mark = header(scope, b"last-event-id") or asked.get("after", "")
    cursor = Cursor.parse(mark)
    if mark and cursor is None:
        raise Invalid.field("after", "must be an event's id, <epoch>-<number>")
    name = f"organization:{actor.organization.pk}"
    async with (
        seat(actor),
        hub.feed(actor.organization) as feed,
        Stream(receive, send, hub, name) as stream,
    ):

        async def tell(found: list[Event], hints: list[dict[str, Any]], now: Cursor) -> None:
            for event in filter(wanted, found):
                await stream.pass_on(_written(actor.organization, now.epoch, event))

        start = cursor or feed.position
        again = partial(of_bearer, scope)
        await follow(stream, feed, actor=actor, again=again, cursor=start, wait=0.0, tell=tell)


@lru_cache(maxsize=256)
def _written(organization: Organization, epoch: int, event: Event) -> bytes:
    """Once for all who listen: it is the same for everybody who may see it. `epoch` tells a restored log apart."""
    told = orjson.dumps(history.told(organization, event), default=str).decode()
    return message("event", told, id=Cursor(epoch, event.number))


def _audience(scope: Scope, asked: dict[str, str]) -> tuple[Actor, Wanted]:
    """Who asks, and which events they want; what is not visible to them cannot be named."""
    actor = of_bearer(scope)
    environment = lifecycle.find(actor, asked["environment"], terminating=True) if asked.get("environment") else None
    project = projects.find(actor, asked["project"]) if asked.get("project") else None
    kind, by = asked.get("kind", ""), asked.get("actor", "")

    def wanted(event: Event) -> bool:
        return (
            (environment is None or event.environment_id == environment.pk)
            and (project is None or event.project_id == project.pk)
            and (not kind or event.kind == kind or event.kind.startswith(f"{kind}."))
            and (not by or event.actor == by)
        )

    return actor, wanted


def wants_a_stream(scope: Scope) -> bool:
    return "text/event-stream" in header(scope, b"accept")


async def run_log(scope: Scope, receive: Receive, send: Send) -> None:
    """`GET /runs/{id}/logs` as a stream: `line` for each line, `end` with the run's phase. Ids are `<attempt>-<next>`.

    A retried run goes on with the lines of its new attempt.
    """
    asked = _read(LogPlace.model_validate, query(scope, *LogPlace.model_fields))
    at_once = min(asked.limit, LINES)
    run_id = uuid.UUID(scope["path_params"]["run"])

    def find() -> Run:
        return lookup.find(of_bearer(scope), run_id)

    def read(place: str) -> Piece:
        attempt, after = map(int, place.split("-"))
        run = Run.objects.only("phase", "attempt").get(pk=run_id)
        lines = logs.read(run, attempt, after, at_once)
        messages = [("line", orjson.dumps({"attempt": attempt, **line}).decode()) for line in lines]
        if lines:
            return Piece(messages, f"{attempt}-{lines[-1]['n'] + 1}", more=len(lines) == at_once)
        if attempt < run.attempt and asked.attempt is None:
            return Piece([], f"{attempt + 1}-0", more=True)
        return Piece([], place, over=run.phase if run.phase not in UNFINISHED or attempt < run.attempt else None)

    actor, run = await across(lambda: (of_bearer(scope), find()))
    place = header(scope, b"last-event-id") or f"{asked.attempt or run.attempt}-{asked.first}"
    _check_place(place)
    async with seat(actor), Stream(receive, send, hub, f"run:{run_id}") as stream:
        await tail(stream, place=place, read=read, again=find)


async def claim(scope: Scope, receive: Receive, send: Send) -> None:
    """`POST /workers/me/claims`: parked here without thread or connection until there is work or something new."""
    query(scope)
    said = _read(ClaimIn.model_validate_json, await body(receive))
    credential = header(scope, b"authorization").partition(" ")[2].strip()
    worker = await across(AUTHENTICATED, request_of(scope))
    until = time.monotonic() + said.wait
    hub.start()
    hub.also_look(PARKED, _with_work)
    left = asyncio.create_task(_left(receive))
    with hub.waiting.on(f"{PARKED}{worker.environment_id}") as bell:
        left.add_done_callback(lambda _: bell.set())
        try:
            answer = await across(assignments.take, worker, said.claim_key)
            first = answer["desired_version"]
            while answer["run"] is None and answer["desired_version"] == first and not hub.closing:
                if not await _rung(bell, until - time.monotonic()) or left.done():
                    break
                answer = await across(_take, credential, said.claim_key)
        finally:
            left.cancel()
    await answer_json(send, 200, answer)


def _read(read: Callable[[Any], M], given: Any) -> M:
    """What was sent, as its shape says; refused as at every other door of the API."""
    try:
        return read(given)
    except ValidationError as error:
        if error.errors()[0]["type"] == "json_invalid":
            raise Malformed("The body is not valid JSON.") from None
        raise problems.wrong((one["loc"], one["type"], one["msg"]) for one in error.errors()) from None


def _take(credential: str, claim_key: str) -> dict[str, Any]:
    """The session may have ended while it was parked."""
    return assignments.take(sessions.of(credential), claim_key)


def _with_work(environment_ids: Iterable[str]) -> list[str]:
    """Of these environments, the ones in which a run waits for a worker."""
    waiting = Run.objects.filter(
        environment_id__in=list(environment_ids),
        phase=Phase.QUEUED,
        carried_by=Run.CarriedBy.WORKER,
        cancel_asked_at=None,
    )
    return [str(one) for one in waiting.values_list("environment_id", flat=True).distinct()]


async def _rung(bell: asyncio.Event, seconds: float) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, seconds)):
            await bell.wait()
            bell.clear()
            return True
    return False


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _check_place(place: str) -> None:
    attempt, dash, after = place.partition("-")
    if not (dash and attempt.isdecimal() and after.isdecimal() and len(place) < 20):
        raise Invalid.field("Last-Event-ID", "must be one of this stream's, <attempt>-<line>")
