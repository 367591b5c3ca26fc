"""The cast and the things tests need, built through the house's own rooms."""

import itertools
import uuid
from dataclasses import dataclass
from typing import Any

from django.test import Client

from projects import access, apps, lifecycle, memberships, organizations, releases, tokens
from projects.access import Actor
from projects.models import App, Organization, Project, Release, Role, User

PASSWORD = "correct horse battery"
MANIFEST = """
steps:
  - {name: install, run: "true"}
services:
  - {name: web, run: "sleep 1000", health: {http: /, within: 60s}}
"""
_numbers = itertools.count(1)


@dataclass
class Cast:
    """People of one organization, by role, and a stranger from another one."""

    organization: Organization
    owner: Actor
    admin: Actor
    operator: Actor
    viewer: Actor
    stranger: Actor


def name(prefix: str) -> str:
    """A name nobody else has."""
    return f"{prefix}-{next(_numbers)}-{uuid.uuid4().hex[:6]}"


def user(prefix: str = "someone") -> User:
    """A person; the password is hashed cheaply, since tests make many."""
    person = User(username=name(prefix))
    person.set_password(PASSWORD)
    person.save()
    return person


def organization(owner: User | None = None, *, called: str = "") -> Organization:
    return organizations.create(name=called or name("organization"), owner=owner or user("owner"))


def owner_of(made: Organization) -> Actor:
    membership = made.memberships.order_by("created_at").first()
    assert membership is not None
    return access.of_user(membership.user, made)


def member(
    made: Organization,
    role: str,
    *,
    project: Project | None = None,
    environment_id: uuid.UUID | None = None,
) -> Actor:
    """A person with this role in this organization (everywhere, or in one project or environment)."""
    membership = memberships.add(
        by=owner_of(made),
        username=name(role),
        password=PASSWORD,
        role=role,
        project=project,
        environment_id=environment_id,
    )
    return access.of_user(membership.user, made)


def cast() -> Cast:
    """Owner, admin, operator and viewer of one organization, and a stranger who owns another one."""
    made = organization()
    return Cast(
        organization=made,
        owner=owner_of(made),
        admin=member(made, Role.ADMIN),
        operator=member(made, Role.OPERATOR),
        viewer=member(made, Role.VIEWER),
        stranger=owner_of(organization()),
    )


def project(by: Actor, key: str = "", **fields: Any) -> Project:
    return lifecycle.create(by=by, key=key or name("P").upper()[:40], **({"name": "A project"} | fields))


def app(by: Actor, *, project: Project | None = None, called: str = "") -> App:
    return apps.create(by=by, project=project or _project_of(by), name=called or name("app"))


def _project_of(by: Actor) -> Project:
    return Project.objects.filter(organization=by.organization).first() or project(by)


def release(by: Actor, of: App, version: str = "", *, manifest: Any = MANIFEST, **fields: Any) -> Release:
    return releases.cut(by=by, app=of, version=version or f"1.{next(_numbers)}", manifest=manifest, **fields)


def token(by: Actor, role: str = Role.OWNER, **limits: Any) -> str:
    """An access token's secret, made by `by`."""
    _, secret = tokens.create(by=by, name=name("token"), role=role, **limits)
    return secret.reveal()


def rest(actor: Actor) -> Client:
    """A client that sends an access token with the rights of `actor`."""
    credential = grant_token(actor)
    return Client(headers={"Authorization": f"Bearer {credential}"})


def grant_token(actor: Actor) -> str:
    """A token that has what its owner has, also for those who may not make tokens themselves."""
    from projects.credentials import digest, new_token
    from projects.models import AccessToken

    secret = new_token("tpa")
    AccessToken.objects.create(
        organization=actor.organization,
        owner=actor.user,
        name=name("rest"),
        role=Role.OWNER,
        digest=digest(secret.reveal()),
        hint="tpa_",
    )
    return secret.reveal()


def browser(actor: Actor) -> Client:
    """A client that is signed in as `actor`."""
    client = Client()
    assert actor.user is not None
    client.force_login(actor.user)
    return client
