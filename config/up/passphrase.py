"""Sealing under a passphrase: what a person types opens again what was sealed, on whichever machine."""

import base64
import getpass
import json
import os
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from config.up.errors import CannotStart

VARIABLE = "TOWPATH_PASSPHRASE"
SHORTEST = 12
# 128 MB and some tenths of a second for each guess.
COST = {"n": 1 << 17, "r": 8, "p": 1}
# What a file that somebody else made may ask of this machine.
DEAREST = {"n": 1 << 20, "r": 16, "p": 4}


class Sealed(CannotStart):
    """It does not open with this passphrase, or is not what was sealed."""


def ask(*, new: bool) -> str:
    """From TOWPATH_PASSPHRASE, else typed; a new one has to be long, and is typed twice."""
    # Taken out of the environment: programs that are started from here have no use for it.
    given = os.environ.pop(VARIABLE, "")
    if not given:
        if not sys.stdin.isatty():
            raise CannotStart(f"Give the passphrase in {VARIABLE}, or run this at a terminal and type it.")
        given = getpass.getpass("Passphrase: ")
        if new and given != getpass.getpass("Once more: "):
            raise CannotStart("The two passphrases differ; nothing was done.")
    if new and len(given) < SHORTEST:
        raise CannotStart(f"The passphrase must have {SHORTEST} characters or more: it is all that guards the keys.")
    return given


def seal(content: bytes, passphrase: str, *, about: bytes) -> bytes:
    """Seal `content` together with `about`, which stays readable and opens it only unchanged."""
    salt, nonce = os.urandom(16), os.urandom(12)
    sealed = AESGCM(_key(passphrase, salt, COST)).encrypt(nonce, content, about)
    box = {"kdf": "scrypt", **COST, "salt": _text(salt), "nonce": _text(nonce), "sealed": _text(sealed)}
    return json.dumps(box).encode()


def unseal(box: bytes, passphrase: str, *, about: bytes) -> bytes:
    try:
        told = json.loads(box)
        cost = {name: int(told[name]) for name in COST}
        if told["kdf"] != "scrypt" or any(not 0 < cost[name] <= most for name, most in DEAREST.items()):
            raise ValueError
        salt, nonce, sealed = (base64.b64decode(told[name], validate=True) for name in ("salt", "nonce", "sealed"))
        return AESGCM(_key(passphrase, salt, cost)).decrypt(nonce, sealed, about)
    except InvalidTag:
        raise Sealed("The passphrase is not the one that this backup was made with, or the file was changed.") from None
    except (ValueError, KeyError, TypeError):
        raise Sealed("The keys in this backup are not readable.") from None


def _key(passphrase: str, salt: bytes, cost: dict[str, int]) -> bytes:
    return Scrypt(salt=salt, length=32, **cost).derive(passphrase.encode())


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
