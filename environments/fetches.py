"""Asking for a git source: the artifact's row, and the control run that fetches it once."""

from environments import tasks
from environments.models import RunKind
from environments.runs import queue
from projects import artifacts, events
from projects.access import Actor
from projects.models import App, Artifact


@events.operation
def ask(*, by: Actor, app: App, url: str, ref: str) -> Artifact:
    """An artifact that is `fetching`; until it is stored a gate blocks what is made of it."""
    artifact = artifacts.ask_git(by=by, app=app, url=url, ref=ref)
    tasks.ring(queue.enqueue(kind=RunKind.FETCH, by=by, organization=by.organization, app=app, artifact=artifact))
    return artifact
