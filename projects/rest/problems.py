"""Whatever goes wrong in a REST operation, told as `application/problem+json`."""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import orjson
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.http.request import UnreadablePostError
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from psycopg import errors as postgres

from projects.errors import UNSEEN, Invalid, Malformed, NotFound, Refused, TooLarge
from projects.rest.bodies import ApiRequest

logger = logging.getLogger(__name__)
CONTENT_TYPE = "application/problem+json"
WORDS = {"missing": "is required", "extra_forbidden": "is not known here"}
Tell = Callable[[Refused], HttpResponse]


class Broken(Refused):
    code = "internal-error"
    title = "Internal error"
    http_status = 500


def install(api: NinjaAPI, tell: Tell, refused: Callable[[Exception], Refused | None]) -> None:
    """Register every kind of failure; `tell` turns a refusal into the answer by the one table of statuses.

    `refused` is that table's word on what the database answered.
    """

    def told(of: Callable[[HttpRequest, Any], Refused]) -> Callable[[HttpRequest, Any], HttpResponse]:
        return lambda request, exception: tell(of(request, exception))

    def unexpected(request: HttpRequest, exception: Exception) -> Refused:
        """A deadlock inside a request with an Idempotency-Key goes up, so that its one operation is tried again."""
        deadlock = isinstance(exception.__cause__, postgres.DeadlockDetected | postgres.SerializationFailure)
        if deadlock and getattr(request, "idempotent", False):
            cast(ApiRequest, request).idempotent = False
            raise exception
        return refused(exception) or broken(request, exception)

    api.add_exception_handler(Refused, told(lambda request, refusal: refusal))
    api.add_exception_handler(ValidationError, told(invalid))
    api.add_exception_handler(HttpError, told(unreadable))
    api.add_exception_handler(Http404, told(lambda request, exception: NotFound(UNSEEN)))
    api.add_exception_handler(RequestDataTooBig, told(lambda request, exception: TooLarge("The body is too large.")))
    api.add_exception_handler(SuspiciousOperation, told(unreadable))
    api.add_exception_handler(UnreadablePostError, told(unreadable))
    api.add_exception_handler(MultiPartParserError, told(unreadable))
    api.add_exception_handler(Exception, told(unexpected))


def answer(body: dict[str, Any], headers: dict[str, str]) -> HttpResponse:
    response = HttpResponse(orjson.dumps(body, default=str), status=body["status"], content_type=CONTENT_TYPE)
    for name, value in headers.items():
        response.headers[name] = value
    return response


def invalid(request: HttpRequest, exception: ValidationError) -> Refused:
    """Which fields are wrong; a path that cannot name anything is 404."""
    if any(error["loc"][:1] == ("path",) for error in exception.errors):
        return NotFound(UNSEEN)
    return wrong((_parts(error["loc"]), error["type"], error["msg"]) for error in exception.errors)


def wrong(errors: Iterable[tuple[Sequence[Any], str, str]]) -> Invalid:
    """The refusal that names each (field's path, type, message) of a validation."""
    told = [{"field": _field(path), "message": WORDS.get(kind, _message(message))} for path, kind, message in errors]
    return Invalid(f"{told[0]['field']} {told[0]['message']}.", errors=told)


def _parts(location: Sequence[Any]) -> Sequence[Any]:
    """Without the source, and without the operation's own name for what it takes from there."""
    source, parts = location[0], location[1:]
    if source == "body" and len(parts) > 1:
        return parts[1:]
    return parts[-1:] if source == "query" else parts


def _field(parts: Sequence[Any]) -> str:
    """`("stages", 0, "name")` is told as `stages[0].name`."""
    named = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return named.lstrip(".") or "body"


def _message(message: str) -> str:
    return message[:1].lower() + message[1:]


def unreadable(request: HttpRequest, exception: Exception) -> Refused:
    if isinstance(exception.__cause__, Malformed):
        return exception.__cause__
    sentence = getattr(exception, "message", "") or "The request cannot be read."
    if sentence.startswith("Cannot parse"):
        sentence = "The body is not valid JSON."
    return Malformed(sentence)


def broken(request: HttpRequest, exception: Exception) -> Refused:
    logger.error("%s %s failed", request.method, request.path, exc_info=exception)
    return Broken("Something went wrong here; it was written down. Try again, or tell an administrator.")
