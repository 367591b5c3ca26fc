"""What open pages listen to: changed things by their ids, and the lines of logs as they are written."""

import uuid
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from environments import seen
from environments.models import UNFINISHED, Run, ServiceLogChunk
from environments.runs import logs, lookup
from environments.stream.asgi import Receive, Scope, Send, header, query
from environments.stream.crossing import across
from environments.stream.cursors import Cursor
from environments.stream.following import follow
from environments.stream.hub import hub
from environments.stream.seats import seat
from environments.stream.sse import Stream
from environments.stream.tails import Piece, tail
from environments.stream.visitors import of_session
from projects.access import Actor
from projects.errors import Invalid, NotFound
from projects.models import App, Event

GATHER = 0.25
LINES = 200
# A page that slept through more than this many events is quicker drawn anew than mended.
MOST_MISSED = 2000


async def changes(scope: Scope, receive: Receive, send: Send) -> None:
    """The subjects of every change the person may see: `change` with a JSON list; `reset` means: draw the page anew."""
    asked = query(scope, "since")
    actor = await across(of_session, scope)
    cursor = Cursor.parse(header(scope, b"last-event-id") or asked.get("since", ""))
    name = f"organization:{actor.organization.pk}"
    async with (
        seat(actor),
        hub.feed(actor.organization) as feed,
        Stream(receive, send, hub, name) as stream,
    ):
        start = cursor or feed.position
        if feed.last - start.number > MOST_MISSED:
            start = Cursor(-1, 0)

        async def tell(events: list[Event], hints: list[dict[str, Any]], now: Cursor) -> None:
            await stream.tell("change", orjson.dumps(changed(events, hints)).decode(), id=now)

        await follow(
            stream,
            feed,
            actor=actor,
            again=lambda: of_session(scope),
            cursor=start,
            wait=GATHER,
            tell=tell,
        )


def changed(events: list[Event], hints: list[dict[str, Any]]) -> list[str]:
    """The subjects of what happened and of what was hinted at; `events` where anything happened at all."""
    subjects = {subject for event in events for subject in event.subjects}
    subjects |= {str(subject) for hint in hints for subject in hint["subjects"]}
    return sorted(subjects | {"events"} if events else subjects)


async def run_log(scope: Scope, receive: Receive, send: Send) -> None:
    """The lines of one attempt as the page draws them; `after` and the ids count lines."""
    asked = query(scope, "attempt", "after")
    run_id = uuid.UUID(scope["path_params"]["run"])
    after = _number("after", header(scope, b"last-event-id") or asked.get("after", "0"))
    attempt = _number("attempt", asked.get("attempt", "0"))

    shown = [attempt]

    def look() -> Actor:
        actor = of_session(scope)
        lookup.find(actor, run_id)
        return actor

    def read(place: str) -> Piece:
        run = Run.objects.only("phase", "attempt").get(pk=run_id)
        number = shown[0] = shown[0] or run.attempt
        lines = logs.read(run, number, int(place), LINES)
        drawn = [_line({**line, "n": line["n"] + 1}) for line in lines]
        place = str(lines[-1]["n"] + 1) if lines else place
        over = run.phase if run.phase not in UNFINISHED else None
        if number < run.attempt:
            over = f"attempt {run.attempt}"
        return Piece([("lines", "\n".join(drawn))] if drawn else [], place, more=len(lines) == LINES, over=over)

    await _tail(scope, receive, send, f"run:{run_id}", str(after), read, look)


async def service_log(scope: Scope, receive: Receive, send: Send) -> None:
    """What a service writes; `after` and the ids are those of the stored chunks."""
    asked = query(scope, "app", "service", "after")
    environment_id = uuid.UUID(scope["path_params"]["environment"])
    after = _number("after", header(scope, b"last-event-id") or asked.get("after", "0"))
    app_id, service = _id("app", asked.get("app", "")), asked.get("service", "")

    def look() -> Actor:
        actor = of_session(scope)
        _may_read(actor, environment_id, app_id)
        return actor

    def read(place: str) -> Piece:
        found = ServiceLogChunk.objects.filter(
            environment_id=environment_id, app_id=app_id, service=service, pk__gt=int(place)
        )
        chunks = list(found.order_by("pk")[:20])
        drawn = [_line(line) for chunk in chunks for line in chunk.lines]
        place = str(chunks[-1].pk) if chunks else place
        return Piece([("lines", "\n".join(drawn))] if drawn else [], place, more=len(chunks) == 20)

    await _tail(scope, receive, send, f"environment:{environment_id}", str(after), read, look)


def through_the_front_door(request: HttpRequest, **parts: Any) -> HttpResponse:
    """Streams are served before Django is asked; under a server without them this is all there is."""
    raise NotFound("Live updates are not served here.")


async def _tail(scope: Scope, receive: Receive, send: Send, name: str, place: str, read: Any, look: Any) -> None:
    actor = await across(look)
    async with seat(actor), Stream(receive, send, hub, name) as stream:
        await tail(stream, place=place, read=read, again=look)


def _line(line: dict[str, Any]) -> str:
    return render_to_string("run/_line.html", {"line": line}).strip()


def _may_read(actor: Actor, environment_id: uuid.UUID, app_id: uuid.UUID) -> None:
    environment = seen.environments(actor, terminating=True).filter(pk=environment_id).first()
    app = App.objects.filter(pk=app_id, project__organization=actor.organization).first()
    if environment is None or app is None or not actor.sees(project_id=app.project_id, environment_id=environment_id):
        raise NotFound("There is no such log, or you may not see it.")


def _number(name: str, words: str) -> int:
    if not words.isdecimal() or len(words) > 15:
        raise Invalid.field(name, "a whole number")
    return int(words)


def _id(name: str, words: str) -> uuid.UUID:
    try:
        return uuid.UUID(words)
    except ValueError:
        raise Invalid.field(name, "an id") from None
