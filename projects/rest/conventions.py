"""What happens around every REST operation: unknown parameters, media types, tags, links and idempotency."""

from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from types import MethodType
from typing import Any, cast, get_args

import orjson
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from ninja.operation import Operation
from pydantic import ValidationError

from projects.errors import Invalid, Malformed, Refused
from projects.rest import conditional, idempotency
from projects.rest.bodies import ApiRequest, actor, explain
from projects.rest.shapes import Reasoned

Run = Callable[..., HttpResponse]
WHY = frozenset(Reasoned.model_fields)


class WrongMediaType(Refused):
    code = "unsupported-media-type"
    title = "Unsupported media type"
    http_status = 415


def conventional(run: Run) -> Run:
    """Wrap one operation's `run`; who asks is looked at before what they ask."""
    operation = cast(Operation, cast(MethodType, run).__self__)
    known = frozenset(_names(operation, "query")) | (WHY if "DELETE" in operation.methods else frozenset())
    form = frozenset((*_names(operation, "form"), *_names(operation, "file")))
    has_body = any(_source(model) == "body" for model in operation.models)
    explains = has_body and any(map(says_why, operation.models))

    @wraps(run)
    def conventionally(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        try:
            refused = operation._run_checks(request)
            if refused is not None:
                return refused
            _check_parameters(request, known)
            if known >= WHY:
                _explained(request, request.GET)
            if form:
                _check_form(request, form)
                _explained(request, request.POST)
            elif has_body:
                _check_media_type(request)
                # By the parser, which is the one that reads it.
                cast(ApiRequest, request).explains = explains
            else:
                _check_no_body(request)
            key = request.headers.get("Idempotency-Key")
            if key is None or request.method != "POST":
                response = run(request, **kwargs)
            else:
                cast(ApiRequest, request).idempotent = True
                response = idempotency.once(request, key, lambda: run(request, **kwargs))
        except Exception as exception:
            return operation.api.on_exception(request, exception)
        return _finished(request, response)

    return conventionally


def _finished(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    if response.streaming:
        return response
    patch_vary_headers(response, ["Authorization"])
    if link := getattr(request, "link_next", ""):
        response.headers["Link"] = f'<{link}>; rel="next"'
    if response.status_code == 200 and request.method in {"GET", "PATCH"}:
        return conditional.tagged(request, response)
    response.headers.setdefault("Cache-Control", "no-store" if response.status_code >= 400 else "private, no-cache")
    return response


def _check_parameters(request: HttpRequest, known: frozenset[str]) -> None:
    wrong = [{"field": name, "message": "is not a query parameter here"} for name in request.GET if name not in known]
    wrong += [
        {"field": name, "message": "must not contain NUL"}
        for name, values in request.GET.lists()
        if any("\0" in value for value in values)
    ]
    if wrong:
        raise Invalid(f"{wrong[0]['field']} {wrong[0]['message']}.", errors=wrong)


def _check_form(request: HttpRequest, known: frozenset[str]) -> None:
    if wrong := [name for name in (*request.POST, *request.FILES) if name not in known]:
        raise _not_known(wrong)
    _check_nul(request.POST)


def _check_no_body(request: HttpRequest) -> None:
    """Of what takes no body nothing may be asked in one, or it would be ignored; why it is asked may be said."""
    if not request.body:
        return
    _check_media_type(request)
    try:
        sent = orjson.loads(request.body)
    except ValueError:
        raise Malformed("The body is not valid JSON.") from None
    if sent in ({}, None):
        return
    if not isinstance(sent, dict):
        raise _not_known(["body"])
    person = request.method == "POST" and actor(request).user is not None
    if wrong := [name for name in sent if name not in WHY or not person]:
        raise _not_known(wrong)
    _explained(request, sent)


def _explained(request: HttpRequest, given: Mapping[str, Any]) -> None:
    """Judged here, where no schema does it."""
    said = {name: given[name] for name in WHY if name in given}
    if not said:
        return
    try:
        Reasoned.model_validate(said)
    except ValidationError as wrong:
        told = [{"field": str(one["loc"][0]), "message": one["msg"]} for one in wrong.errors()]
        raise Invalid(f"{told[0]['field']} {told[0]['message']}.", errors=told) from None
    _check_nul(said)
    explain(request, given)


def _check_nul(given: Mapping[str, Any]) -> None:
    if any("\0" in value for value in given.values() if isinstance(value, str)):
        raise Malformed("The body holds a NUL character, which cannot be kept.")


def says_why(model: Any) -> bool:
    """Whether what an operation takes, or the body in it, has a reason and a link."""
    shapes = [part for field in model.model_fields.values() for part in (field.annotation, *get_args(field.annotation))]
    return any(isinstance(shape, type) and issubclass(shape, Reasoned) for shape in shapes)


def _not_known(names: list[str]) -> Invalid:
    errors = [{"field": name, "message": "is not known here"} for name in names]
    return Invalid(f"{names[0]} is not known here.", errors=errors)


def _check_media_type(request: HttpRequest) -> None:
    given = request.content_type or ""
    if given not in {"", "application/json"} and not given.endswith("+json") and request.body:
        raise WrongMediaType("Send the body as application/json.")


def _names(operation: Operation, source: str) -> Iterator[str]:
    for model in operation.models:
        if _source(model) == source:
            yield from getattr(model, "__ninja_flatten_map__", model.model_fields)


def _source(model: Any) -> str:
    return str(model.__ninja_param_source__)
