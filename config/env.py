"""Typed readers of the process environment and of the installation's record."""

import json
import os
import re
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from config.up import keys

ROOT = Path(__file__).resolve().parent.parent


# As a program ends that was told something it cannot work with (EX_CONFIG).
BAD_SETTING = 78

SHORTEST_MASTER_KEY = 32


class BadSetting(ValueError):
    """A setting has a value that cannot be meant; the message is for whoever set it."""


def text(name: str, default: str = "") -> str:
    return os.environ.get(name) or default


def flag(name: str) -> bool:
    return text(name).lower() in {"1", "true", "yes", "on"}


def number(name: str, default: int, *, least: int, most: int = 36_500) -> int:
    """A whole number from `least` to `most`; anything else is refused rather than mended in silence."""
    given = text(name, str(default))
    if not given.isascii() or not given.isdigit() or not least <= int(given) <= most:
        raise BadSetting(f"{name} is {given!r}; it must be a whole number from {least} to {most}.")
    return int(given)


def networks(name: str) -> str:
    """Networks and addresses, separated by commas or spaces."""
    given = text(name)
    for word in given.replace(",", " ").split():
        try:
            ip_network(word, strict=False)
        except ValueError:
            raise BadSetting(f"{name} names {word!r}, which is no network such as 10.1.0.0/16 or 192.0.2.7.") from None
    return given


def address(name: str) -> str:
    """`http://host` or `https://host:port`, without a slash at its end; nothing where it is not set."""
    given = text(name).rstrip("/")
    if given and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", given):
        # What was given may hold a password.
        raise BadSetting(f"{name} must be http://host or https://host, without a user's name.")
    return given


def port(name: str, parts: SplitResult) -> int | None:
    """The one that the address in this setting names, if it does."""
    try:
        return parts.port
    except ValueError:
        raise BadSetting(f"{name} names no port; that is a whole number up to 65535.") from None


def home() -> Path:
    """$TOWPATH_HOME: where all state lives."""
    return Path(text("TOWPATH_HOME", str(ROOT / "var"))).absolute()


def key(name: str) -> str:
    """A secret of this installation, kept in $TOWPATH_HOME/keys (0600), made at first use."""
    return keys.secret(home(), name)


def write_key(path: Path, content: str) -> None:
    """Replace a key file in one step, readable by its owner alone."""
    keys.write(path, content)


def master_key_file() -> Path | None:
    """Where the master keys are written, made with a first one where it is ours; None where a setting gives them."""
    if text("TOWPATH_MASTER_KEYS"):
        return None
    if file := text("TOWPATH_MASTER_KEY_FILE"):
        return Path(file)
    key("master")
    return home() / "keys" / "master"


def master_keys() -> list[str]:
    """What data keys are wrapped by, newest first: TOWPATH_MASTER_KEYS (separated by spaces or commas), else the lines
    of TOWPATH_MASTER_KEY_FILE, else of $TOWPATH_HOME/keys/master, made at first use. Read anew each time: a file may
    have been given another line meanwhile."""
    file = master_key_file()
    if file is None:
        found = text("TOWPATH_MASTER_KEYS").replace(",", " ").split()
    else:
        try:
            found = file.read_text().split()
        except OSError as error:
            raise BadSetting(f"The master key file {file} cannot be read: {error.strerror}.") from None
    if not found or min(map(len, found)) < SHORTEST_MASTER_KEY:
        raise BadSetting(f"A master key has at least {SHORTEST_MASTER_KEY} characters; draw it at random.")
    return found


# A process that is frozen in the middle of a change, or a server that is, must not keep all others waiting for ever.
PATIENCE = "-c lock_timeout=10s -c idle_in_transaction_session_timeout=60s"
# What is prepared (`projects.rows.planned`) is planned for all values from the first time on.
PLANNED = "-c plan_cache_mode=force_generic_plan"

# Nor must a machine that is gone without a word: what it does not acknowledge within so many milliseconds is lost.
IMPATIENT = {"connect_timeout": "5", "keepalives_idle": "10", "tcp_user_timeout": "10000"}


def database(url: str) -> dict[str, Any]:
    """Django's settings for a `postgresql://user:password@host:port/name?option=value` URL."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise BadSetting("DATABASE_URL must begin with postgresql://; Towpath runs on PostgreSQL only.")
    given = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "config.database",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host(parts),
        "PORT": str(port("DATABASE_URL", parts) or ""),
        "OPTIONS": {**IMPATIENT, **given, "options": f"{PATIENCE} {PLANNED} {given.get('options', '')}".strip()},
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


def host(parts: SplitResult) -> str:
    """The name, the address, or (percent-encoded, as in every URL of PostgreSQL's) the directory of the socket."""
    place = parts.netloc.rpartition("@")[2]
    # Names are read in small letters; a directory is as it is written.
    return unquote(place.partition(":")[0] if place.startswith("%") else parts.hostname or "")


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
        raise BadSetting(
            "TOWPATH_SMTP_URL must be smtps://user@host, smtp+starttls://user@host or smtp://host, without a password: "
            "that stands in the file which TOWPATH_SMTP_PASSWORD_FILE names."
        )
    if (parts.username or password_file) and parts.scheme == "smtp":
        raise BadSetting("TOWPATH_SMTP_URL: a password is sent to smtps:// or smtp+starttls:// only.")
    if password_file and not Path(password_file).is_file():
        raise BadSetting(f"TOWPATH_SMTP_PASSWORD_FILE names {password_file}, which is not there.")
    return Smtp(
        host=parts.hostname,
        port=port("TOWPATH_SMTP_URL", parts) or PORTS[parts.scheme],
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
