"""What Prometheus is told: nothing without the token, the truth about the database, and every process's requests."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from django.db import connection
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families

from config.env import ROOT
from config.up import installation, programs
from environments import lifecycle, vitals
from tests import builders
from tests.doors.web import Web, web
from tests.environments import house as houses
from tests.environments.site import all_look, until
from tests.tying import tied
from towpath import __version__

TOKEN = "only-prometheus-knows-this-0f5c"
BEARER = {"authorization": f"Bearer {TOKEN}"}
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scraped(server: Web) -> Samples:
    answer = httpx.get(f"{server.url}/metrics", headers=BEARER, timeout=20)
    assert answer.status_code == 200, answer.text
    return samples(answer.text)


def samples(text: str) -> Samples:
    families = text_string_to_metric_families(text)
    return {(one.name, tuple(sorted(one.labels.items()))): one.value for each in families for one in each.samples}


def of(found: Samples, name: str, **labels: str) -> float:
    return found[name, tuple(sorted(labels.items()))]


@pytest.fixture
def watched(server_environment: dict[str, str]) -> Iterator[Web]:
    with web({**server_environment, "TOWPATH_METRICS_TOKEN": TOKEN}) as running:
        yield running


def test_without_a_token_in_the_settings_there_is_no_such_address(server: Web) -> None:
    assert httpx.get(f"{server.url}/metrics").status_code == 404
    assert httpx.get(f"{server.url}/metrics", headers=BEARER).status_code == 404


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}"],
    ids=["none", "empty", "longer", "shorter", "another-scheme"],
)
def test_nobody_is_told_anything_without_the_right_token(watched: Web, header: str) -> None:
    answer = httpx.get(f"{watched.url}/metrics", headers={"authorization": header})

    assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"
    assert "towpath_" not in answer.text and TOKEN not in answer.text


def test_the_installation_is_told_as_the_database_knows_it(watched: Web) -> None:
    house = houses.house()
    app, environment = house.app(), house.environment("production")
    release = house.release(app, "1.0.0")
    house.live(release, environment)
    lifecycle.create(by=house.owner, name="waits", provisioner="external")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE environments_run SET created_at = now() - interval '90 s' WHERE phase = 'queued'")
    all_look()

    found = scraped(watched)

    assert of(found, "towpath_info", version=__version__) == 1
    assert of(found, "towpath_up", part="database") == of(found, "towpath_up", part="broker") == 1
    assert of(found, "towpath_environments", state="running") == 1
    assert of(found, "towpath_environments", state="pending") == 1
    assert of(found, "towpath_environments", state="error") == 0
    assert of(found, "towpath_runs", phase="queued", carried_by="control") == 1
    assert of(found, "towpath_runs", phase="running", carried_by="worker") == 0
    assert 89 < of(found, "towpath_run_oldest_queued_age_seconds", carried_by="control") < 150
    assert of(found, "towpath_run_oldest_queued_age_seconds", carried_by="worker") == 0
    assert of(found, "towpath_runs_ended_last_hour", kind="deploy", phase="succeeded") == 1
    assert of(found, "towpath_runs_ended_last_hour", kind="deploy", phase="failed") == 0
    assert of(found, "towpath_workers", status="alive") == 1 and of(found, "towpath_workers", status="lost") == 0
    assert of(found, "towpath_slots", condition="ok") == 1 and of(found, "towpath_slots", condition="drifted") == 0
    assert of(found, "towpath_holds") == 0
    assert of(found, "towpath_scheduler_round_age_seconds") < 30
    assert of(found, "towpath_control_look_age_seconds") < 30
    assert 0 < of(found, "towpath_disk_free_ratio") < 1
    assert of(found, "towpath_events_total") > 5


def test_it_takes_the_same_number_of_statements_however_much_there_is(transactional_db: None) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            vitals.read()
        return len(captured)

    empty = statements()
    for _ in range(3):
        house = houses.house()
        app, environment = house.app(), house.environment("production")
        house.live(house.release(app, "1.0.0"), environment)

    assert statements() == empty <= 11


def test_a_broker_and_a_database_that_are_dead_are_told_and_what_is_not_known_is_left_out(
    server_environment: dict[str, str],
) -> None:
    dead = {"DATABASE_URL": "postgresql://app:hush-hush@127.0.0.1:1/towpath", "REDIS_URL": "redis://127.0.0.1:1/0"}
    with web({**server_environment, **dead, "TOWPATH_METRICS_TOKEN": TOKEN}) as server:
        found = scraped(server)

    assert of(found, "towpath_up", part="database") == of(found, "towpath_up", part="broker") == 0
    assert not [name for name, _ in found if name in {"towpath_environments", "towpath_events_total"}]


def requests(found: Samples, door: str, status: str) -> float:
    return found.get(("towpath_http_request_duration_seconds_count", (("door", door), ("status", status))), 0)


def test_requests_are_counted_by_the_door_they_came_to_and_how_they_were_answered(watched: Web) -> None:
    owner = builders.owner_of(builders.organization())
    bearer = {"authorization": f"Bearer {builders.grant_token(owner)}"}
    before = scraped(watched)
    for path in ("/sign-in", "/api/v1/apps", "/api/v1/nothing", "/static/css/components.css", "/live"):
        httpx.get(f"{watched.url}{path}", headers=bearer)
    httpx.post(f"{watched.url}/api/v1/workers/me/renewals", json={})

    after = scraped(watched)

    more = {
        (door, status): requests(after, door, status) - requests(before, door, status)
        for door in ("page", "rest", "static", "stream", "worker")
        for status in ("2xx", "4xx", "5xx")
    }
    assert {key: count for key, count in more.items() if count} == {
        ("page", "2xx"): 1,
        ("rest", "2xx"): 1,
        ("rest", "4xx"): 1,
        ("static", "2xx"): 1,
        ("stream", "4xx"): 1,
        ("worker", "4xx"): 1,
    }
    assert requests(after, "health", "2xx") >= 1


def test_processes_on_one_socket_are_told_together_and_a_start_begins_at_nothing(
    server_environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOWPATH_METRICS_TOKEN", TOKEN)
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics" / "histogram_1.db").write_bytes(b"of an earlier start")
    shared = programs.counted(tmp_path)
    assert shared and list((tmp_path / "metrics").iterdir()) == []

    environment = {**server_environment, **shared, "TOWPATH_METRICS_TOKEN": TOKEN}
    with web(environment) as server:
        command = tied([sys.executable, "-m", "config.up.web"])
        beside = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=server.listener)
        try:
            until(lambda: len(list((tmp_path / "metrics").iterdir())) >= 1, 10)
            before = requests(scraped(server), "page", "2xx")

            def asked_by_both() -> bool:
                # Whoever is free takes a connection; each one that has counted has a file.
                httpx.get(f"{server.url}/sign-in")
                asked.append(1)
                return len(list((tmp_path / "metrics").glob("histogram_*"))) == 2

            asked: list[int] = []
            until(asked_by_both, 30)
            together = requests(scraped(server), "page", "2xx")
        finally:
            beside.kill()
            beside.wait(10)

    assert together - before == len(asked)


def test_only_the_control_planes_own_processes_learn_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOWPATH_METRICS_TOKEN", TOKEN)
    record = installation.Installation(
        **{"id": "x", "web": "127.0.0.1:8000", "address": "127.0.0.1", "postgres_port": 1, "valkey_port": 2},
        **dict.fromkeys(("endpoint_first", "endpoint_count", "service_first", "service_count", "uid_first"), 0),
    )

    basic = programs.basic_environment(record, tmp_path)
    ours = programs.server_programs(record, tmp_path, basic)

    assert TOKEN not in basic.values()
    assert all(TOKEN in program.environment.values() for program in ours)
    monkeypatch.delenv("TOWPATH_METRICS_TOKEN")
    (quiet, *_) = programs.server_programs(record, tmp_path, basic)
    assert "PROMETHEUS_MULTIPROC_DIR" not in quiet.environment and not (tmp_path / "metrics").exists()


def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load((ROOT / "deploy/alerts.yaml").read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


def test_every_metric_and_label_that_an_alert_asks_for_exists(watched: Web) -> None:
    all_look()
    httpx.get(f"{watched.url}/sign-in")
    # A control plane without environments beside it has no host.
    there: dict[str, set[str]] = {"towpath_host_lease_remaining_seconds": {"host"}, "up": {"job"}}
    values: dict[tuple[str, str], set[str]] = {}
    for name, labels in scraped(watched):
        there.setdefault(name, set()).update(label for label, _ in labels)
        for label, value in labels:
            values.setdefault((name, label), set()).add(value)

    assert len(rules()) >= 10
    for rule in rules():
        asked = re.findall(r"\b(towpath_\w+|up)\b(?:\{([^}]*)\})?", rule["expr"])
        assert asked, rule["alert"]
        for name, selector in asked:
            assert name in there, f"{rule['alert']} asks for {name}"
            for label, how, value in re.findall(r'(\w+)(=~|!=|=)"([^"]*)"', selector):
                assert label in there[name], f"{rule['alert']} asks for {name} by {label}"
                known = values.get((name, label), set())
                # Nor has it a proxy.
                if known and how == "=" and label != "status" and value != "proxy":
                    assert value in known, f"{rule['alert']}: {value} is no {label} of {name}"


def test_every_alert_says_how_bad_it_is_and_what_to_do() -> None:
    document = (ROOT / "docs/observability.md").read_text()
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    for rule in rules():
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"].endswith(".")
        assert f"`{rule['alert']}`" in document, "the document says what to do"


def test_every_metric_stands_in_the_document(watched: Web) -> None:
    all_look()
    document = (ROOT / "docs/observability.md").read_text()
    answer = httpx.get(f"{watched.url}/metrics", headers=BEARER).text
    names = set(re.findall(r"^# TYPE (\w+) ", answer, re.M)) - {"towpath_http_request_duration_seconds_created"}

    assert len(names) > 12
    assert {name for name in names if f"`{name}" not in document} == set()
