"""A text on its way from its preview to being saved: sealed, so that no page holds what may be secrets in it."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

from environments import sealing
from environments.resolving.scopes import Scope
from environments.sealing import Unreadable
from projects.access import Actor
from projects.credentials import Secret


def sealed(text: Secret, scope: Scope, *, by: Actor) -> str:
    """For a field of a form; it opens for the same person and scope only."""
    box = sealing.box(by.organization.pk)
    return urlsafe_b64encode(box.seal(text, context=_context(scope, by))).decode()


def opened(draft: str, scope: Scope, *, by: Actor) -> Secret:
    try:
        return sealing.box(by.organization.pk).open(urlsafe_b64decode(draft), context=_context(scope, by))
    except ValueError:
        raise Unreadable("What was previewed cannot be read any more; preview it again.") from None


def _context(scope: Scope, by: Actor) -> str:
    return f"import:{by.label}:{sorted(scope.columns.items())}"
