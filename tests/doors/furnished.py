"""An organization in which every page has something to say: all states, long names, long lines, everybody and more
rows than one page holds."""

from dataclasses import dataclass
from typing import Any

from environments.delivery import deployments, holds
from environments.doing import observing, service_logs
from environments.models import Chain, Environment, Run, RunKind, State
from environments.planning import plans
from environments.runs import logs, steps
from projects import grants, invitations, memberships, tokens
from projects.models import AccessToken, App, Membership, Release
from tests.environments.house import MANIFEST, House

LONG = "a-name-that-somebody-made-as-long-as-the-form-allows-and-a-little-longer-than-that-still-fits-1"
LINE = "x" * 400 + " and words after it"


@dataclass
class Furnished:
    """`places` are the stages of the chain, `troubled` one in error, one stopped, one on its way, one that is full."""

    house: House
    chain: Chain
    places: list[Environment]
    troubled: list[Environment]
    app: App
    release: Release
    moving: Run
    failed: Run
    member: Membership
    token: AccessToken


def furnish(house: House) -> Furnished:
    names = ("development", "staging", "production")
    places = [house.environment(name, display_name=name.title()) for name in names]
    Environment.objects.filter(pk=places[2].pk).update(protected=True)
    chain = house.chain(*names)
    app, failed = _app(house, places)
    moving = _moving(house, app, places[1])
    troubled = _troubled(house)
    member, token = _people(house, app, places)
    for number in range(52):
        house.release(app, f"0.{number}")
    return Furnished(
        house, chain, places, troubled, app, app.releases.get(version="1.2"), moving, failed, member, token
    )


def line(words: str, stream: str = "out") -> dict[str, Any]:
    return {"text": words, "stream": stream, "step": 1, "at": "2026-01-01T10:00:00.000Z"}


def _app(house: House, places: list[Environment]) -> tuple[App, Run]:
    """Live in all three, held in one, failing in another, with services that were seen and that wrote."""
    app = house.app("ledger")
    first = house.release(app, "1.0", manifest=MANIFEST.replace("serve --port", f"serve --like {'x' * 300} --port"))
    second = house.release(app, "1.1", notes=LINE, changes=[LINE])
    for place in places:
        deployment = house.live(first, place)
        service = {"name": "web", "state": "running", "pid": 1, "port": 20000, "restarts": 0, "cpu": 0.1, "memory": 1e7}
        slot = {"app_id": str(app.id), "deployment_id": str(deployment.id), "number": 1, "services": [service]}
        resources = {"cpu": 0.1, "memory": 10_000_000, "storage": 1}
        observing.observe(house.workers[place.id], {"slots": [slot], "resources": resources, "missing": []})
        chunk = {"app_id": str(app.id), "service": "web", "deployment_id": str(deployment.id), "offset": 0}
        service_logs.take_in(house.workers[place.id], [chunk | {"lines": [line(LINE), line("two", "err")]}])
    plan = plans.propose(by=house.owner, release=second, environment=places[0])
    failed = house.ended(deployments.carry_out(plan, by=house.owner), "failed", f"web was not healthy: {LINE}")
    holds.place(app, places[2], by=house.owner, reason=LINE)
    return app, Run.objects.get(deployment=failed)


def _moving(house: House, app: App, place: Environment) -> Run:
    """A promotion on its way: one step done, one under way, with a log."""
    release = house.release(app, "1.2")
    plan = plans.propose(by=house.owner, release=release, environment=place, bypass=True, reason="a test")
    run = house.claimed(deployments.carry_out(plan, by=house.owner))
    worker = house.workers[place.id]
    steps.report(run.id, run.attempt, worker, steps.Report(n=1, name="Fetch", phase="succeeded", detail=LINE))
    steps.report(run.id, run.attempt, worker, steps.Report(n=2, name="install", phase="running", detail="half"))
    logs.append(run.id, run.attempt, worker, 0, [line("Step 1: Fetch", "note"), line(LINE), line("careful", "err")])
    return run


def _troubled(house: House) -> list[Environment]:
    broken, resting, long, full = (house.environment(name) for name in ("broken", "resting", LONG, "full"))
    disk = {"free": 1_000_000, "total": 100_000_000}
    observing.observe(house.workers[full.id], {"slots": [], "resources": {"disk": disk}})
    Environment.objects.filter(pk=broken.pk).update(state=State.ERROR, error_message=f"The host is full: {LINE}")
    Environment.objects.filter(pk=resting.pk).update(state=State.STOPPED)
    Environment.objects.filter(pk=long.pk).update(state=State.PROVISIONING, tags=["north", "a-longer-tag"])
    provision = Run.objects.get(environment=long, kind=RunKind.PROVISION)
    Run.objects.filter(pk=provision.pk).update(phase="running", finished_at=None)
    return [broken, resting, long, full]


def _people(house: House, app: App, places: list[Environment]) -> tuple[Membership, AccessToken]:
    """A member with two roles, one who is deactivated, an open invitation and tokens, all with long names."""
    house.person("operator", name="ada" + LONG)
    ada = memberships.find(house.owner, "ada" + LONG)
    grants.give(ada, by=house.owner, role="operator", project=app.project, environment_id=places[2].id)
    gone = house.person("viewer")
    assert gone.user is not None
    memberships.deactivate(memberships.find(house.owner, gone.user.username), by=house.owner)
    invitations.invite(by=house.owner, role="admin", email=f"{'a' * 60}@example.org")
    token, _ = tokens.create(by=house.owner, name=LONG, role="operator", environment_ids=[place.id for place in places])
    return ada, token
