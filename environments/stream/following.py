"""Following an organization's log for one reader: what they may see, in order, for as long as they may see it."""

import asyncio
import itertools
import random
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings
from django.db import Error

from environments.stream.crossing import across
from environments.stream.cursors import Cursor
from environments.stream.feeds import Audience, Feed, Lost
from environments.stream.sse import Stream
from projects.access import Actor
from projects.errors import Refused
from projects.models import Event

BEAT = 10.0
# After a quiet second the first change is told sooner, the fewer pages will all ask for it at the same moment.
QUIET = 1.0
ALONE = 0.04
EACH = 0.004
Tell = Callable[[list[Event], list[dict[str, Any]], Cursor], Awaitable[None]]


def sees(actor: Actor, event: Event) -> bool:
    return actor.sees(project_id=event.project_id, environment_id=event.environment_id)


def concerns(actor: Actor, event: Event) -> bool:
    """Whether it may have ended what this reader listens by: their membership, grants, sessions or token."""
    if event.kind.startswith(("member.", "session.")):
        return actor.user is not None and event.object.get("name") == actor.user.username
    if event.kind in {"project.created", "project.updated"}:
        # One that became private is another's from this event on, which tells of it, too.
        return "private" in (event.data.get("visibility"), *(event.data.get("values") or {}).get("visibility", ()))
    return event.kind == "token.revoked" and actor.token is not None


def may_hear(actor: Actor, hint: dict[str, Any]) -> bool:
    """A hint names its environment, and its project where it has one; who may not see all must see what it names.

    What is said of an environment alone belongs to no project, and is for all who see that environment.
    """
    if actor.sees_all:
        return True
    subjects = [str(subject).partition(":") for subject in hint["subjects"]]
    places = {uuid.UUID(value) for noun, _, value in subjects if noun in {"environment", "metrics"}}
    named = {value for noun, _, value in subjects if noun == "project"} | {str(hint.get("project") or "")} - {""}
    owners = {uuid.UUID(value) for value in named}
    if places and not owners and all(noun in {"environment", "metrics"} for noun, _, _ in subjects):
        return all(actor.sees(environment_id=place) for place in places)
    pairs = itertools.product(owners or (None,), places or (None,))
    return all(any(right.covers(owner, place) for right in actor.rights) for owner, place in pairs)


async def follow(
    stream: Stream, feed: Feed, *, actor: Actor, again: Callable[[], Actor], cursor: Cursor, wait: float, tell: Tell
) -> None:
    """Tell what follows `cursor` until the reader leaves. `again` finds the actor anew; a refusal ends the stream.

    `wait` is the longest time in seconds over which changes are gathered into one telling.
    """
    audience = Audience()
    feed.audiences.add(audience)
    beat = check = time.monotonic()
    told = 0.0
    check += settings.TOWPATH_STREAM_RECHECK * random.uniform(0.7, 1.0)
    try:
        await stream.tell("ready", str(cursor), id=cursor)
        while True:
            if stream.ending:
                return
            events = await _after(feed, cursor)
            if events:
                up_to_now = events[-1].number == feed.last
                cursor = feed.position if up_to_now else Cursor(feed.epoch, events[-1].number)
            if any(concerns(actor, event) for event in events):
                actor = await _still(actor, again)  # before it is told what follows
            hints = [hint for hint in audience.take() if may_hear(actor, hint)]
            seen = [event for event in events if sees(actor, event)]
            if seen or hints:
                await tell(seen, hints, cursor)
                beat = told = time.monotonic()
            if events and cursor != feed.position:
                continue
            now = time.monotonic()
            if now >= check:
                actor = await _still(actor, again)
                check = now + settings.TOWPATH_STREAM_RECHECK
            if now >= beat + BEAT:
                await stream.tell("beat", str(cursor), id=cursor)
                beat = now
            if await stream.sleep(min(beat + BEAT, check) - now) and wait:
                quiet = time.monotonic() - told > QUIET
                window = min(wait, ALONE + feed.listeners * EACH) if quiet else wait
                await asyncio.sleep(window * random.uniform(0.6, 1.0))
    except Lost:
        await stream.tell("reset", str(feed.position), id=feed.position)
    except Refused as refusal:
        await stream.tell("end", refusal.detail)
    finally:
        feed.audiences.discard(audience)


async def _after(feed: Feed, cursor: Cursor) -> list[Event]:
    """A database that is away for a while costs an open stream nothing but time."""
    try:
        return await feed.after(cursor)
    except Error:
        return []


async def _still(actor: Actor, again: Callable[[], Actor]) -> Actor:
    try:
        now = await across(again)
    except Error:
        return actor
    if now.organization.pk != actor.organization.pk:
        raise Lost
    return now
