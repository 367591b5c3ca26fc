"""How a log line looks: readable or JSON, with request, run and actor, and never with a secret."""

import logging
import re
from datetime import UTC, datetime

import orjson

from config import env
from projects import correlation

TEXT, JSON = "text", "json"
HIDDEN = r"\1***"
# Nothing of ours logs a secret, but what is logged may quote what somebody sent or what a library was given:
# credentials of ours, links to set a password, passwords in the addresses of servers, and what stands behind `Bearer`.
SECRETS = (
    re.compile(r"\b(tp[aiws]_)[A-Za-z0-9_-]{8,}"),
    re.compile(r"(/password/[^\s/]+/)[A-Za-z0-9-]{8,}"),
    re.compile(r"(://[^\s:/@]*:)[^\s/@]+(?=@)"),
    re.compile(r"\b((?:bearer|userkey)\s+)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE),
)


def hidden(text: str) -> str:
    """The text without what only its owner may know."""
    for secret in SECRETS:
        text = secret.sub(HIDDEN, text)
    return text


def ids() -> dict[str, str]:
    """What there is of request, run and actor where this line is written."""
    found = correlation.present()
    return {name: value for name, value in vars(found).items() if value}


class Readable(logging.Formatter):
    """`<time> <level> <logger> <message> [request=... run=... actor=...]`, then the traceback if there is one."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name} {message}", style="{")

    def formatMessage(self, record: logging.LogRecord) -> str:
        known = " ".join(f"{name}={value}" for name, value in ids().items())
        return super().formatMessage(record) + (f" [{known}]" if known else "")

    def format(self, record: logging.LogRecord) -> str:
        return hidden(super().format(record))


class Json(logging.Formatter):
    """One object a line: `time`, `level`, `logger`, `message`, what there is of the ids, and `exception`.

    Nothing else of a record is told: libraries hang whole requests and arguments on it.
    """

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": hidden(record.getMessage()),
            **ids(),
        }
        if record.exc_info:
            line["exception"] = hidden(self.formatException(record.exc_info))
        return orjson.dumps(line, default=str).decode()


FORMATTERS = {TEXT: Readable, JSON: Json}


def formatter(name: str) -> str:
    """The path of the formatter for TOWPATH_LOG_FORMAT, as the settings of logging want it."""
    if name not in FORMATTERS:
        raise env.BadSetting(f"TOWPATH_LOG_FORMAT is {name!r}; it must be one of: {', '.join(FORMATTERS)}.")
    return f"{__name__}.{FORMATTERS[name].__name__}"
