"""Configuration by API alone, on a real installation: what a process is given is what explain says, in every state."""

import base64
from typing import Any
from urllib.parse import quote

import psutil
import pytest

from tests.journeys.installation import Installation, wait_until
from tests.journeys.test_story_by_api import Operator, _active, promote, succeeded

pytestmark = pytest.mark.timeout(400)

FIRST, SECOND = "planted-otter/1+one", "planted-heron/2+two"
MANIFEST = """\
steps:
  - {name: tell, run: "echo token is $TOKEN; printf %s \\"$TOKEN\\" | base64; echo level is $LOG_LEVEL"}
services:
  - {name: web, run: "python3 -m http.server $PORT --bind 127.0.0.1"}
requires:
  variables: [{name: LIMIT, type: number}]
  secrets: [TOKEN]
"""


class Configured(Operator):
    def set(self, key: str, value: str, **scope: str) -> dict[str, Any]:
        return dict(self.post("/variables", key=key, value=value, **scope))

    def change(self, kind: str, entry: dict[str, Any], value: str) -> None:
        self._answer(self.client.patch(f"/{kind}/{entry['id']}", json={"value": value}))

    def resolved(self, app: dict[str, Any], environment: dict[str, Any], **query: Any) -> dict[str, str]:
        path = f"/execution-environment/apps/{app['id']}/resolved"
        return dict(self.get(path, environment=environment["id"], **query))

    def log(self, deployment: dict[str, Any]) -> str:
        return str(self.client.get(f"/runs/{deployment['run_id']}/logs").text)


def running(app: dict[str, Any], environment: dict[str, Any]) -> dict[str, str]:
    """The real environment of the one process that serves the app there."""

    def found() -> dict[str, str] | None:
        serving = []
        for process in psutil.process_iter():
            try:
                words, environ = process.cmdline(), process.environ()
            except psutil.Error:
                continue
            here = (environ.get("TOWPATH_APP"), environ.get("TOWPATH_ENVIRONMENT")) == (
                app["name"],
                environment["name"],
            )
            if here and "http.server" in words and "-m" in words:
                serving.append(environ)
        versions = {one["TOWPATH_RUN"] for one in serving}
        return serving[0] if len(versions) == 1 else None

    return dict(wait_until(found, 60, "one deployment of the app that serves"))


def given(environ: dict[str, str], keys: Any) -> dict[str, str]:
    return {key: environ[key] for key in keys if key in environ}


def test_what_a_process_is_given_is_what_explain_says_in_every_state(installation: Installation) -> None:
    with installation.client() as client:
        operator = Configured(client)
        stages = [{"name": name.title(), "environments": [name]} for name in ("development", "staging", "production")]
        operator.post("/chains", name="Default", stages=stages, create_missing=True)
        environments = wait_until(lambda: _active(operator), 90, "three environments with a worker each")
        development = environments["development"]
        project = operator.post("/projects", name="Shop", key="SHOP")
        app = operator.post("/apps", project_id=project["id"], name="api")
        one, two = (
            operator.post(f"/apps/{app['id']}/releases", version=version, manifest=MANIFEST)
            for version in ("1.0", "2.0")
        )
        here = {"environment_id": development["id"]}

        operator.set("LOG_LEVEL", "error")
        operator.set("LOG_LEVEL", "info", project_id=project["id"])
        level = operator.set("LOG_LEVEL", "debug", app_id=app["id"], **here)
        operator.set("URL", "https://me:{{.secret.TOKEN}}@{{HOST}}/", project_id=project["id"])
        operator.set("HOST", "db.internal", **here)

        lacking = client.post("/promotions", json={"release_id": one["id"], "environment_id": development["id"]})
        assert lacking.status_code == 409 and lacking.json()["code"] == "blocked"
        assert "TOKEN: the secret is not set" in lacking.text and "LIMIT" in lacking.text
        operator.set("LIMIT", "12", app_id=app["id"])
        token = operator.post("/secrets", key="TOKEN", value=FIRST, **here)

        deployment = promote(operator, app, one, development)
        succeeded(operator, deployment)
        expected = operator.resolved(app, development, reveal="true")
        assert expected == {
            "LOG_LEVEL": "debug",
            "HOST": "db.internal",
            "LIMIT": "12",
            "TOKEN": FIRST,
            "URL": f"https://me:{FIRST}@db.internal/",
        }
        assert given(running(app, development), expected) == expected
        masked = operator.resolved(app, development)
        assert masked["TOKEN"] == masked["URL"] == "••••••••" and masked["HOST"] == "db.internal"
        log = operator.log(deployment)
        assert "level is debug" in log and "token is •••" in log and not leaked(log)

        operator.change("variables", level, "warn")
        operator.change("secrets", token, SECOND)
        wait_until(lambda: operator.cell("api", development["id"])["overtaken"] == 3, 30, "three changes not running")
        assert given(running(app, development), expected) == expected, "nothing changes under what runs"
        again = operator.post("/promotions", app_id=app["id"], release_id=one["id"], environment_id=development["id"])
        succeeded(operator, again)
        newer = operator.resolved(app, development, reveal="true")
        assert newer["LOG_LEVEL"] == "warn" and newer["TOKEN"] == SECOND
        assert given(running(app, development), newer) == newer
        assert operator.cell("api", development["id"])["overtaken"] == 0

        succeeded(operator, promote(operator, app, two, development))
        where = {"app_id": app["id"], "environment_id": development["id"]}
        back = operator.post("/rollbacks", **where, to_deployment_id=deployment["id"])
        succeeded(operator, back)
        assert given(running(app, development), expected) == expected, "release and configuration are back"

        operator.post(f"/secrets/{token['id']}/versions/1/revocation", destroy=True)
        plan = operator.post(
            "/plans", **where, kind="redeploy", configuration="of_deployment", to_deployment_id=deployment["id"]
        )
        gate = next(gate for gate in plan["gates"] if gate["code"] == "configuration")
        assert "kept current: TOKEN v2, v1 is revoked" in gate["sentence"]

        assert not leaked(
            operator.log(again) + str(operator.get("/events")) + str(operator.get("/secrets")) + str(plan)
        )
        for folder in ("postgres", "valkey", "logs", "caddy", "supervisor"):
            for file in (installation.home / folder).rglob("*"):
                if file.is_file():
                    assert not leaked(file.read_bytes().decode("latin-1")), file


def leaked(text: str) -> list[str]:
    forms = [form for value in (FIRST, SECOND) for form in (value, quote(value, safe=""), _core(value))]
    return [form for form in forms if form in text]


def _core(value: str) -> str:
    """What of its base64 does not hang on what stands around it."""
    return base64.b64encode(value.encode()).decode().rstrip("=")[:-2]
