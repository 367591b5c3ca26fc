"""Secret values in memory, fresh tokens, and the digests they are found by."""

import hashlib
import secrets


class Secret:
    """A secret's value: its `str` and `repr` tell nothing; `reveal()` is explicit."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"


def new_token(prefix: str) -> Secret:
    """A fresh credential of 256 bits: `<prefix>_...` (tpa access, tpw worker, tps session)."""
    return Secret(f"{prefix}_{secrets.token_urlsafe(32)}")


def digest(credential: str) -> str:
    """What a credential is found by; it has full entropy, so a plain hash is enough."""
    return hashlib.sha256(credential.encode()).hexdigest()
