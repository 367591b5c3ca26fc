"""One of each thing, and everybody who may knock: what the attack tests go from door to door with."""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.test import Client

from environments.delivery import chains, deployments, holds
from environments.models import Run, RunKind
from environments.planning import plans
from projects import invitations, memberships, sessions, tokens
from projects.access import Actor
from projects.models import Event, Role
from tests import builders
from tests.doors.visiting import signed_in
from tests.environments.house import House
from tests.environments.house import house as new_house

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

    `limited` is an admin of another project and another environment alone; `stranger` owns another organization.
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
    hold = holds.place(app, here, by=house.owner, reason="wait for the tide")
    plan = plans.propose(by=house.owner, release=newer, environment=here)
    people = {role: house.person(role) for role in ROLES}
    limited = house.person("admin", project=other, environment=there)
    member = memberships.find(house.owner, house.person("viewer", name="pilot").user.username)
    token, _ = tokens.create(by=house.owner, name="beacon", role=Role.VIEWER)
    invitation, _ = invitations.invite(by=house.owner, role="viewer", email="gull@example.org")
    signed_in(people["owner"])
    stranger = builders.owner_of(builders.organization())
    things = {
        "environment_id": here.id,
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
        "event_id": Event.objects.get(kind="hold.placed", object__id=str(hold.id)).pk,
        "chain_id": chain.id,
        "chain_seen": chains.version(chain),
        "member_id": member.id,
        "grant_id": member.grants.get().id,
        "token_id": token.id,
        "invitation_id": invitation.id,
        "session_id": sessions.of(people["owner"].user, current="")[0].id,
        "worker_id": house.workers[here.id].id,
        "organization_id": house.organization.id,
    }
    marks = {"lagoon", "ferry", "HARBOUR", "pilot", "beacon", "gull@example.org", house.organization.name}
    marks |= {str(one) for one in things.values() if isinstance(one, uuid.UUID)}
    return Street(house, {**people, "limited": limited, "stranger": stranger}, things, marks)


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
