"""The REST API: every router, who may call it, and how it answers."""

from typing import Any, cast

import orjson
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation
from ninja.parser import Parser
from ninja.renderers import BaseRenderer
from ninja.security import HttpBearer

from config import refusals
from environments.api.routers import BUSIEST
from environments.api.routers import ROUTERS as UPPER
from projects import authentication
from projects.access import Actor
from projects.api.routers import ROUTERS as LOWER
from projects.errors import UNSEEN, Malformed, NotFound, Refused
from projects.rest import problems
from projects.rest.bodies import ApiRequest, explain
from projects.rest.conventions import conventional
from projects.rest.shapes import Reasoned

NUL = b"\\u0000"  # as JSON spells it, which knows no other way


class Renderer(BaseRenderer):
    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        return orjson.dumps(data, default=str)


class StrictParser(Parser):
    """JSON that can be kept and told again: one row that could not be would break every list it stands in."""

    DEEPEST = 200

    def parse_body(self, request: HttpRequest) -> Any:
        body = orjson.loads(request.body)
        if getattr(request, "worker", None) is not None and NUL in request.body:
            body = _without_nul(body)
        self._check(body, 1)
        if getattr(request, "explains", False) and isinstance(body, dict):
            explain(request, body)
        return body

    def _check(self, value: Any, depth: int) -> None:
        if depth > self.DEEPEST:
            raise Malformed(f"The body is nested deeper than {self.DEEPEST} levels.")
        if isinstance(value, dict):
            for name, part in value.items():
                self._check(name, depth)
                self._check(part, depth + 1)
        elif isinstance(value, list):
            for part in value:
                self._check(part, depth + 1)
        elif isinstance(value, str):
            if "\0" in value:
                raise Malformed("The body holds a NUL character, which cannot be kept.")
        # The database keeps 1e300 as the whole number that it is. (The lowest of all was maybe lower when it was sent.)
        elif isinstance(value, int | float) and not -(2**63) < value < 2**64:
            raise Malformed("The body holds a number that does not fit into 64 bits; send it as a text.")


def _without_nul(value: Any) -> Any:
    """A session tells the bytes of foreign programs: no line of theirs ends a run because it cannot be kept."""
    if isinstance(value, dict):
        return {name.replace("\0", ""): _without_nul(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_without_nul(part) for part in value]
    return value.replace("\0", "") if isinstance(value, str) else value


class AccessTokenAuth(HttpBearer):
    """`Authorization: Bearer <access token>` (or `UserKey <access token>`)."""

    def __call__(self, request: HttpRequest) -> Actor:
        known: Actor | None = getattr(request, "actor", None)
        if known is None:
            header = request.headers.get("Authorization", "")
            if header.partition(" ")[2].strip().startswith(("tpw_", "tps_")):
                # A worker's credential reaches the worker's own doors; for it there is nothing else.
                raise NotFound(UNSEEN)
            known = authentication.actor_of_bearer(header, address=request.META.get("REMOTE_ADDR", ""))
            cast(ApiRequest, request).actor = known
        return known

    def authenticate(self, request: HttpRequest, token: str) -> Actor:
        return self(request)


class TowpathAPI(NinjaAPI):
    def get_openapi_operation_id(self, operation: Operation) -> str:
        """The endpoint's own name; a test sees to it that no two are alike."""
        return operation.view_func.__name__

    def get_openapi_schema(self, **kwargs: Any) -> OpenAPISchema:
        """What every operation shares is said here, once: how it refuses, and the headers it understands."""
        schema = super().get_openapi_schema(**kwargs)
        schema["components"].setdefault("schemas", {})["Problem"] = PROBLEM
        for operations in schema["paths"].values():
            for method, operation in operations.items():
                operation["responses"]["default"] = REFUSAL
                if method in HEADERS:
                    operation["parameters"] = [*operation.get("parameters", []), HEADERS[method]]
                if method == "delete":
                    operation["parameters"] = [*operation.get("parameters", []), *WHY_IN_QUERY]
                elif (
                    method == "post"
                    and "requestBody" not in operation
                    and {"AccessTokenAuth": []} in operation.get("security", [])
                ):
                    operation["requestBody"] = WHY_IN_BODY
        return schema


def header(name: str, description: str) -> dict[str, Any]:
    schema = {"type": "string", "maxLength": 200}
    return {"in": "header", "name": name, "required": False, "description": description, "schema": schema}


HEADERS = {
    "get": header("If-None-Match", "The ETag one has; 304 when nothing has changed."),
    "post": header("Idempotency-Key", "The same key and body within 24 hours get the first answer again."),
    "patch": header("If-Match", "The ETag one has; 412 when it was changed since."),
}
# What takes no body of its own takes one that says why; what cannot have a body is told in its address.
REASONED = Reasoned.model_json_schema()
WHY_IN_BODY = {"required": False, "content": {"application/json": {"schema": REASONED}}}
WHY_IN_QUERY = [
    {"in": "query", "name": name, "required": False, "description": told["description"], "schema": told}
    for name, told in REASONED["properties"].items()
]
PROBLEM = {
    "title": "Problem",
    "description": "RFC 9457: `detail` is a sentence a person can act on, `code` a stable word.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
}
REFUSAL = {
    "description": "A refusal",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def tell(refusal: Refused) -> HttpResponse:
    return problems.answer(refusals.problem(refusal), refusals.headers(refusal))


api = TowpathAPI(
    title="Towpath",
    version="1",
    description="Environments, releases and their way along a promotion chain.",
    urls_namespace="api",
    auth=AccessTokenAuth(),
    renderer=Renderer(),
    parser=StrictParser(),
)
problems.install(api, tell, refusals.of)
api.add_decorator(conventional, mode="view")
for router in (*BUSIEST, *LOWER, *UPPER):
    api.add_router("", router)
