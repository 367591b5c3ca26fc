"""The whole story by API alone: a chain, an app, three releases; deploy, promote, fail without harm, roll back."""

from typing import Any

import httpx
import pytest

from tests.journeys.installation import Installation, Load, wait_until

pytestmark = pytest.mark.timeout(540)

MANIFEST = """\
steps:
  - {name: install, run: "python3 -m venv .venv && .venv/bin/pip install -q datasette==$TOWPATH_VERSION", timeout: 5m}
services:
  - {name: web, run: ".venv/bin/datasette serve --port $PORT", health: {http: /-/versions.json, within: 60s}}
"""
OLD, NEW, MISSING = "0.64.8", "0.65", "0.0.99999"


class Operator:
    """Speaks the API in the story's words."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def get(self, path: str, **query: Any) -> Any:
        return self._answer(self.client.get(path, params=query))

    def post(self, path: str, **body: Any) -> Any:
        return self._answer(self.client.post(path, json=body))

    @staticmethod
    def _answer(answer: httpx.Response) -> Any:
        assert answer.status_code < 300, f"{answer.request.method} {answer.url}: {answer.status_code} {answer.text}"
        return answer.json()

    def finished(self, deployment: dict[str, Any]) -> dict[str, Any]:
        def ended() -> Any:
            found = self.get(f"/runs/{deployment['run_id']}")
            return found if found["phase"] not in ("queued", "running") else None

        return wait_until(ended, 180, f"the end of {deployment['kind']} {deployment['version']}")

    def cell(self, app: str, environment_id: str) -> dict[str, Any]:
        board = self.get("/board")
        row = next(row for row in board["rows"] if row["app"]["name"] == app)
        return next(cell for cell in row["cells"] if cell["environment_id"] == environment_id)


def version_at(url: str) -> str:
    return str(httpx.get(f"{url}/-/versions.json", timeout=10).json()["datasette"]["version"])


def test_a_release_travels_from_development_to_production_and_back(installation: Installation) -> None:
    with installation.client() as client:
        operator = Operator(client)
        stages = [{"name": name.title(), "environments": [name]} for name in ("development", "staging", "production")]
        operator.post("/chains", name="Default", stages=stages, create_missing=True)
        environments = wait_until(lambda: _active(operator), 90, "three environments with a worker each")
        development, staging, production = (environments[stage["environments"][0]] for stage in stages)

        project = operator.post("/projects", name="Data", key="DATA")
        app = operator.post("/apps", project_id=project["id"], name="datasette")
        old, new, missing = (
            operator.post(f"/apps/{app['id']}/releases", version=version, manifest=MANIFEST)
            for version in (OLD, NEW, MISSING)
        )

        urls = {}
        for environment in (development, staging, production):
            deployment = promote(operator, app, old, environment)
            succeeded(operator, deployment)
            urls[environment["id"]] = endpoint(operator, environment)
            assert version_at(urls[environment["id"]]) == OLD
            assert operator.cell("datasette", environment["id"])["release"]["version"] == OLD

        with Load(f"{urls[production['id']]}/-/versions.json") as load:
            for environment in (development, staging, production):
                succeeded(operator, promote(operator, app, new, environment))
                assert version_at(urls[environment["id"]]) == NEW

            failed = operator.finished(promote(operator, app, missing, development))
            assert failed["phase"] == "failed"
            assert "install" in failed["reason"]
            assert version_at(urls[development["id"]]) == NEW, "what ran before is untouched"
            assert operator.cell("datasette", development["id"])["release"]["version"] == NEW

            rollback = operator.post(
                "/rollbacks",
                app_id=app["id"],
                environment_id=production["id"],
                confirm="production",
                reason="the journey goes back",
            )
            succeeded(operator, rollback)
            assert version_at(urls[production["id"]]) == OLD
        assert load.failures == []
        assert load.answered > 100
        assert endpoint(operator, production) == urls[production["id"]], "an address is for life"
        assert operator.cell("datasette", production["id"])["hold"], "a rollback leaves a hold"

        held = client.post(
            "/promotions",
            json={
                "app_id": app["id"],
                "release_id": new["id"],
                "environment_id": production["id"],
                "confirm": "production",
            },
        )
        assert held.status_code == 409, "a token keeps its hands off what was rolled back"
        assert held.json()["code"] == "held"

        removal = operator.post("/removals", app_id=app["id"], environment_id=staging["id"])
        succeeded(operator, removal)
        assert operator.get("/endpoints", environment=staging["id"]) == []


def _active(operator: Operator) -> dict[str, dict[str, Any]] | None:
    found = {one["name"]: one for one in operator.get("/environments")}
    broken = {name: one["error_message"] for name, one in found.items() if one["status"] == "error"}
    assert not broken, broken
    wanted = {"development", "staging", "production"}
    ready = wanted <= found.keys() and all(found[name]["status"] == "active" for name in wanted)
    return found if ready else None


def promote(operator: Operator, app: Any, release: Any, environment: Any) -> dict[str, Any]:
    made = operator.post(
        "/promotions",
        app_id=app["id"],
        release_id=release["id"],
        environment_id=environment["id"],
        confirm=environment["name"],
        reason="the journey goes on",
    )
    return dict(made)


def endpoint(operator: Operator, environment: Any) -> str:
    found = operator.get("/endpoints", environment=environment["id"])
    return str(found[0]["url"])


def succeeded(operator: Operator, deployment: dict[str, Any]) -> None:
    run = operator.finished(deployment)
    assert run["phase"] == "succeeded", run
