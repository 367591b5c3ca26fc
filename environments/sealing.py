"""Sealing of what must be kept secret and read again; the only module that sees a master key.

Each organization has a data key of its own, wrapped by the newest master key of the moment; what is sealed is bound to
its organization and to a context, and opens with both of them only (AES-256-GCM, the two as associated data).
"""

import hashlib
import hmac
import os
import secrets
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from environments.models import DataKey
from projects import rows
from projects.credentials import Secret
from projects.errors import Conflict

# A nonce is drawn at random for each sealing: 96 bits, far below what one data key can take before two meet.
NONCE = 12
BATCH = 100
ROTATION = 7_340_213  # an advisory lock's number
_DATA_KEY = rows.lookup(DataKey, "organization_id = %s")


class Unreadable(Conflict):
    code = "unreadable"


class WrongMasterKey(Unreadable):
    """No master key that is given here opens what is sealed."""

    code = "wrong-master-key"


@dataclass(frozen=True)
class Box:
    """What seals and opens for one organization."""

    organization_id: uuid.UUID
    _key: bytes = field(repr=False)

    def seal(self, secret: Secret, *, context: str) -> bytes:
        """Seal `secret` for `context`, e.g. `worker-token:<environment id>`; it opens only with the same context."""
        nonce = os.urandom(NONCE)
        return nonce + AESGCM(self._key).encrypt(nonce, secret.reveal().encode(), self._bound(context))

    def open(self, sealed: bytes | memoryview, *, context: str) -> Secret:
        """Unreadable where it was sealed for something else, or with another key, or was changed."""
        sealed = bytes(sealed)
        try:
            opened = AESGCM(self._key).decrypt(sealed[:NONCE], sealed[NONCE:], self._bound(context))
        except (InvalidTag, ValueError):
            raise Unreadable("This was sealed for something else, or has been changed; set it anew.") from None
        return Secret(opened.decode())

    def fingerprint(self, secret: Secret) -> str:
        """32 hex digits, the same for the same value in this organization, and nothing anybody else can compute."""
        return hmac.new(_derived(self._key, b"fingerprint"), secret.reveal().encode(), hashlib.sha256).hexdigest()[:32]

    def _bound(self, context: str) -> bytes:
        return f"{self.organization_id}\0{context}".encode()


def box(organization_id: uuid.UUID) -> Box:
    """One statement, and two more where the organization has nothing sealed yet."""
    found = _DATA_KEY(organization_id)
    if found is None:
        wrapped, by = _wrapped(AESGCM.generate_key(256), organization_id)
        DataKey.objects.bulk_create(
            [DataKey(organization_id=organization_id, wrapped=wrapped, wrapped_by=by)], ignore_conflicts=True
        )
        found = DataKey.objects.get(pk=organization_id)
    return Box(organization_id, _unwrapped(bytes(found.wrapped), found.wrapped_by, organization_id))


def check() -> None:
    """WrongMasterKey where something is wrapped by a master key that is not given: nothing should start then."""
    known = [name for name, _ in _master_keys()]
    foreign = DataKey.objects.exclude(wrapped_by__in=known)
    if count := foreign.count():
        wanted = sorted(set(foreign.values_list("wrapped_by", flat=True)[:10]))
        raise WrongMasterKey(
            f"What {count} organizations have sealed was sealed with another master key ({', '.join(wanted)}), not "
            f"with the one that is given ({', '.join(known)}). Bring back the master key file of this installation "
            "(keys/master) or name it in TOWPATH_MASTER_KEYS; nothing was changed."
        )


def draw() -> Path | None:
    """Put a new master key first in the file and answer where; None where a setting gives the keys."""
    check()
    file: Path | None = settings.MASTER_KEY_FILE()
    if file is not None:
        settings.WRITE_KEY(file, "\n".join([secrets.token_urlsafe(48), *settings.MASTER_KEYS()]))
    return file


def forget() -> Path | None:
    """Take all master keys but the newest out of the file, once nothing is wrapped by them any more."""
    file: Path | None = settings.MASTER_KEY_FILE()
    if file is None:
        return None
    with transaction.atomic(), connection.cursor() as cursor:
        # Whoever seals for the first time just now is waited for: their key may be wrapped by an older one.
        cursor.execute("LOCK TABLE environments_datakey IN SHARE MODE")
        if DataKey.objects.exclude(wrapped_by=_master_keys()[0][0]).exists():
            raise Unreadable("Something was sealed with an older key meanwhile; call this once more.")
        settings.WRITE_KEY(file, settings.MASTER_KEYS()[0])
    return file


@contextmanager
def rotating() -> Iterator[None]:
    """One rotation at a time; Unreadable where there is another."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [ROTATION])
        if cursor.fetchone() != (True,):
            raise Unreadable("Master keys are being rotated by somebody else at this moment; wait for its end.")
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [ROTATION])


def rewrap() -> Iterator[tuple[int, int]]:
    """Wrap every data key by the newest master key, a batch at a time: (done, of all) after each. It may be stopped
    and begun again at any time, and beside everything that runs."""
    newest = _master_keys()[0]
    stale = DataKey.objects.exclude(wrapped_by=newest[0]).order_by("organization_id")
    total, done = stale.count(), 0
    while batch := list(stale[:BATCH]):
        for row in batch:
            key = _unwrapped(bytes(row.wrapped), row.wrapped_by, row.organization_id)
            wrapped, by = _wrapped(key, row.organization_id, master=newest)
            # Another that re-wraps at the same time has done the same, with the same key inside.
            DataKey.objects.filter(pk=row.pk, wrapped_by=row.wrapped_by).update(
                wrapped=wrapped, wrapped_by=by, wrapped_at=timezone.now()
            )
        done += len(batch)
        yield done, max(total, done)


def _wrapped(key: bytes, organization_id: uuid.UUID, *, master: tuple[str, bytes] | None = None) -> tuple[bytes, str]:
    name, master_key = master or _master_keys()[0]
    nonce = os.urandom(NONCE)
    return nonce + AESGCM(master_key).encrypt(nonce, key, organization_id.bytes), name


@lru_cache(maxsize=4096)
def _unwrapped(wrapped: bytes, by: str, organization_id: uuid.UUID) -> bytes:
    master = dict(_master_keys()).get(by)
    if master is None:
        raise WrongMasterKey(
            f"This was sealed with another master key ({by}); bring back the master key file of this installation."
        )
    try:
        return AESGCM(master).decrypt(wrapped[:NONCE], wrapped[NONCE:], organization_id.bytes)
    except InvalidTag:
        raise WrongMasterKey("The key of this organization has been changed; restore it from a backup.") from None


def _master_keys() -> list[tuple[str, bytes]]:
    """(name, key), newest first, as they are given now: a running program sees one that was added to the file."""
    given: list[str] = settings.MASTER_KEYS()
    return [_named(text) for text in given]


@lru_cache(maxsize=64)
def _named(text: str) -> tuple[str, bytes]:
    key = _derived(text.encode(), b"towpath master key")
    return hashlib.sha256(b"name of " + key).hexdigest()[:12], key


def _derived(key: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose).derive(key)
