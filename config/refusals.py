"""How each kind of refusal is told over HTTP, and what the database's answers come to."""

import errno
import logging
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from psycopg.errors import DiskFull, LockNotAvailable

from projects import errors
from projects.authentication import NotAuthenticated
from projects.errors import status as status
from projects.limits import TooMany

logger = logging.getLogger(__name__)

TITLES = {
    400: "The request cannot be read",
    401: "Not signed in",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    408: "Too slow",
    409: "Conflict",
    410: "Gone",
    412: "Changed meanwhile",
    413: "Too large",
    415: "Unsupported media type",
    422: "Invalid",
    429: "Too many requests",
    500: "Internal error",
    503: "Unavailable",
    507: "Insufficient storage",
}
AWAY_SENTENCE = "The database does not answer at the moment; try again in a few seconds."
BUSY_SENTENCE = "Others are changing the same at this moment; try again in a few seconds."
AWAY_SECONDS = 5
FULL_SENTENCE = "The disk is full; free some, then try again."
FULL = {errno.ENOSPC, errno.EDQUOT}
RANGE_SENTENCE = "A value is out of range."
OVERTAKEN_SENTENCE = "Something else was changed at the same moment; look again and repeat your request."
MISSING_SENTENCE = "It is not there any more; look again."


class Away(errors.Refused):
    """The database does not answer."""

    code = "unavailable"
    title = "Unavailable"
    http_status = 503


class Full(errors.Refused):
    """Nothing more can be written, here or where the database lies."""

    code = "disk-full"
    title = "Disk full"
    http_status = 507


def of(exception: Exception) -> errors.Refused | None:
    """The refusal that an exception is, or that the database's answer comes to; None where something is broken."""
    if isinstance(exception, errors.Refused):
        return exception
    if _disk_is_full(exception):
        logger.error("The disk is full: %s", type(exception.__cause__ or exception).__name__)
        return Full(FULL_SENTENCE)
    if isinstance(exception, OperationalError | InterfaceError):
        if isinstance(exception.__cause__, LockNotAvailable):
            logger.warning("Others held a lock for too long: %s", exception)
            return Away(BUSY_SENTENCE)
        logger.warning("The database does not answer: %s", type(exception.__cause__ or exception).__name__)
        return Away(AWAY_SENTENCE)
    if isinstance(exception, ObjectDoesNotExist):  # found a moment ago, and gone behind the lock
        logger.warning("Gone meanwhile: %s", exception, exc_info=exception)
        return errors.NotFound(MISSING_SENTENCE)
    if isinstance(exception, DataError):
        return errors.Invalid(RANGE_SENTENCE)
    if isinstance(exception, IntegrityError):
        logger.warning("Refused by the database: %s", exception.__cause__)
        return errors.Conflict(OVERTAKEN_SENTENCE)
    return None


def _disk_is_full(exception: Exception) -> bool:
    ours = isinstance(exception, OSError) and exception.errno in FULL
    return ours or isinstance(exception.__cause__, DiskFull)


def headers(refusal: errors.Refused) -> dict[str, str]:
    found: dict[str, str] = {}
    if status(refusal) == 503:
        found["Retry-After"] = str(AWAY_SECONDS)
    if isinstance(refusal, NotAuthenticated):
        found["WWW-Authenticate"] = "Bearer"
    if isinstance(refusal, TooMany):
        found["Retry-After"] = str(refusal.seconds)
    return found


def problem(refusal: errors.Refused) -> dict[str, Any]:
    """The body of an `application/problem+json` answer (RFC 9457)."""
    number = status(refusal)
    return {
        "type": "about:blank",
        "title": TITLES[number],
        "status": number,
        "detail": refusal.detail,
        "code": refusal.code,
        "errors": refusal.errors,
        **refusal.extra,
    }
