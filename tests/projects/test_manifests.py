"""A manifest is read with its defaults, and every error names its line and field."""

import pytest

from projects import manifests
from projects.errors import Invalid

WHOLE = """
steps:
  - {name: install, run: "python3 -m venv .venv", timeout: 10m}
  - {name: migrate, run: ./migrate, once: true, env: {MODE: 1.10}}
services:
  - {name: web, run: "serve --port $PORT", health: {http: /-/versions.json, within: 60s}, stop_timeout: 10s}
  - {name: queue, run: work, port: false}
requires: {variables: [], secrets: []}
"""


def errors_of(source) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        manifests.parse(source)
    return {error["field"]: error["message"] for error in caught.value.errors}


def test_a_whole_manifest_becomes_its_checked_form():
    checked = manifests.parse(WHOLE)
    assert checked["steps"] == [
        {"n": 1, "name": "install", "run": "python3 -m venv .venv", "timeout": 600, "env": {}, "once": False},
        {"n": 2, "name": "migrate", "run": "./migrate", "timeout": 600, "env": {"MODE": "1.10"}, "once": True},
    ]
    web, queue = checked["services"]
    assert web["health"] == {"type": "http", "path": "/-/versions.json", "within": 60}
    assert (web["port"], web["stop_timeout"]) == (True, 10)
    assert (queue["port"], queue["health"]) == (False, None)
    assert checked["requires"] == {"variables": [], "secrets": []}


def test_json_text_and_a_parsed_object_mean_the_same_as_yaml():
    row = {"services": [{"name": "web", "run": "serve"}]}
    text = '{"services": [{"name": "web", "run": "serve"}]}'
    assert manifests.parse(row) == manifests.parse(text)


def test_a_service_with_a_port_is_checked_by_tcp_unless_it_says_otherwise():
    service = manifests.parse({"services": [{"name": "web", "run": "serve"}]})["services"][0]
    assert service["health"] == {"type": "tcp", "within": 60}
    service = manifests.parse({"services": [{"name": "web", "run": "x", "health": {"command": "./ok"}}]})["services"][0]
    assert service["health"] == {"type": "command", "run": "./ok", "within": 60}


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10m", 600), ("1h", 3600), ("1h30m", 5400), ("45", 45), (45, 45)]
)
def test_times_are_said_in_seconds_minutes_and_hours(text, seconds):
    assert manifests.parse({"steps": [{"name": "a", "run": "b", "timeout": text}]})["steps"][0]["timeout"] == seconds


@pytest.mark.parametrize("text", ["", "soon", "1.5h", "-3s", "0s", "25h", True, [], "9" * 30, "\u0661\u0660s"])
def test_a_time_that_is_none_is_refused(text):
    assert list(errors_of({"steps": [{"name": "a", "run": "b", "timeout": text}]})) == ["manifest.steps[0].timeout"]


def test_every_error_is_told_at_once_with_its_line():
    found = errors_of(
        "steps:\n"
        "  - {name: install, run: 7}\n"
        "  - {run: b, tiemout: 3s}\n"
        "services:\n"
        "  - name: Web\n"
        "    run: serve\n"
        "    health: {http: versions, within: never}\n"
        "surprise: 1\n"
    )
    assert found["manifest.steps[0].run"] == "line 2: must be text; put quotes around it"
    assert found["manifest.steps[1].name"].startswith("line 3: is missing")
    assert found["manifest.steps[1].tiemout"].startswith("line 3: is not known here")
    assert found["manifest.services[0].name"].startswith("line 5:")
    assert found["manifest.services[0].health.http"].startswith("line 7: must be a path")
    assert found["manifest.services[0].health.within"].startswith("line 7: must be a time")
    assert found["manifest.surprise"].startswith("line 8: is not known here")


def test_what_a_release_requires_is_a_name_or_a_name_with_type_and_pattern():
    source = """
steps: [{name: a, run: b}]
requires:
  variables: [REGION, {name: WORKERS, type: number}, {name: HOST, pattern: "[a-z.]+"}]
  secrets: [TOKEN]
"""
    assert manifests.parse(source)["requires"] == {
        "variables": [
            {"name": "REGION", "type": "text", "pattern": ""},
            {"name": "WORKERS", "type": "number", "pattern": ""},
            {"name": "HOST", "type": "text", "pattern": "[a-z.]+"},
        ],
        "secrets": [{"name": "TOKEN", "type": "text", "pattern": ""}],
    }


def test_what_cannot_be_required_is_named_with_its_line():
    found = errors_of(
        """steps: [{name: a, run: b}]
requires:
  variables:
    - PATH
    - {name: A, type: colour}
    - {name: B, pattern: "(x"}
    - {type: text}
    - {name: C, surprise: 1}
  secrets: [A]
"""
    )
    assert {field.removeprefix("manifest.requires."): message[:6] for field, message in found.items()} == {
        "variables[0]": "line 4",
        "variables[1].type": "line 5",
        "variables[2].pattern": "line 6",
        "variables[3].name": "line 7",
        "variables[4].surprise": "line 8",
        "secrets[0]": "line 9",
    }


def test_two_steps_or_services_of_one_name_are_refused():
    assert "manifest.services[1].name" in errors_of(
        {"services": [{"name": "a", "run": "x"}, {"name": "a", "run": "y"}]}
    )


@pytest.mark.parametrize("name", ["PATH", "LD_PRELOAD", "TOWPATH_TOKEN", "PYTHONPATH", "bad-name", "9A", "PORT"])
def test_reserved_variables_are_refused(name):
    assert f"manifest.steps[0].env.{name}" in errors_of({"steps": [{"name": "a", "run": "b", "env": {name: "x"}}]})


def test_ordinary_variables_of_interpreters_may_be_set():
    env = {
        "PYTHONUNBUFFERED": "1",
        "DJANGO_SETTINGS_MODULE": "a.b",
        "TZ": "UTC",
        "NODE_ENV": "production",
        "debug": True,
    }
    step = manifests.parse({"steps": [{"name": "a", "run": "b", "env": env}]})["steps"][0]
    assert step["env"] == {**env, "debug": "true"}


def test_a_manifest_without_steps_and_services_is_refused():
    assert errors_of("{}") == {"manifest": "line 1: names neither steps nor services; give at least one"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "just words",
        "- a list",
        "steps: [",
        "a: &x 1\nb: *x",
        "steps: []\n---\nsteps: []",
        "steps: []\nsteps: []",
        "[" * 5000,
        "? [a]\n: b",
        "!!python/object/apply:os.system ['true']",
        "\x00",
        "x" * 300_000,
        'steps: [{name: a, run: "\\U00110000"}]',
        'steps: [{name: a, run: "\\UFFFFFFFF"}]',
        'steps: [{name: a, run: "true", env: {A: "\\ud800"}}]',
        'steps: [{name: a, run: "\\ud800"}]',
        '"\\ud800": 1',
    ],
)
def test_what_cannot_be_a_manifest_is_refused_and_never_breaks(text):
    assert errors_of(text)


def test_one_kind_of_health_and_only_where_there_is_a_port():
    both = {"services": [{"name": "a", "run": "x", "health": {"http": "/", "command": "y"}}]}
    assert "manifest.services[0].health" in errors_of(both)
    portless = {"services": [{"name": "a", "run": "x", "port": False, "health": {"http": "/"}}]}
    assert "manifest.services[0].health" in errors_of(portless)
