"""Traces by setting: requests with their SQL, and runs with their steps; without it not a module is loaded."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from config.env import ROOT
from environments import lifecycle
from environments.models import Environment, Run, Worker
from environments.runs import sessions
from projects import events
from projects.models import AccessToken
from tests import builders
from tests.doors.web import web
from tests.environments.house import house as a_house
from tests.environments.site import until

# As long as the exporter gathers spans, in milliseconds.
SOON = {"OTEL_BSP_SCHEDULE_DELAY": "100"}


class Collector:
    """What somebody's collector would have been sent, by OTLP over HTTP."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, Any]] = []
        self.bodies = b""
        collector = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                collector.bodies += body
                for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                    named = {one.key: one.value.string_value for one in resource.resource.attributes}
                    for scope in resource.scope_spans:
                        collector.spans += [(named["service.name"], span) for span in scope.spans]
                self.send_response(200)
                self.end_headers()

            def log_message(self, *words: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def named(self, name: str) -> Any:
        return next((span for _, span in self.spans if span.name == name), None)

    def below(self, span: Any) -> list[Any]:
        return [one for _, one in list(self.spans) if one.parent_span_id == span.span_id]


@pytest.fixture
def collector() -> Iterator[Collector]:
    running = Collector()
    yield running
    running.server.shutdown()
    running.server.server_close()


def attributes(span: Any) -> dict[str, Any]:
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


def carry_out(environment: dict[str, str]) -> None:
    """As a control worker does."""
    words = "from config import celery; from environments.doing import performing; assert performing.perform_all()"
    subprocess.run([sys.executable, "-c", words], cwd=ROOT, env=environment, check=True, timeout=60)


@events.operation
def another_worker(environment: Environment) -> str:
    """Its session."""
    host = Worker.objects.get(environment=environment).host
    _, session = sessions.open(environment, kind="joined", hostname="node-1", version="1", host=host, metadata={})
    return session.reveal()


def test_a_request_is_traced_with_its_sql_below_it_and_nothing_that_was_sent(
    server_environment: dict[str, str], collector: Collector
) -> None:
    owner = builders.owner_of(builders.organization())
    token = builders.grant_token(owner)
    outer = "0af7651916cd43dd8448eb211c80319c"
    headers = {
        "authorization": f"Bearer {token}",
        "x-request-id": "order-4711-a",
        "traceparent": f"00-{outer}-b7ad6b7169203331-01",
    }
    with web({**server_environment, **SOON, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}) as server:
        httpx.get(f"{server.url}/livez")
        httpx.get(f"{server.url}/api/v1/environments", headers=headers)
        request = until(lambda: collector.named("GET /api/v1/environments"), 20)
        httpx.get(f"{server.url}/api/v1/apps?unknown=hush-hush-hush", headers=headers)
        until(lambda: collector.named("GET /api/v1/apps"), 20)
        below = until(lambda: collector.below(request), 20)

    assert {name for name, _ in collector.spans} == {"towpath-web"}
    assert request.trace_id.hex() == outer, "what a proxy has begun is continued"
    assert (
        attributes(request).items()
        >= {
            "http.request.method": "GET",
            "http.response.status_code": 200,
            "http.route": "/api/v1/environments",
            "towpath.request": "order-4711-a",
            "towpath.actor": f"token:{AccessToken.objects.get().name}",
        }.items()
    )
    assert any("SELECT" in str(attributes(one)) for one in below)
    assert all(span.name.find("livez") < 0 for _, span in collector.spans)
    assert token.encode() not in collector.bodies and b"hush-hush" not in collector.bodies


def test_a_run_is_traced_with_its_steps_below_it(server_environment: dict[str, str], collector: Collector) -> None:
    owner = builders.owner_of(builders.organization())
    lifecycle.create(by=owner, name="traced", provisioner="external")
    run = Run.objects.get()

    carry_out({**server_environment, **SOON, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})

    traced = collector.named("run provision")
    assert attributes(traced)["towpath.run"] == str(run.pk)
    steps = {step.name for step in run.steps.all()}
    assert steps and steps <= {span.name for span in collector.below(traced)}
    assert {name for name, _ in collector.spans} == {"towpath-control"}
    # Who looked for the run made statements, too, which belong to nothing.
    assert {span.name for _, span in collector.spans if not span.parent_span_id} == {"run provision"}


def test_a_wish_its_run_and_what_a_worker_says_of_it_are_one_trace(
    server_environment: dict[str, str], collector: Collector
) -> None:
    house = a_house()
    environment = house.environment("development")
    release = house.release(house.app(), "1.0")
    session = another_worker(environment)
    environment_of = {**server_environment, **SOON, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    asked = {"authorization": f"Bearer {builders.grant_token(house.owner)}"}
    with web(environment_of) as server:

        def post(path: str, headers: dict[str, str], **body: Any) -> Any:
            answer = httpx.post(f"{server.url}/api/v1{path}", headers=headers, json=body, timeout=20)
            assert answer.is_success, answer.text
            return answer.json()

        post("/environments", asked, name="traced", provisioner="external")
        carry_out(environment_of)
        plan = post("/plans", asked, release_id=str(release.pk), environment_id=str(environment.pk))
        post("/deployments", asked, plan_id=plan["id"])
        working = {"authorization": f"Bearer {session}", "Towpath-Protocol": "1"}
        run = post("/workers/me/claims", working, claim_key="one", wait=0)["run"]
        said = {"attempt": run["attempt"], "step": {"n": 1, "name": "Fetch", "phase": "running"}}
        post(f"/runs/{run['id']}/reports", working | {"traceparent": run["traceparent"]}, **said)
        report = until(lambda: collector.named("POST /api/v1/runs/<id>/reports"), 20)
        wish = until(lambda: collector.named("POST /api/v1/deployments"), 20)
        creation = until(lambda: collector.named("POST /api/v1/environments"), 20)

    control = until(lambda: collector.named("run provision"), 20)
    assert (control.trace_id, control.parent_span_id) == (creation.trace_id, creation.span_id)
    assert (report.trace_id, report.parent_span_id) == (wish.trace_id, wish.span_id)
    assert attributes(report)["towpath.run"] == run["id"]


@pytest.mark.parametrize("module", ["config.asgi", "config.celery"])
def test_without_the_settings_neither_traces_nor_metrics_are_loaded_and_traces_need_not_be_installed(
    server_environment: dict[str, str], module: str
) -> None:
    # As where they are not: libraries of ours that would use what they find do not find it either.
    words = (
        "import sys; sys.modules.update(dict.fromkeys(['opentelemetry', 'wrapt']))\n"
        f"import {module}\n"
        "names = {name.partition('.')[0] for name, module in sys.modules.items() if module}\n"
        "print(sorted(names & {'opentelemetry', 'wrapt', 'prometheus_client', 'google'}))"
    )
    outcome = subprocess.run(
        [sys.executable, "-c", words], cwd=ROOT, env=server_environment, capture_output=True, text=True
    )

    assert outcome.stdout.strip() == "[]", outcome.stderr
