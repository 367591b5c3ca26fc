"""An organization in which every page has something to say: all states, long names, long lines, everybody and more
rows than one page holds."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from environments import crew, errands
from environments import lifecycle as environments
from environments.configuration import enabling, entries, integrations, probing, secrets, stores, variables
from environments.configuration.entries import Kept
from environments.delivery import deployments, holds
from environments.doing import assignments, conclusions, observing, service_logs
from environments.models import Chain, Entry, Environment, Integration, Run, RunKind, SecretStore, State
from environments.planning import plans
from environments.resolving.scopes import Scope
from environments.runs import logs, steps
from projects import apps, grants, invitations, lifecycle, memberships, tokens, workflows
from projects.credentials import Secret
from projects.models import AccessToken, Agent, App, Membership, Release, Team, Workflow
from tests.environments.house import MANIFEST, House

LONG = "a-name-that-somebody-made-as-long-as-the-form-allows-and-a-little-longer-than-that-still-fits-1"
STEPS = [{"name": "dig", "run": f"echo {'y' * 300}"}, {"name": "fill", "run": "true", "once": True}]
LINE = "x" * 400 + " and words after it"


@dataclass
class Furnished:
    """`places` are the stages of the chain, `troubled` one in error, one stopped, one on its way, one that is full."""

    house: House
    chain: Chain
    places: list[Environment]
    troubled: list[Environment]
    app: App
    archived: App
    release: Release
    moving: Run
    failed: Run
    workflow: Workflow
    unused: Workflow
    errand: Run
    member: Membership
    token: AccessToken
    entries: list[Entry]
    teams: list[Team]
    agents: list[Agent]
    store: SecretStore
    integrations: list[Integration]


def furnish(house: House) -> Furnished:
    names = ("development", "staging", "production")
    places = [house.environment(name, display_name=name.title()) for name in names]
    Environment.objects.filter(pk=places[2].pk).update(protected=True)
    chain = house.chain(*names)
    app, failed = _app(house, places)
    _compared(house, app, places)
    moving = _moving(house, app, places[1])
    troubled = _troubled(house)
    workflow, errand = _workflow(house, app, places[0])
    unused = workflows.archive(
        workflows.create(by=house.owner, project=app.project, name="Unused", steps=STEPS), by=house.owner
    )
    member, token = _people(house, app, places)
    store = _store(house, places[0])
    configured = _configured(house, app, places)
    teams, agents = _crew(house, app, places)
    archived = apps.archive(house.app("abacus", project=app.project), by=house.owner.because(LINE))
    for number in range(52):
        house.release(app, f"0.{number}")
    return Furnished(
        house,
        chain,
        places,
        troubled,
        app,
        archived,
        app.releases.get(version="1.2"),
        moving,
        failed,
        workflow,
        unused,
        errand,
        member,
        token,
        configured,
        teams,
        agents,
        store,
        _integrations(house, places, teams),
    )


def _configured(house: House, app: App, places: list[Environment]) -> list[Entry]:
    """A variable with a history and overrides, a secret that is late, and what has no value."""
    here = Scope(app=app, environment=places[0])
    environments.update(places[0], by=house.owner, based_on=places[1].name)
    for scope, value in ((Scope(), "debug"), (Scope(project=app.project), "info"), (Scope(environment=places[1]), "x")):
        variables.create(scope, by=house.owner, key="LOG_LEVEL", value=value)
    level = variables.create(here, by=house.owner, key="LOG_LEVEL", value=f"warn\n{LINE}", description=LINE, note=LINE)
    variables.update(level, by=house.owner, value=LINE, note="louder")
    late = {"rotate_on": date(2020, 1, 1), "description": LINE}
    hidden = secrets.create(Scope(environment=places[1]), by=house.owner, key="K" * 90, value=Secret(LINE), **late)
    secrets.update(hidden, by=house.owner, value=Secret("other"))
    dead = secrets.create(Scope(), by=house.owner, key="DEAD", value=Secret("x"), write_only=True)
    secrets.revoke(dead, 1, by=house.owner, destroy=True)
    sealed = secrets.create(here, by=house.owner, key="SEALED", value=Secret("x"), write_only=True)
    for key, value in (("URL", "{{SEALED}}@{{LOG_LEVEL}}"), ("LOST", "{{NOWHERE}}"), ("ROUND", "{{ROUND}}")):
        variables.create(Scope(), by=house.owner, key=key, value=value)
    gone = variables.create(Scope(), by=house.owner, key="GONE", value="1")
    entries.delete(gone, by=house.owner, note=LINE)
    return [level, hidden, sealed]


def _crew(house: House, app: App, places: list[Environment]) -> tuple[list[Team], list[Agent]]:
    """A team and an agent that have all there is, with long names, and of each one that has nothing."""
    project = lifecycle.update(app.project, by=house.owner, goals=LINE, default_model=LONG, visibility="private")
    given = {
        "projects": [project],
        "description": LINE,
        "environment_ids": [place.id for place in places],
        "execution_environment": {"env_vars": {"K" * 120: LINE}, "secrets": ["S" * 120], "mcp_servers": {LONG: {}}},
    }
    full = crew.create(Team, by=house.owner, name=LONG, **given)
    words = {"model_id": LONG, "command": LINE, "system_prompt": LINE, "capabilities": [LONG]}
    busy = crew.create(Agent, by=house.owner, name=LONG, team=full, **words, **given)
    return [full, crew.create(Team, by=house.owner, name="idlers")], [
        busy,
        crew.create(Agent, by=house.owner, name="idler"),
    ]


def _compared(house: House, app: App, places: list[Environment]) -> None:
    """A key that is everywhere another, one that one place lacks, and a secret that production has in common."""
    for place, value in zip(places, (LINE, "short", ""), strict=True):
        variables.create(Scope(app=app, environment=place), by=house.owner, key="GREETING", value=value)
        secrets.create(Scope(environment=place), by=house.owner, key="DATABASE_PASSWORD", value=Secret("x"))
    variables.create(Scope(environment=places[0]), by=house.owner, key="B" * 100, value="two\nlines")
    secrets.create(Scope(), by=house.owner, key="EVERYWHERE", value=Secret("x"))


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


def _workflow(house: House, app: App, place: Environment) -> tuple[Workflow, Run]:
    """One of each type of input, a run that failed with a long last line and one in the queue."""
    inputs = {
        LONG.replace("-", "_")[:60]: {"description": LINE[:450], "required": True, "default": LINE},
        "count": {"type": "number"},
        "dry": {"type": "boolean", "default": True},
        "size": {"type": "choice", "options": ["small", "large"]},
    }
    workflow = workflows.create(
        by=house.owner, project=app.project, name=LONG, description=LINE, inputs=inputs, steps=STEPS
    )
    failed = errands.run_workflow(workflow, by=house.owner, environment=place)
    worker = house.workers[place.id]
    assignments.take(worker, "workflow")
    logs.append(failed.id, 1, worker, 0, [line("Step 1: dig", "note"), line(LINE)])
    conclusions.finish(failed.id, 1, worker, "failed", f"dig ended: {LINE}", [LINE])
    errands.run_workflow(workflow, by=house.owner, environment=place)
    return workflow, Run.objects.get(pk=failed.pk)


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


def _integrations(house: House, places: list[Environment], teams: list[Team]) -> list[Integration]:
    """One that does not answer, with a long name, enabled and inherited in many places; others never asked."""
    long = "settings-of-a-service-behind-a-very-long-address" + "/part" * 30
    said = {"prefix": "A_PREFIX_OF_SOMEBODY_WHO_LIKES_IT_LONG", "url": f"https://127.0.0.1:9/{long}"}
    one = integrations.create(
        by=house.owner, name=LONG[:64], type="http", settings=said, secrets={"token": "K" * 100}, description=LINE
    )
    other = integrations.create(by=house.owner, name="github", type="github", secrets={"token": "CI_TOKEN"})
    third = integrations.create(by=house.owner, name="cache", type="redis", settings={"host": "cache.example.org"})
    for place in places:
        enabling.enable(one, Scope(environment=place), by=house.owner)
    enabling.enable(one, Scope(team=teams[0]), by=house.owner)
    enabling.enable(other, Scope(environment=places[0]), by=house.owner)
    environments.create(by=house.owner, name="preview-of-a-branch", provisioner="external", based_on=places[0].name)
    probing.probe(one, by=house.owner, environment=places[0])
    return [one, other, third]


def _store(house: House, place: Environment) -> SecretStore:
    """One that does not answer, with a long name and a secret far down in it, and one that was never asked."""
    given = {"auth": "token", "credentials": {"token": Secret("planted")}}
    stores.create(by=house.owner, name="vault", address="https://bao.example.org", **given)
    store = stores.create(
        by=house.owner, name=LONG[:64], address="https://127.0.0.1:9", mount=f"kv/{'m' * 80}", **given
    )
    stores.probe(store, by=house.owner)
    kept = Kept(store=store, path="/".join(["a-long-part"] * 20), field="password")
    secrets.create(Scope(environment=place), by=house.owner, key="K" * 100, value=kept)
    return store
