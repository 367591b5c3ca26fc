"""Configuration in the open, for those who may reveal each secret in it; an event says who has seen it."""

from collections.abc import Iterable

from environments.configuration import entries
from environments.configuration.secrets import WriteOnly
from environments.models import Entry
from environments.resolving.candidates import Candidate
from environments.resolving.resolution import Resolution
from environments.resolving.targets import Question
from projects import access, events
from projects.access import Actor, Permission
from projects.credentials import Secret
from projects.errors import NotAllowed, NotFound


@events.operation
def reveal_all(question: Question, *, by: Actor) -> tuple[Resolution, dict[str, str]]:
    """Every value; one event names the keys that are masked elsewhere."""
    found = question.resolved()
    check_reveal(question, [one for one in found.winners.values() if one.is_secret], by=by)
    values = found.environ()
    if keys := sorted(found.masked):
        events.record(
            "configuration.revealed",
            by=by,
            object={"kind": question.kind, "id": question.id, "name": question.name},
            project_id=question.target.project_id,
            environment_id=question.place.id,
            app_id=question.target.app_id,
            subjects=["configuration"],
            environment=question.place.title,
            keys=keys,
        )
    return found, values


@events.operation
def reveal_one(question: Question, key: str, *, by: Actor) -> Secret:
    """The value of one secret as it is resolved there."""
    found = question.resolved()
    winner = found.winners.get(key)
    if winner is None or not winner.is_secret:
        raise NotFound(f"There is no secret {key} for {question.name} in {question.place.title}.")
    check_reveal(question, found.secrets_in(key).values(), by=by)
    value = found.environ([key])[key]
    entry = Entry.objects.select_related("project", "app", "team", "agent", "environment").get(pk=winner.entry_id)
    entries.record("revealed", entry, by=by, number=winner.number)
    return Secret(value)


def check_reveal(question: Question, secrets: Iterable[Candidate], *, by: Actor) -> None:
    """NotAllowed for whoever may not reveal each of these where it is set, and in the environment; WriteOnly where
    nobody may."""
    secrets = list(secrets)
    if not secrets:
        return
    place = question.place
    access.require(
        by,
        Permission.REVEAL,
        project_id=question.target.project_id or place.project_id,
        environment_id=place.id,
        protected=place.protected,
    )
    if refused := [one.key for one in secrets if not _may_reveal(question, one, by=by)]:
        raise NotAllowed(
            f"You may not reveal {refused[0]} where it is set; ask an admin for a grant.",
            errors=[{"field": key, "message": "may not be revealed by you where it is set"} for key in refused],
        )
    if hidden := [one.key for one in secrets if one.write_only]:
        raise WriteOnly(
            f"{hidden[0]} is write-only: processes get it, and nobody can reveal it.",
            errors=[{"field": key, "message": "is write-only"} for key in hidden],
        )


def _may_reveal(question: Question, one: Candidate, *, by: Actor) -> bool:
    project_id = question.target.project_id if one.app_id else one.project_id
    environment_id = one.environment_id
    if environment_id == question.place.id:
        project_id = project_id or question.place.project_id
    # An operator in a protected environment is who `protected` is about, and no operator reveals anything.
    return access.allows(by, Permission.REVEAL, project_id=project_id, environment_id=environment_id)
