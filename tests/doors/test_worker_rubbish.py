"""Whatever a worker sends, the doors answer with a refusal, never with a broken page."""

import functools
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from environments.models import Run
from environments.runs import claim
from tests.environments.yard import yard

pytestmark = pytest.mark.django_db

RUBBISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KNOWN = [
    "attempt",
    "offset",
    "lines",
    "step",
    "outcome",
    "reason",
    "last_lines",
    "runs",
    "status",
    "system_info",
    "slots",
]
KNOWN += ["resources", "missing", "chunks", "claim_key", "wait", "worker_id", "exit_code", "host", "environment_name"]
# Deeper than any document: what is kept of it could not be told again.
DEEP = functools.reduce(lambda inner, _: {"a": inner}, range(300), None)
RUBBISH |= st.just(DEEP)
BODIES = st.dictionaries(st.sampled_from(KNOWN), RUBBISH, max_size=6) | RUBBISH
SLOT = st.fixed_dictionaries({}, optional={name: RUBBISH for name in ("app_id", "deployment_id", "services")})
STEP = st.fixed_dictionaries(
    {"n": st.integers(), "name": st.text(), "phase": st.sampled_from(["running", "odd", ""]) | st.text()},
    optional={"detail": RUBBISH, "exit_code": st.integers()},
)


def bag(*names: str) -> st.SearchStrategy[dict[str, object]]:
    """Some of these names, each with rubbish."""
    return st.dictionaries(st.sampled_from(names), RUBBISH)


LINES = st.lists(bag("at", "step", "stream", "text"), max_size=3)
CHUNKS = st.lists(bag("app_id", "deployment_id", "offset", "lines", "service"), max_size=3)
NEARLY = st.one_of(
    st.fixed_dictionaries({"attempt": st.just(1), "step": STEP}),
    st.fixed_dictionaries({"attempt": st.integers(), "offset": st.integers(), "lines": st.lists(RUBBISH, max_size=3)}),
    st.fixed_dictionaries({"attempt": st.just(1), "offset": st.just(0), "lines": LINES}),
    st.fixed_dictionaries({"slots": st.lists(SLOT, max_size=3), "resources": bag("cpu", "memory", "storage")}),
    st.fixed_dictionaries({"chunks": CHUNKS}),
    st.fixed_dictionaries(
        {
            "attempt": st.integers(),
            "outcome": st.just("errored"),
            "reason": st.text(),
            "last_lines": st.lists(st.text()),
        }
    ),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES | NEARLY)
def test_no_body_breaks_a_door(place: Any, body: Any) -> None:
    client, doors = place
    for door in doors:
        answer = client.post(f"/api/v1{door}", body, content_type="application/json")
        assert answer.status_code < 500, (door, body, answer.content)


@pytest.fixture
def place() -> tuple[Client, list[str]]:
    here = yard()
    worker = here.worker()
    here.deployed(worker)
    here.deploy()
    run = claim.by_worker(worker, "key")
    assert isinstance(run, Run)
    me = [f"/workers/me/{door}" for door in ("renewals", "desired", "observations", "service-logs")]
    of_run = [f"/runs/{run.pk}/{door}" for door in ("reports", "log-chunks", "seal")]
    doors = [*me, *of_run, "/workers/heartbeat", f"/workers/{worker.pk}/heartbeat", f"/runs/{run.pk}/conclusion"]
    return Client(headers={"Authorization": f"Bearer {here.session(worker)}"}, raise_request_exception=False), doors
