"""An environment's worker tokens, which can only register: made, read and revoked.

One is shown to people and lets machines join; the other never leaves this host and is the built-in worker's alone.
"""

from django.db import transaction
from django.utils import timezone

from environments import sealing
from environments.models import Environment, Worker, WorkerToken
from projects import credentials
from projects.credentials import Secret


def give(environment: Environment, kind: str = Worker.Kind.JOINED) -> Secret:
    """The token for workers of this kind; a fresh one where there is none or the one there was is revoked."""
    return _usable(environment, kind) or _make(environment, kind)


def revoke(environment: Environment) -> None:
    WorkerToken.objects.filter(environment=environment, revoked_at=None).update(revoked_at=timezone.now())


@transaction.atomic
def _make(environment: Environment, kind: str) -> Secret:
    # Whoever waited here takes the one that was made meanwhile: a second would end the first, already given away.
    Environment.objects.select_for_update(no_key=True).get(pk=environment.pk)
    if found := _usable(environment, kind):
        return found
    token = credentials.new_token("tpw")
    WorkerToken.objects.update_or_create(
        environment=environment,
        kind=kind,
        defaults={
            "sealed": _box(environment).seal(token, context=_context(environment, kind)),
            "digest": credentials.digest(token.reveal()),
            "hint": token.reveal()[-4:],
            "created_at": timezone.now(),
            "revoked_at": None,
        },
    )
    return token


def _usable(environment: Environment, kind: str) -> Secret | None:
    found = WorkerToken.objects.filter(environment=environment, kind=kind, revoked_at=None).first()
    return _box(environment).open(found.sealed, context=_context(environment, kind)) if found else None


def _box(environment: Environment) -> sealing.Box:
    return sealing.box(environment.organization_id)


def _context(environment: Environment, kind: str) -> str:
    name = f"worker-token:{environment.id}"
    return name if kind == Worker.Kind.JOINED else f"{name}:{kind}"
