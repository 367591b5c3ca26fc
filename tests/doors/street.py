"""One of each thing, and everybody who may knock: what the attack tests go from door to door with."""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.test import Client

from environments import crew
from environments.configuration import enabling, entries, integrations, secrets, stores, variables
from environments.delivery import chains, deployments, holds
from environments.models import Environment, Run, RunKind
from environments.planning import plans
from environments.resolving.scopes import Scope
from projects import agents, apps, grants, history, invitations, memberships, sessions, teams, tokens, workflows
from projects import lifecycle as projects
from projects.access import Actor
from projects.credentials import Secret
from projects.models import Agent, Event, Grant, Project, Role, Team
from tests import builders
from tests.doors.visiting import signed_in
from tests.environments.house import House
from tests.environments.house import house as new_house

STEPS = [{"name": "dig", "run": "true"}]
ROLES = ("viewer", "operator", "admin", "owner")


@dataclass
class Street:
    """`things` are ids by the names that addresses give them; `marks` are words that a stranger must not read."""

    house: House
    people: dict[str, Actor]
    things: dict[str, Any]
    marks: set[str] = field(default_factory=set)

    def events(self) -> int:
        return Event.objects.filter(organization_id=self.house.organization.pk).count()

    def browser(self, who: str) -> Client:
        return Client(raise_request_exception=False) if who == "nobody" else signed_in(self.people[who])

    def script(self, who: str) -> Client:
        return Client(raise_request_exception=False) if who == "nobody" else builders.rest(self.people[who])


def street() -> Street:
    """Live in one environment and held there; a plan, a failed run and one in the queue; people with all roles.

    `limited` is an admin of another project and another environment alone, `idle` a member whose last role was taken
    away; `stranger` owns another organization.
    """
    house = new_house()
    here, there = house.environment("lagoon"), house.environment("elsewhere")
    chain = house.chain("lagoon")
    app = house.app("ferry", project=house.project("HARBOUR"))
    other = house.project("OTHER")
    release, newer = house.release(app, "1.0"), house.release(app, "2.0")
    house.live(release, here)
    failed = house.ended(_planned(house, newer, here), "failed")
    queued = _planned(house, newer, here)
    team, agent = _crew(house, app.project, here)
    hold = holds.place(app, here, by=house.owner, reason="wait for the tide")
    plan = plans.propose(by=house.owner, release=newer, environment=here)
    entry = secrets.create(Scope(app=app, environment=here), by=house.owner, key="LANTERN", value=Secret("lit"))
    secrets.update(entry, by=house.owner, value=Secret("brighter"))
    people = {role: house.person(role) for role in ROLES}
    limited = house.person("admin", project=other, environment=there)
    member = memberships.find(house.owner, house.person("viewer", name="pilot").user.username)
    token, _ = tokens.create(by=house.owner, name="beacon", role=Role.VIEWER)
    invitation, _ = invitations.invite(by=house.owner, role="viewer", email="gull@example.org")
    moored = Scope(app=app, environment=here)
    variable = variables.create(moored, by=house.owner, key="MOORING", value="north quay")
    secret = secrets.create(moored, by=house.owner, key="BUOY", value=Secret("under the keel"))
    workflow = workflows.create(by=house.owner, project=app.project, name="dredge", steps=STEPS)
    # An address that is refused without asking anybody.
    store = stores.create(
        by=house.owner,
        name="grotto",
        address="https://127.0.0.1:9",
        auth="token",
        credentials={"token": Secret("planted")},
    )
    # It answers to nobody.
    integration = integrations.create(
        by=house.owner, name="pontoon", type="redis", settings={"host": "127.0.0.1", "port": "9"}
    )
    enabling.enable(integration, Scope(team=team), by=house.owner)
    placed = Event.objects.get(kind="hold.placed", object__id=str(hold.id))
    idle = house.person("viewer")
    (role,) = Grant.objects.filter(membership__user=idle.user)
    grants.take_away(role.pk, role.membership, by=house.owner)
    signed_in(people["owner"])
    stranger = builders.owner_of(builders.organization())
    things = {
        "environment_id": here.id,
        "other_environment_id": there.id,
        "app_id": app.id,
        "project_id": app.project_id,
        "release_id": newer.id,
        "old_release_id": release.id,
        "run_id": Run.objects.get(deployment=queued).id,
        "failed_run_id": Run.objects.get(deployment=failed).id,
        "provision_run_id": Run.objects.get(environment=here, kind=RunKind.PROVISION).id,
        "deployment_id": queued.id,
        "plan_id": plan.id,
        "digest": plan.digest,
        "hold_id": hold.id,
        "event_id": placed.pk,
        "event_mark": history.mark(house.organization, placed),
        "chain_id": chain.id,
        "chain_seen": chains.version(chain),
        "app_seen": apps.version(app),
        "project_seen": projects.version(app.project),
        "team_id": team.id,
        "team_seen": teams.version(team),
        "agent_id": agent.id,
        "agent_seen": agents.version(agent),
        "member_id": member.id,
        "grant_id": member.grants.get().id,
        "token_id": token.id,
        "store_id": store.id,
        "store_seen": stores.tag(store),
        "integration_id": integration.id,
        "integration_seen": integrations.tag(integration),
        "invitation_id": invitation.id,
        "variable_id": variable.id,
        "secret_id": secret.id,
        "session_id": sessions.of(people["owner"].user, current="")[0].id,
        "worker_id": house.workers[here.id].id,
        "organization_id": house.organization.id,
        "entry_id": entry.id,
        "entry_seen": entries.tag(entries.find(house.owner, entry.id)),
        "number": 1,
        "key": entry.key,
        "workflow_id": workflow.id,
        "workflow_seen": workflows.version(workflow),
    }
    marks = {
        "lagoon",
        "ferry",
        "HARBOUR",
        "pilot",
        "beacon",
        "LANTERN",
        "grotto",
        "pontoon",
        "BUOY",
        "dockers",
        "stevedore",
        "dredge",
        "gull@example.org",
        "MOORING",
        "north quay",
        "under the keel",
        house.organization.name,
    }
    marks |= {str(one) for one in things.values() if isinstance(one, uuid.UUID)}
    return Street(house, {**people, "limited": limited, "idle": idle, "stranger": stranger}, things, marks)


def _crew(house: House, project: Project, environment: Environment) -> tuple[Team, Agent]:
    """A team that works for the project, and an agent that does, too."""
    given = {"environment_ids": [environment.id], "execution_environment": {"env_vars": {"TIDE": "high"}}}
    team = crew.create(Team, by=house.owner, name="dockers", projects=[project], **given)
    agent = crew.create(Agent, by=house.owner, name="stevedore", command="blink", projects=[project], **given)
    teams.add(team, agent, by=house.owner)
    crew.create(Team, by=house.owner, name="coopers")
    crew.create(Agent, by=house.owner, name="cooper")
    return team, agent


def _planned(house: House, release: Any, environment: Any) -> Any:
    plan = plans.propose(by=house.owner, release=release, environment=environment, bypass=True, reason="a test")
    return deployments.carry_out(plan, by=house.owner)


@contextmanager
def undone() -> Iterator[None]:
    """Whatever a knock has changed is as it was before the next one."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def filled(value: Any, ours: Street) -> Any:
    """`{app_id}` is the id of our app, also in a list."""
    if isinstance(value, list):
        return [filled(one, ours) for one in value]
    if not isinstance(value, str):
        return value
    return re.sub(r"\{(\w+)\}", lambda found: str(ours.things.get(found[1], found[0])), value)
