"""One wish about several environments: an operation for each, and for each what came of it."""

import logging
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.core.exceptions import ObjectDoesNotExist
from django.db import IntegrityError, InterfaceError, OperationalError
from psycopg.errors import LockNotAvailable

from environments.lifecycle import changes, deletion, lookup, wishes
from environments.models import Environment, State
from projects import events
from projects.access import Actor
from projects.errors import Conflict, Invalid, NotAllowed, NotFound, Refused
from projects.models import Event

logger = logging.getLogger(__name__)
MOST = 100
ACTS = ("start", "stop", "delete", "tag", "untag")


class Protected(Conflict):
    code = "protected"


@dataclass(frozen=True)
class Outcome:
    """What became of one: `name` is empty where the actor sees none of this id; `made` are the events it wrote."""

    id: str
    name: str
    done: bool
    sentence: str
    code: str = ""
    made: tuple[Event, ...] = ()


def act(what: str, idents: Iterable[str], *, by: Actor, tag: str = "") -> list[Outcome]:
    """Carry it out for each, in the order given; what one of them refuses is told and stops no other.

    Raises Invalid for what can be said of none, NotFound where the actor sees none, NotAllowed where they may in none.
    """
    asked = chosen(idents)
    by.why.check()
    if what not in ACTS:
        raise Invalid.field("act", f"Choose one of {', '.join(ACTS)}.")
    if what in {"tag", "untag"} and not tag.strip():
        raise Invalid.field("tag", "Give the tag.")
    refusals: dict[str, Refused] = {}
    # In one order whoever asks, so that two who want the same at once wait for each other but once.
    outcomes = {ident: _one(what, ident, by=by, tag=tag.strip(), refusals=refusals) for ident in sorted(asked)}
    kinds = {type(refusal) for refusal in refusals.values()}
    if len(refusals) == len(asked) and all(issubclass(kind, NotFound | NotAllowed) for kind in kinds):
        raise next((one for one in refusals.values() if isinstance(one, NotAllowed)), refusals[asked[0]])
    return [outcomes[ident] for ident in asked]


def chosen(idents: Iterable[str]) -> list[str]:
    """Each once; Invalid for none, and for more than are taken in one go."""
    asked = list(dict.fromkeys(str(ident).strip().lower() for ident in idents))
    if not asked:
        raise Invalid.field("ids", "Select at least one environment.")
    if len(asked) > MOST:
        raise Invalid.field("ids", f"Select at most {MOST} environments at once; {len(asked)} are selected.")
    return asked


def _one(what: str, ident: str, *, by: Actor, tag: str, refusals: dict[str, Refused]) -> Outcome:
    title = ""
    try:
        found = _found(ident, by=by)
        title = found.title
        with events.noted() as made:
            told = WISHES[what](found, by, tag)
        return Outcome(ident, title, True, told, made=tuple(made))
    # What the database refuses of one must not hide what was done for the others.
    except (Refused, ObjectDoesNotExist, IntegrityError, OperationalError, InterfaceError) as error:
        refusal = refusals[ident] = _refusal(error)
        told = "; ".join(str(error["message"]) for error in refusal.errors if error.get("message")) or refusal.detail
        return Outcome(ident, title, False, told, refusal.code)


def _refusal(error: Exception) -> Refused:
    if isinstance(error, Refused):
        return error
    logger.warning("Refused by the database: %s", error.__cause__ or error)
    if isinstance(error.__cause__, LockNotAvailable):
        return Conflict("Others are changing it at this moment; look again, then repeat it.", code="unavailable")
    if isinstance(error, OperationalError | InterfaceError):
        return Conflict("The database did not answer in time; look again, then repeat it.", code="unavailable")
    return Conflict("Something else was changed here at the same moment; look again, then repeat it.")


def is_id(ident: str) -> bool:
    try:
        uuid.UUID(ident)
    except ValueError:
        return False
    return True


def _found(ident: str, *, by: Actor) -> Environment:
    found = lookup.visible(by, terminating=True).filter(pk=ident).first() if is_id(ident) else None
    if found is None:
        raise NotFound("There is no such environment.")
    return found


def _start(environment: Environment, by: Actor, tag: str) -> str:
    before = environment.state
    now = wishes.start(environment, by=by).state
    if before == now == State.RUNNING:
        return "Runs already."
    return "Starts again as soon as it has stopped." if now == State.STOPPING else "Is starting."


@events.operation
def _stop(environment: Environment, by: Actor, tag: str) -> str:
    before = environment.state
    stopped = wishes.stop(environment, by=by)
    now = stopped.state
    if stopped.protected:
        # As it is behind the lock; what was done is undone with the refusal.
        raise Protected(f"{stopped.title} is protected; stop it on its own page.")
    if before == now == State.STOPPED:
        return "Is stopped already."
    return "Is stopping." if now == State.STOPPING else "Stops as soon as it is up."


def _delete(environment: Environment, by: Actor, tag: str) -> str:
    deletion.delete(environment, by=by)
    return "Is being terminated."


@events.operation
def _tag(environment: Environment, by: Actor, tag: str) -> str:
    return _retag(
        environment, by, tag, here=True, already=f"Has the tag {tag} already.", done=f"Has the tag {tag} now."
    )


@events.operation
def _untag(environment: Environment, by: Actor, tag: str) -> str:
    return _retag(environment, by, tag, here=False, already=f"Had no tag {tag}.", done=f"Has the tag {tag} no more.")


def _retag(environment: Environment, by: Actor, tag: str, *, here: bool, already: str, done: str) -> str:
    """Behind the lock: somebody may be giving it another tag just now."""
    found = Environment.objects.select_for_update(no_key=True).get(pk=environment.pk)
    changes.check_manage(found, by=by)
    if (tag in found.tags) == here:
        return already
    kept = [one for one in found.tags if one != tag]
    changes.update(found, by=by, tags=[*kept, tag] if here else kept)
    return done


WISHES: dict[str, Callable[[Environment, Actor, str], str]] = {
    "start": _start,
    "stop": _stop,
    "delete": _delete,
    "tag": _tag,
    "untag": _untag,
}
