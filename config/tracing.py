"""Traces by OpenTelemetry: requests with the SQL they make, and what control workers carry out, step by step.

Imported only where OTEL_EXPORTER_OTLP_ENDPOINT is set. The exporter reads that and its headers by itself. Addresses as
they were asked for, headers and the parameters of statements are no part of a span: they hold what people sent.
"""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode

from config.version import version
from environments.stream.asgi import Application, Message, Receive, Scope, Send
from projects import correlation

tracer = trace.get_tracer("towpath")


class Belonging(BatchSpanProcessor):
    """Leaves out statements that belong to no request and no run: whoever looks for work looks every few seconds."""

    def on_end(self, span: ReadableSpan) -> None:
        if span.parent is not None or span.kind is not SpanKind.CLIENT:
            super().on_end(span)


def begin(part: str) -> None:
    """From now on this process is traced, as `towpath-<part>` where OTEL_SERVICE_NAME says nothing else."""
    named = {SERVICE_NAME: os.environ.get("OTEL_SERVICE_NAME") or f"towpath-{part}", SERVICE_VERSION: version()}
    provider = TracerProvider(resource=Resource.create(named))
    provider.add_span_processor(Belonging(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    PsycopgInstrumentor().instrument(capture_parameters=False)
    correlation.trace_with(span, traceparent)


def span(name: str, parent: str, attributes: dict[str, str]) -> AbstractContextManager[object]:
    began = propagate.extract({"traceparent": parent}) if parent else None
    return tracer.start_as_current_span(name, context=began, attributes=attributes)


def traceparent() -> str:
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier.get("traceparent", "")


class Traced:
    """The application with a span around each request of pages and REST; what a proxy has begun is continued."""

    def __init__(self, application: Application, untraced: Callable[[Scope], bool]) -> None:
        self._application, self._untraced = application, untraced

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._untraced(scope):
            await self._application(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        began = propagate.extract(headers)
        with tracer.start_as_current_span(scope["method"], context=began, kind=SpanKind.SERVER) as request:
            request.set_attribute("http.request.method", scope["method"])

            async def tell(message: Message) -> None:
                if message["type"] == "http.response.start":
                    request.set_attribute("http.response.status_code", message["status"])
                    known = dict(message.get("headers", []))
                    request.set_attribute("towpath.request", known.get(b"x-request-id", b"").decode("latin-1"))
                    if message["status"] >= 500:
                        request.set_status(StatusCode.ERROR)
                await send(message)

            await self._application(scope, receive, tell)


class Routes:
    """Django's middleware that gives the request's span the name of its address, ids left open, and who asked."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        here = trace.get_current_span()
        if request.resolver_match is not None:
            route = f"/{request.resolver_match.route}"
            here.update_name(f"{request.method} {route}")
            here.set_attribute("http.route", route)
        about = correlation.present()
        here.set_attribute("towpath.actor", about.actor)
        if about.run:
            here.set_attribute("towpath.run", about.run)
        return response
