"""`make pictures`: take the pictures of docs/screenshots anew, of a real server and a day in the life of ten apps."""

import hashlib
import os
from datetime import timedelta
from typing import Any

from tests import browsers, database, servers

servers.start()
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"

import django  # noqa: E402

django.setup()

from django.conf import settings  # noqa: E402
from django.db import connections  # noqa: E402
from django.urls import reverse  # noqa: E402
from django.utils import timezone  # noqa: E402
from playwright.sync_api import Page, sync_playwright  # noqa: E402

from config.env import ROOT  # noqa: E402
from environments.delivery import deployments, holds  # noqa: E402
from environments.doing import observing, service_logs  # noqa: E402
from environments.models import DeploymentKind, Environment, Run, Slot  # noqa: E402
from environments.planning import plans  # noqa: E402
from environments.runs import logs, steps  # noqa: E402
from projects import access  # noqa: E402
from projects.models import App, Release, Role, User  # noqa: E402
from tests import builders  # noqa: E402
from tests.doors.visiting import signed_in  # noqa: E402
from tests.doors.web import web  # noqa: E402
from tests.environments.house import House  # noqa: E402

TARGET = ROOT / "docs" / "screenshots"
STAGES = ("development", "staging", "production-us", "production-eu")
# Of each app its versions, and which of them is live in each stage: an index, or None where there is nothing of it.
APPS: dict[str, dict[str, tuple[list[str], list[int | None]]]] = {
    "Payments": {
        "checkout-api": (["4.16.2", "4.17.0", "4.19.0", "4.20.0"], [3, 2, 0, 0]),
        "fraud-scoring": (["1.7.3", "1.8.0"], [1, 0, 0, 0]),
        "ledger": (["2.29.4", "2.30.0", "2.30.1", "2.31.0"], [3, 3, 2, 0]),
        "payout-worker": (["1.32.5", "1.33.0"], [1, 1, 0, 0]),
        "refunds": (["2.4.5", "2.5.0"], [1, 1, 1, 0]),
    },
    "Platform": {
        "api-gateway": (["5.25.5", "5.26.0"], [0, 0, 0, 0]),
        "edge-proxy": (["3.20.2", "3.21.0", "3.22.1"], [2, 2, 0, 0]),
        "feature-flags": (["5.12.1", "5.13.6"], [1, 0, 0, 0]),
    },
    "Web": {
        "help-center": (["1.4.0", "1.5.0"], [1, 1, 1, None]),
        "storefront": (["7.2.0", "7.3.0", "7.3.1"], [2, 2, 2, 2]),
    },
}
CHANGES = ["Round refunds half to even", "Ask the bank at most three times", "Leave closed books closed"]
LOG = [
    ("note", "Step 1: Fetch"),
    ("out", "ledger-2.31.0.tar.gz: 8.4 MB, checksum as recorded"),
    ("note", "Step 2: install"),
    ("out", "Collecting the 41 packages of requirements.lock"),
    ("out", "Using cached wheels for 39 of them"),
    ("out", "Building wheel for ledger-core (2 of 2)"),
    ("err", "warning: ledger-core declares no classifier for its licence"),
    ("out", "Installed 41 packages"),
]


class Day:
    """What has happened to the apps by the time the pictures are taken."""

    def __init__(self) -> None:
        owner = User.objects.create_user("owner", password=builders.PASSWORD)
        organization = builders.organization(owner, called="Larkfield")
        self.house = House(organization, access.of_user(owner, organization))
        self.owner = self.house.owner
        self.hands = [self.house.token(Role.OWNER, name=name) for name in ("release-ci", "deploy-bot")]
        titles = ("Development", "Staging", "Production US", "Production EU")
        self.places = [
            self.house.environment(name, display_name=title, protected=name.startswith("production"))
            for name, title in zip(STAGES, titles, strict=True)
        ]
        self.house.environment("load-test", tags=["perf"])
        Environment.objects.update(created_at=timezone.now() - timedelta(days=40))
        self.house.chain(*STAGES)
        self.apps: dict[str, App] = {}
        for project, apps in APPS.items():
            made = self.house.project(project.upper()[:4].removesuffix("M"))
            type(made).objects.filter(pk=made.pk).update(name=project)
            for name, (versions, live) in apps.items():
                self._app(self.house.app(name, project=made), versions, live)
        self._aged()
        self._observed()
        self._eventful()

    def _app(self, app: App, versions: list[str], live: list[int | None]) -> None:
        self.apps[app.name] = app
        for number, version in enumerate(versions):
            self.house.owner = self.hands[number % 2]
            commit = hashlib.sha1(f"{app.name} {version}".encode(), usedforsecurity=False).hexdigest()[:7]
            self.house.release(app, version, commit=commit, changes=CHANGES[: 1 + number % 3])
        for number in range(len(versions)):  # oldest first, so that each place has an earlier one to go back to
            for place, last in zip(self.places, live, strict=True):
                if last is not None and number <= last and number >= last - 1:
                    self.house.live(self._release(app, versions[number]), place)
        self.house.owner = self.owner

    def _release(self, app: App, version: str) -> Release:
        return app.releases.get(version=version)

    def _planned(self, app: str, version: str, place: Environment) -> Any:
        plan = plans.propose(
            by=self.hands[0], release=self._release(self.apps[app], version), environment=place, bypass=True,
            reason="The books of the quarter close tonight",
        )  # fmt: skip
        return deployments.carry_out(plan, by=self.hands[0], confirm=place.name)

    def _aged(self) -> None:
        """It has taken hours and days, not seconds."""
        for number, slot in enumerate(Slot.objects.order_by("app__name", "environment__name")):
            age = timedelta(minutes=(7, 55, 190, 26 * 60, 3 * 24 * 60, 6 * 24 * 60)[number % 6] + number)
            Slot.objects.filter(pk=slot.pk).update(live_since=timezone.now() - age)

    def _observed(self) -> None:
        for place in self.places:
            seen = []
            for number, slot in enumerate(Slot.objects.filter(environment=place, live__isnull=False).order_by("pk")):
                service = {
                    "name": "web", "state": "running", "pid": 400 + number, "port": 20000 + number, "restarts": 0,
                    "cpu": 0.02 + 0.03 * number, "memory": 4.8e7 + 1.1e7 * number,
                }  # fmt: skip
                seen.append(
                    {"app_id": str(slot.app_id), "deployment_id": str(slot.live_id), "number": 1, "services": [service]}
                )
            for share in (0.2, 0.3, 0.25, 0.4, 0.35):
                resources = {"cpu": share, "memory": 610_000_000 * (1 + share), "storage": 2_100_000_000}
                observing.observe(self.house.workers[place.id], {"slots": seen, "resources": resources, "missing": []})

    def _eventful(self) -> None:
        """One has failed, one was rolled back, one is held, and two are on their way."""
        self.house.ended(
            self._planned("fraud-scoring", "1.8.0", self.places[1]), "failed", "web was not healthy in 60s"
        )
        back = plans.propose(
            by=self.hands[1], app=self.apps["refunds"], environment=self.places[2], kind=DeploymentKind.ROLLBACK,
            reason="Refunds of gift cards are doubled",
        )  # fmt: skip
        self.house.ended(deployments.carry_out(back, by=self.hands[1], confirm=self.places[2].name))
        holds.place(self.apps["edge-proxy"], self.places[3], by=self.owner, reason="Certificates change on Thursday")
        self._begun("api-gateway", "5.26.0", self.places[0])
        self.moving = self._begun("ledger", "2.31.0", self.places[2])
        place = self.places[2]
        told = [line(stream, text) for stream, text in LOG]
        logs.append(self.moving.id, self.moving.attempt, self.house.workers[place.id], 0, told)
        shown = Slot.objects.get(app=self.apps["ledger"], environment=place)
        chunk = {"app_id": str(shown.app_id), "service": "web", "deployment_id": str(shown.live_id), "offset": 0}
        paths = ("/books/2026-q3", "/accounts/7101", "/health", "/accounts/7102", "/entries", "/health")
        answers = [line("out", f'"GET {path} HTTP/1.1" 200 {17 + 31 * n}') for n, path in enumerate(paths)]
        service_logs.take_in(self.house.workers[place.id], [chunk | {"lines": answers}])

    def _begun(self, app: str, version: str, place: Environment) -> Run:
        run = self.house.claimed(self._planned(app, version, place))
        worker = self.house.workers[place.id]
        for step in (
            steps.Report(n=1, name="Fetch", phase="succeeded", detail="8.4 MB, checksum as recorded"),
            steps.Report(n=2, name="install", phase="succeeded", exit_code=0),
            steps.Report(n=3, name="Start web", phase="running", detail="asked for / until it answers"),
        ):
            steps.report(run.id, run.attempt, worker, step)
        return run


def line(stream: str, text: str) -> dict[str, Any]:
    return {"text": text, "stream": stream, "step": 1, "at": timezone.now().isoformat(timespec="milliseconds")}


def take(page: Page, url: str, day: Day) -> None:
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme="dark" if theme == "dark" else "light", reduced_motion="reduce")
        for name, address in (
            ("board", reverse("board")),
            ("environment", reverse("environment", args=[day.places[2].pk])),
            ("run", reverse("run", args=[day.moving.pk])),
            ("sheet", reverse("board")),
        ):
            page.goto(url + address)
            page.get_by_role("status").filter(has_text="Live").first.wait_for()
            if name == "sheet":
                page.get_by_role("link", name="Promote checkout-api 4.19.0 to Production US").click()
                page.locator("#sheet .plan").wait_for()
            page.wait_for_timeout(400)
            page.screenshot(path=TARGET / f"{name}-{theme}.png")


def main() -> None:
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    database.clone("pictures")
    day = Day()
    name = connections["default"].settings_dict["NAME"]
    environment = {
        **{key: os.environ[key] for key in ("PATH", "TOWPATH_HOME", "TOWPATH_TESTING", "REDIS_URL")},
        "LANG": "C.UTF-8",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": os.environ["DATABASE_URL"].rpartition("/")[0] + f"/{name}",
    }
    with web(environment) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browsers.chromium(), args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        cookie = settings.SESSION_COOKIE_NAME
        value = signed_in(day.owner).cookies[cookie].value
        context.add_cookies([{"name": cookie, "value": value, "url": server.url}])
        take(context.new_page(), server.url, day)
        browser.close()
    print(f"Taken: {', '.join(sorted(one.name for one in TARGET.glob('*.png')))}")


if __name__ == "__main__":
    main()
