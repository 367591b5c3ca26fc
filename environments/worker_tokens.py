"""An environment's worker token, which can only register: made, read and revoked."""

from django.utils import timezone

from environments import sealing
from environments.models import Environment, WorkerToken
from projects import credentials
from projects.credentials import Secret


def give(environment: Environment) -> Secret:
    """The environment's token; a fresh one where it has none or the one it had was revoked."""
    found = WorkerToken.objects.filter(environment=environment).first()
    if found and found.revoked_at is None:
        return sealing.unseal(bytes(found.sealed), context=_context(environment))
    token = credentials.new_token("tpw")
    WorkerToken.objects.update_or_create(
        environment=environment,
        defaults={
            "sealed": sealing.seal(token, context=_context(environment)),
            "digest": credentials.digest(token.reveal()),
            "hint": token.reveal()[-4:],
            "created_at": timezone.now(),
            "revoked_at": None,
        },
    )
    return token


def revoke(environment: Environment) -> None:
    WorkerToken.objects.filter(environment=environment, revoked_at=None).update(revoked_at=timezone.now())


def _context(environment: Environment) -> str:
    return f"worker-token:{environment.id}"
