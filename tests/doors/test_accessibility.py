"""Every main page in a real browser, in both themes, wide and narrow: nothing that an accessibility check finds,
nothing that scrolls sideways, nothing that the policy forbids."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from environments.delivery import deployments, holds
from environments.doing import observing, service_logs
from environments.models import Environment, Run, RunKind, Slot, State
from environments.planning import plans
from environments.runs import logs, steps
from projects import grants, invitations, memberships, passwords, tokens
from projects.models import App
from tests.doors.web import Web
from tests.environments.house import MANIFEST, House

pytestmark = pytest.mark.timeout(300)
LONG = "a-name-that-somebody-made-as-long-as-the-form-allows-and-a-little-longer-than-that-still-fits-1"
LINE = "x" * 400 + " and words after it"


@pytest.fixture
def places(harbour: House) -> list[Environment]:
    names = ("development", "staging", "production")
    found = [harbour.environment(name, display_name=name.title()) for name in names]
    Environment.objects.filter(pk=found[2].pk).update(protected=True)
    harbour.chain(*names)
    return found


@pytest.fixture
def app(harbour: House, places: list[Environment]) -> App:
    """Live in all three, held in one, failing in another, with services that were seen and that wrote."""
    made = harbour.app("ledger")
    other = MANIFEST.replace("serve --port", f"serve --like {'x' * 300} --port")
    first = harbour.release(made, "1.0", manifest=other)
    second = harbour.release(made, "1.1", notes=LINE, changes=[LINE])
    for place in places:
        deployment = harbour.live(first, place)
        service = {"name": "web", "state": "running", "pid": 1, "port": 20000, "restarts": 0, "cpu": 0.1, "memory": 1e7}
        slot = {"app_id": str(made.id), "deployment_id": str(deployment.id), "number": 1, "services": [service]}
        resources = {"cpu": 0.1, "memory": 10_000_000, "storage": 1}
        observing.observe(harbour.workers[place.id], {"slots": [slot], "resources": resources, "missing": []})
        chunk = {"app_id": str(made.id), "service": "web", "deployment_id": str(deployment.id), "offset": 0}
        service_logs.take_in(harbour.workers[place.id], [chunk | {"lines": [line(LINE), line("two", "err")]}])
    plan = plans.propose(by=harbour.owner, release=second, environment=places[0])
    harbour.ended(deployments.carry_out(plan, by=harbour.owner), "failed", f"web was not healthy: {LINE}")
    holds.place(made, places[2], by=harbour.owner, reason=LINE)
    return made


def line(words: str, stream: str = "out") -> dict[str, Any]:
    return {"text": words, "stream": stream, "step": 1, "at": "2026-01-01T10:00:00.000Z"}


@pytest.fixture
def in_motion(harbour: House, app: App, places: list[Environment]) -> Run:
    """A promotion on its way to staging: one step done, one under way, with a log."""
    release = harbour.release(app, "1.2")
    plan = plans.propose(by=harbour.owner, release=release, environment=places[1], bypass=True, reason="a test")
    run = harbour.claimed(deployments.carry_out(plan, by=harbour.owner))
    worker = harbour.workers[places[1].id]
    steps.report(run.id, run.attempt, worker, steps.Report(n=1, name="Fetch", phase="succeeded", detail=LINE))
    steps.report(run.id, run.attempt, worker, steps.Report(n=2, name="install", phase="running", detail="half"))
    logs.append(run.id, run.attempt, worker, 0, [line("Step 1: Fetch", "note"), line(LINE), line("careful", "err")])
    return run


@pytest.fixture
def troubled(harbour: House) -> list[Environment]:
    """One in error, one stopped, one with a very long name that is being provisioned, one on a disk that is full."""
    broken, resting, long, full = (harbour.environment(name) for name in ("broken", "resting", LONG, "full"))
    disk = {"free": 1_000_000, "total": 100_000_000}
    observing.observe(harbour.workers[full.id], {"slots": [], "resources": {"disk": disk}})
    Environment.objects.filter(pk=broken.pk).update(state=State.ERROR, error_message=f"The host is full: {LINE}")
    Environment.objects.filter(pk=resting.pk).update(state=State.STOPPED)
    Environment.objects.filter(pk=long.pk).update(state=State.PROVISIONING, tags=["north", "a-longer-tag"])
    provision = Run.objects.get(environment=long, kind=RunKind.PROVISION)
    Run.objects.filter(pk=provision.pk).update(phase="running", finished_at=None)
    return [broken, resting, long, full]


@pytest.fixture
def people(harbour: House, app: App, places: list[Environment]) -> None:
    """A member with two roles, one who is deactivated, an open invitation and tokens, all with long names."""
    harbour.person("operator", name="ada" + LONG)
    ada = memberships.find(harbour.owner, "ada" + LONG)
    grants.give(ada, by=harbour.owner, role="operator", project=app.project, environment_id=places[2].id)
    gone = harbour.person("viewer")
    memberships.deactivate(memberships.find(harbour.owner, gone.user.username), by=harbour.owner)
    invitations.invite(by=harbour.owner, role="admin", email=f"{'a' * 60}@example.org")
    tokens.create(by=harbour.owner, name=LONG, role="operator", environment_ids=[place.id for place in places])


@pytest.mark.parametrize("width", [1440, 390])
def test_every_main_page_is_accessible(
    browser: Browser,
    page: Page,
    server: Web,
    harbour: House,
    app: App,
    places: list[Environment],
    in_motion: Run,
    troubled: list[Environment],
    people: None,
    width: int,
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        storage_state=page.context.storage_state(),  # type: ignore[arg-type]
    )
    looked = context.new_page()
    looked.set_default_timeout(10000)
    complaints: list[str] = []
    looked.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    looked.on("pageerror", lambda error: complaints.append(str(error)))
    failed = Run.objects.get(environment=places[0], kind=RunKind.DEPLOY, phase="failed")
    release = app.releases.latest("serial")

    found: list[str] = []
    for address in [
        "/",
        "/chain",
        "/environments",
        "/environments?q=nothing",
        *(reverse("environment", args=[place.id]) for place in [*places, *troubled]),
        reverse("environment-deletion", args=[places[0].id]),
        reverse("environment-settings", args=[places[0].id]),
        reverse("environment-holds", args=[places[0].id]) + f"?app={app.id}",
        reverse("environment-new"),
        reverse("run", args=[in_motion.id]),
        reverse("run", args=[failed.id]),
        reverse("projects"),
        reverse("project", args=[app.project_id]),
        reverse("app", args=[app.id]),
        reverse("release", args=[release.id]),
        reverse("release-comparison", args=[app.id]) + "?from=1.0&to=1.1",
        reverse("release-comparison", args=[app.id]) + "?from=1.1&to=1.1",
        reverse("releases"),
        "/search?q=ledger",
        reverse("project-new"),
        reverse("release-new", args=[app.id]),
        reverse("members"),
        reverse("member", args=[harbour.owner.user.memberships.get().id]),
        reverse("member-removal", args=[harbour.owner.user.memberships.get().id]),
        reverse("member-invite"),
        reverse("tokens"),
        reverse("token-new"),
        reverse("account"),
        "/nothing",
    ]:
        looked.goto(server.url + address)
        if looked.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{address} scrolls sideways")
        found += [f"{address}: {each}" for each in violations(looked, server.url + address)]
    # The page that is not there, and the two releases that are one.
    complaints = [each for each in complaints if "404" not in each and "422" not in each]

    looked.goto(server.url + reverse("projects"))
    for key, name in (("Control+k", "palette"), ("?", "keys")):
        looked.keyboard.press(key)
        expect(looked.locator(f"#{name}")).to_be_visible()
        looked.wait_for_timeout(400)
        found += [f"{name}: {each}" for each in violations(looked)]
        looked.keyboard.press("Escape")
        expect(looked.locator(f"#{name}")).to_be_hidden()

    looked.goto(server.url + reverse("environment", args=[places[0].id]))
    for link in (f"Hold {app.name} in Development", f"Remove {app.name} from Development", "Delete"):
        looked.get_by_role("link", name=link, exact=True).click()
        expect(looked.locator("#sheet")).to_be_visible()
        looked.wait_for_timeout(400)
        found += [f"sheet {link}: {each}" for each in violations(looked)]
        looked.keyboard.press("Escape")
        expect(looked.locator("#sheet")).to_be_hidden()

    assert found == []
    assert complaints == []
    context.close()
    assert Slot.objects.filter(app=app, live__isnull=False).count() == 3


def test_nobody_who_is_signed_out_meets_a_barrier_either(browser: Browser, server: Web, harbour: House) -> None:
    _, secret = invitations.invite(by=harbour.owner, role="viewer")
    reset = passwords.make_link(harbour.owner.user.memberships.get(), by=harbour.owner)
    context = browser.new_context(viewport={"width": 390, "height": 900})
    looked = context.new_page()
    for address in ("/sign-in", f"/join/{secret.reveal()}", f"/password/{reset.reveal()}"):
        looked.goto(server.url + address)
        assert not looked.evaluate("document.documentElement.scrollWidth > innerWidth"), address
        assert violations(looked, server.url + address) == [], address
    context.close()


def violations(page: Page, address: str = "") -> list[str]:
    """In the light theme everything; in the dark one, where a page can be opened again, what depends on colours."""
    found = Axe().run(page).response["violations"]
    if address:
        page.emulate_media(color_scheme="dark")
        page.goto(address)
        found += Axe().run(page, options={"runOnly": ["color-contrast"]}).response["violations"]
        page.emulate_media(color_scheme="light")
    return [f"{each['id']}: {each['nodes'][0]['html'][:160]}" for each in found]
