"""Typed readers of the process environment and of the installation's record."""

import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from config.up import keys

ROOT = Path(__file__).resolve().parent.parent


def text(name: str, default: str = "") -> str:
    return os.environ.get(name) or default


def flag(name: str) -> bool:
    return text(name).lower() in {"1", "true", "yes", "on"}


def number(name: str, default: int, *, least: int, most: int = 36_500) -> int:
    """A whole number from `least` to `most`; anything else is refused rather than mended in silence."""
    given = text(name, str(default))
    if not given.isascii() or not given.isdigit() or not least <= int(given) <= most:
        raise ValueError(f"{name} is {given!r}; it must be a whole number from {least} to {most}.")
    return int(given)


def home() -> Path:
    """$TOWPATH_HOME: where all state lives."""
    return Path(text("TOWPATH_HOME", str(ROOT / "var"))).absolute()


def key(name: str) -> str:
    """A secret of this installation, kept in $TOWPATH_HOME/keys (0600), made at first use."""
    return keys.secret(home(), name)


# A process that is frozen in the middle of a change, or a server that is, must not keep all others waiting for ever.
PATIENCE = "-c lock_timeout=10s -c idle_in_transaction_session_timeout=60s"

# Nor must a machine that is gone without a word: what it does not acknowledge within so many milliseconds is lost.
IMPATIENT = {"connect_timeout": "5", "keepalives_idle": "10", "tcp_user_timeout": "10000"}


def database(url: str) -> dict[str, Any]:
    """Django's settings for a `postgresql://user:password@host:port/name?option=value` URL."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ValueError("DATABASE_URL must begin with postgresql://; Towpath runs on PostgreSQL only.")
    given = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "OPTIONS": {**IMPATIENT, **given, "options": f"{PATIENCE} {given.get('options', '')}".strip()},
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


@dataclass(frozen=True, kw_only=True)
class Smtp:
    """The server that takes letters; without a host nothing is mailed."""

    host: str = ""
    port: int = 0
    user: str = ""
    password: str = ""
    starttls: bool = False
    tls: bool = False


PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


def smtp(url: str, password_file: str = "") -> Smtp:
    """`smtps://user@host:port`, also `smtp+starttls` and, for one's own relay, `smtp`; the password is in a file."""
    if not url:
        return Smtp()
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname or parts.password:
        raise ValueError(
            "TOWPATH_SMTP_URL must be smtps://user@host, smtp+starttls://user@host or smtp://host, without a password: "
            "that stands in the file which TOWPATH_SMTP_PASSWORD_FILE names."
        )
    if (parts.username or password_file) and parts.scheme == "smtp":
        raise ValueError("TOWPATH_SMTP_URL: a password is sent to smtps:// or smtp+starttls:// only.")
    if password_file and not Path(password_file).is_file():
        raise ValueError(f"TOWPATH_SMTP_PASSWORD_FILE names {password_file}, which is not there.")
    return Smtp(
        host=parts.hostname,
        port=parts.port or PORTS[parts.scheme],
        user=unquote(parts.username or ""),
        password=Path(password_file).read_text().strip() if password_file else "",
        starttls=parts.scheme == "smtp+starttls",
        tls=parts.scheme == "smtps",
    )


@dataclass(frozen=True, kw_only=True)
class Installation:
    """What `make up` found out about this machine; `None` ranges mean: nothing is provisioned here."""

    id: str = ""
    web: str = "127.0.0.1:8000"
    address: str = "127.0.0.1"
    endpoint_first: int = 0
    endpoint_count: int = 0
    service_first: int = 0
    service_count: int = 0
    environments_root: str = ""
    interpreter: str = ""
    isolated: bool = False
    isolation_note: str = ""
    uid_first: int = 200_000
    namespaces: bool = False

    @property
    def url(self) -> str:
        """Where this machine itself reaches the control plane."""
        return f"http://{self.address}:{self.web.rpartition(':')[2]}"


@cache
def installation() -> Installation:
    path = home() / "installation.json"
    if not path.exists():
        return Installation()
    record = json.loads(path.read_text())
    known = Installation.__dataclass_fields__
    return Installation(**{name: value for name, value in record.items() if name in known})
