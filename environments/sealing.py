"""Sealing of what must be kept secret and read again; the only module that sees the master key."""

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from projects.credentials import Secret
from projects.errors import Conflict


class Unreadable(Conflict):
    code = "unreadable"


def seal(secret: Secret, *, context: str) -> bytes:
    """Seal `secret` for `context`, e.g. `worker-token:<environment id>`; it opens only with the same context."""
    return _box(context).encrypt(secret.reveal().encode())


def unseal(sealed: bytes, *, context: str) -> Secret:
    try:
        return Secret(_box(context).decrypt(bytes(sealed)).decode())
    except InvalidToken:
        raise Unreadable(
            "This was sealed with another master key; bring back the keys folder of this installation."
        ) from None


def _box(context: str) -> Fernet:
    """A key of its own for each context: what was sealed for one thing cannot be opened as another."""
    kdf = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=context.encode())
    return Fernet(base64.urlsafe_b64encode(kdf.derive(settings.MASTER_KEY.encode())))
