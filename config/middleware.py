"""What surrounds every page: security headers, and refusals told in the house's own pages."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django_htmx.middleware import HtmxMiddleware

from config import refusals
from config.headers import HEADERS
from environments.forms.form import sentence
from environments.views.choice import chosen_environment
from projects.authentication import NotAuthenticated
from projects.errors import UNSEEN, Malformed, NotFound, Refused, TooLarge
from projects.rest import problems
from projects.views.addresses import came_from
from projects.views.signed_in import to_sign_in


class WrongMethod(Refused):
    code = "method-not-allowed"
    title = "Method not allowed"
    http_status = 405


PLAIN = {
    400: Malformed("The request cannot be read."),
    404: NotFound(UNSEEN),
    405: WrongMethod("This address does not take this method."),
    413: TooLarge("The body is too large."),
}
Answer = Callable[[HttpRequest], HttpResponseBase]


class SecurityHeaders:
    """On every answer of Django's; the front door gives them to all others."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if response.status_code >= 400:
            response.headers.setdefault("Cache-Control", "no-store")
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response


class Head:
    """In the API, too, HEAD is answered as GET is, without the body."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path.startswith("/api/"):
            return self.get_response(request)
        method = request.method
        request.method = "GET" if method == "HEAD" else method
        response = self.get_response(request)
        request.method = method
        allowed = response.get("Allow", "").split(", ")
        if "GET" in allowed and "HEAD" not in allowed:
            response.headers["Allow"] += ", HEAD"
        if method == "HEAD" and isinstance(response, FileResponse):
            response.streaming_content = ()
        elif method == "HEAD" and isinstance(response, HttpResponse):
            response.content = b""
        return response


def of_pages(middleware: Any) -> Any:
    """One for browsers: at the API, where every request bears its token, nothing asks for what it does."""

    def answer(self: Any, request: HttpRequest) -> HttpResponseBase:
        within = request.path.startswith("/api/")
        answered: HttpResponseBase = self.get_response(request) if within else middleware.__call__(self, request)
        return answered

    return type(middleware.__name__, (middleware,), {"__call__": answer})


Sessions = of_pages(SessionMiddleware)
Users = of_pages(AuthenticationMiddleware)
Messages = of_pages(MessageMiddleware)
Htmx = of_pages(HtmxMiddleware)


class Refusals:
    """A refusal raised in a page becomes a page (or, for htmx, its main part) with its sentence and status."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if request.path.startswith("/api/") and response.status_code in PLAIN:
            return self.problem_for(response)
        return response

    def problem_for(self, response: HttpResponseBase) -> HttpResponseBase:
        """What was answered before any operation was found is told like everything else of the API."""
        if response.headers.get("Content-Type", "").startswith("application/problem"):
            return response
        told = problems.answer(refusals.problem(PLAIN[response.status_code]), {})
        if "Allow" in response.headers:
            told.headers["Allow"] = response.headers["Allow"]
        return told

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        refusal = refusals.of(exception)
        if refusal is None:
            return None
        if request.path.startswith("/api/"):
            response = problems.answer(refusals.problem(refusal), {})
        elif isinstance(refusal, NotAuthenticated):
            response = to_sign_in(request)
        elif isinstance(refusal, refusals.Away | refusals.Full):
            status = refusals.status(refusal)
            context = {"heading": refusal.title, "kind": str(status), "sentence": refusal.detail}
            response = render(None, "errors/server.html", context, status=status)  # nothing that asks the database
        else:
            response = self.page(request, refusal)
        for name, value in refusals.headers(refusal).items():
            response.headers.setdefault(name, value)
        return response

    def page(self, request: HttpRequest, refusal: Refused) -> HttpResponse:
        status = refusals.status(refusal)
        htmx = bool(getattr(request, "htmx", False))
        with suppress(Refused):
            chosen_environment(request)  # before it is drawn: the frame of a refusal cannot refuse in its turn
        context = {
            "refusal": refusal,
            "status": status,
            "kind": str(status),
            "heading": refusal.title,
            "sentence": sentence(refusal),
            "gates": [error["sentence"] for error in refusal.errors if error.get("sentence")],
            "back": self.back(request),
        }
        templates = ["errors/refused.html", "errors/page.html"]
        return render(request, ["errors/refused_part.html", *templates] if htmx else templates, context, status=status)

    def back(self, request: HttpRequest) -> str:
        """Never the address that has just refused."""
        page = came_from(request)
        return page if urlsplit(page).path != request.path else ""
