"""What stands between a proposal and its deployment: each gate is one sentence that says what would open it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from django.db.models.functions import Now

from environments import disk, hosts
from environments.models import DeploymentKind, Environment, Host, State, Worker
from environments.planning import addresses, history, holding, pinning, stages
from environments.planning.proposals import Proposal
from projects.access import Actor, who
from projects.errors import Conflict
from projects.models import App, Artifact
from projects.names import listed

# So many keys are named in a sentence; the page that mends it shows them all.
MOST_NAMED = 10


@dataclass(frozen=True)
class Gate:
    """`fix_url` is the page on which a person can open it, empty where waiting is all there is to do."""

    code: str
    passed: bool
    sentence: str
    fix_url: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Closed(Conflict):
    """One gate is closed."""

    code = "blocked"

    def __init__(self, sentence: str, *, fix_url: str = "") -> None:
        super().__init__(sentence)
        self.fix_url = fix_url


def judge(proposal: Proposal) -> list[Gate]:
    """Every gate that concerns this kind of proposal, in the order in which a person would work through them."""
    gates = []
    for code, check in CHECKS.items():
        try:
            sentence = check(proposal)
        except Closed as closed:
            gates.append(Gate(code, False, closed.detail, closed.fix_url))
        else:
            if sentence:
                gates.append(Gate(code, True, sentence))
    return gates


def told(judged: list[dict[str, Any]], *, by: str, to: Actor) -> list[dict[str, Any]]:
    """The gates of a plan that `by` has made, as `to` may read them.

    They name the places that whoever planned sees; to others, who see some places only, they tell no more than whether
    they are open.
    """
    if by == to.label or to.visible_environments is None:
        return judged
    return [
        gate | {"sentence": ELSEWHERE[gate["code"], gate["passed"]], "fix_url": ""}
        if (gate["code"], gate["passed"]) in ELSEWHERE
        else gate
        for gate in judged
    ]


def check_artifact(proposal: Proposal) -> str:
    artifact = proposal.release.artifact if proposal.release else None
    if artifact is None:
        return ""
    if artifact.status == Artifact.Status.FETCHING:
        raise Closed(f"The source of {proposal.what} is still being fetched; it takes a moment.")
    if artifact.status == Artifact.Status.FAILED:
        raise Closed(f"The source of {proposal.what} could not be fetched: {artifact.reason or 'no reason is known'}.")
    return f"The artifact of {proposal.what} is stored."


def check_environment(proposal: Proposal) -> str:
    environment = proposal.environment
    if environment.state != State.RUNNING:
        state = State(environment.state).label.lower()
        raise Closed(
            f"{environment.title} is {state}; {_remedy(environment)}.", fix_url=f"/environments/{environment.id}"
        )
    online = Worker.objects.filter(environment=environment, ended_at=None, lease_until__gt=Now())
    alive = online.count()
    home = proposal.slot.placement
    if home is not None and not online.filter(host=home).exists():
        return f"{environment.title} is ready; {_waiting(proposal, home)}."
    if not alive:
        return f"{environment.title} is ready; no worker is online at the moment, the run will wait for one."
    return f"{environment.title} is running, {alive} {'worker' if alive == 1 else 'workers'} online."


def _waiting(proposal: Proposal, home: Host) -> str:
    """What becomes of a run for a machine that is away, and the way out where it stays away."""
    lives = f"a worker on {home.name}, where {proposal.app.name} lives"
    if home.organization_id is None:
        return f"the run will wait for {lives}"
    if proposal.kind == DeploymentKind.REMOVAL:
        minutes = hosts.GONE_AFTER.seconds // 60
        return (
            f"the run waits for {lives}, until none has been heard of for {minutes} minutes, and then ends without it"
        )
    return f"the run will wait for {lives}; if that machine is gone for good, remove {proposal.app.name} here first"


def _remedy(environment: Environment) -> str:
    if environment.state in (State.PENDING, State.PROVISIONING):
        return "it can be used when provisioning is done"
    if environment.state == State.ERROR:
        return "retry its provisioning first"
    if environment.state == State.TERMINATING:
        return "nothing can be done in it any more"
    return "start it first"


def check_restriction(proposal: Proposal) -> str:
    """Only entering is restricted: what lives elsewhere already may still be repeated, rolled back and removed."""
    project, environment = proposal.app.project, proposal.environment
    if environment.project_id not in (None, project.id) and proposal.enters:
        raise Closed(f"{environment.title} belongs to another project than {proposal.app.name}.")
    only = project.restrict_to_environment_id
    if only is None or not proposal.enters:
        return ""
    if only == environment.id:
        return f"{project.key} may deploy to {environment.title} only."
    allowed = Environment.objects.filter(pk=only, organization_id=project.organization_id).first()
    where = stages.told(allowed, to=proposal.by) if allowed else "an environment that is gone"
    raise Closed(
        f"{project.key} may deploy to {where} only.",
        fix_url=f"/projects/{project.id}",
    )


def check_stage(proposal: Proposal) -> str:
    """Into a later stage: the release succeeded in every environment of the one before, not rolled back there since."""
    environment, release = proposal.environment, proposal.release
    if not proposal.enters or release is None:
        return ""
    source = stages.before(proposal.stages, environment)
    if source is None:
        standing = stages.standing(proposal.stages, environment)
        where = "is in no stage" if standing is None else "is the first stage"
        return f"{environment.title} {where} and takes any release."
    places = stages.environments_of(source)
    missing = history.proven(proposal.app, release, places)
    if not missing:
        return f"{proposal.what} succeeded in {listed([stages.told(place, to=proposal.by) for place in places])}."
    never, rolled_back = (
        [stages.told(place, to=proposal.by) for place in places if missing.get(place.id) == why]
        for why in ("never", "rolled-back")
    )
    said = []
    if never:
        said.append(f"has not succeeded in {listed(never)} yet")
    if rolled_back:
        said.append(f"was rolled back in {listed(rolled_back)}")
    why = f"{proposal.what} {' and '.join(said)}"
    if proposal.bypass:
        return f"Bypassed by {who(proposal.by.label)}: {proposal.reason}. {why}."
    seen = [place for place in places if place.id in missing and proposal.by.sees(environment_id=place.id)]
    raise Closed(f"{why}; deploy it there first.", fix_url=f"/environments/{seen[0].id}" if seen else "")


def bypassed(proposal: Proposal) -> bool:
    """Whether the proposal passes only because somebody bypasses the gate of the stage before."""
    if not proposal.bypass or not proposal.enters or proposal.release is None:
        return False
    source = stages.before(proposal.stages, proposal.environment)
    return source is not None and bool(history.proven(proposal.app, proposal.release, stages.environments_of(source)))


def check_hold(proposal: Proposal) -> str:
    """A rollback is never blocked. A token needs to say that it lifts the hold; a person is told."""
    hold = holding.active(proposal.slot)
    if hold is None:
        return ""
    held = f"{proposal.app.name} is held in {proposal.environment.title} by {who(hold.created_by)}"
    held += f": {hold.reason}" if hold.reason else ""
    held = held.rstrip(".")
    if proposal.kind == DeploymentKind.ROLLBACK:
        return f"{held}. A rollback is never blocked."
    if proposal.enters and (proposal.lift_hold or proposal.by.is_person):
        return f"{held}. This {proposal.kind} lifts the hold."
    if proposal.by.is_person or (proposal.by.is_system and not proposal.enters):
        return f"{held}. The hold stays."
    where = f"/environments/{proposal.environment.id}"
    if proposal.enters:
        raise Closed(f"{held}. Lift the hold, or say lift_hold.", fix_url=where)
    raise Closed(f"{held}. Lift the hold first.", fix_url=where)


def check_in_flight(proposal: Proposal) -> str:
    if closed := in_flight(proposal.app, proposal.environment):
        raise closed
    return ""


def in_flight(app: App, environment: Environment) -> Closed | None:
    """Why nothing else can be done with the app there now; one statement."""
    run = history.unfinished(app, environment)
    if run is None:
        return None
    deployment = run.deployment
    assert deployment is not None
    name, where = app.name, environment.title
    version = deployment.release.version if deployment.release else ""
    sentence = {
        DeploymentKind.ROLLBACK: f"{name} is being rolled back to {version} in {where}",
        DeploymentKind.REMOVAL: f"{name} is being removed from {where}",
    }.get(DeploymentKind(deployment.kind), f"{name} {version} is on its way to {where}")
    return Closed(
        f"{sentence}, asked by {who(deployment.created_by)} (run {run.number}); wait for it or cancel it.",
        fix_url=f"/runs/{run.id}",
    )


def check_addresses(proposal: Proposal) -> str:
    if proposal.release is None:
        return ""
    host = addresses.host_for(proposal.environment, proposal.slot)
    if host is None:
        return ""
    wanting = addresses.wanting(proposal.app, proposal.environment, proposal.release, host=host)
    if not wanting:
        return ""
    if addresses.free(host) < len(wanting):
        raise Closed(addresses.used_up(host, wanted=len(wanting)))
    if len(wanting) == 1:
        return f"The service {wanting[0]} gets an address for life."
    return f"The services {listed(wanting)} get addresses for life."


def check_disk(proposal: Proposal) -> str:
    """What is removed makes room, and a rollback returns to a directory that is there."""
    if proposal.release is None or proposal.kind == DeploymentKind.ROLLBACK:
        return ""
    if full := disk.scarce(proposal.environment, home=proposal.slot.placement):
        raise Closed(f"{full}; free some, then try again.", fix_url=f"/environments/{proposal.environment.id}")
    return ""


def check_configuration(proposal: Proposal) -> str:
    """Closed if and only if the worker could not inject all that the release requires."""
    if proposal.release is None:
        return ""
    found = proposal.resolved
    missing = pinning.unmet(proposal.release, found, secrets=proposal.environment.required_secrets)
    if missing:
        listed = "; ".join(f"{one.key}: {one.why}" for one in missing[:MOST_NAMED])
        more = f"; and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
        keys = "1 key has" if len(missing) == 1 else f"{len(missing)} keys have"
        raise Closed(
            f"{keys} no value that {proposal.what} could run with in {proposal.environment.title}: {listed}{more}.",
            fix_url=f"/configuration?app={proposal.app.id}&environment={proposal.environment.id}",
        )
    kept = f" It has {'; '.join(proposal.chosen.kept_current)}." if proposal.chosen.kept_current else ""
    required = len(pinning.required(proposal.release))
    if required:
        return f"All {required} keys that {proposal.what} requires have a value, of {len(found.winners)} set.{kept}"
    return kept.strip()


CHECKS: dict[str, Callable[[Proposal], str]] = {
    "artifact": check_artifact,
    "environment": check_environment,
    "restriction": check_restriction,
    "stage": check_stage,
    "hold": check_hold,
    "in-flight": check_in_flight,
    "configuration": check_configuration,
    "addresses": check_addresses,
    "disk": check_disk,
}
# The gates that look at other environments than the plan's own.
ELSEWHERE = {
    ("restriction", False): "The project may deploy to another environment only.",
    ("stage", True): "Nothing in the chain stands in its way.",
    ("stage", False): "It has not passed the stage before yet.",
}
TITLES = {
    "artifact": "Artifact",
    "environment": "Target",
    "restriction": "Project",
    "stage": "Stage before",
    "hold": "Hold",
    "in-flight": "Other deployments",
    "configuration": "Configuration",
    "addresses": "Addresses",
    "disk": "Disk",
}
