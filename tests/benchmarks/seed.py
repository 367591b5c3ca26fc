"""Rows to measure on: organizations of 1,000 and of 100,000 environments, with apps in six stages."""

import uuid
from dataclasses import dataclass
from typing import Any

import psycopg
from django.db import connection
from django.utils import timezone

from environments.models import (
    Chain,
    Deployment,
    DeploymentKind,
    Environment,
    Plan,
    Run,
    Slot,
    Stage,
    StageEnvironment,
)
from projects import organizations
from projects.models import App, Grant, Membership, Organization, Project, Release, Role, User

STAGES = ("Development", "Integration", "Test", "Staging", "Production US", "Production EU")
APPS_A_PROJECT = 50
FEW, MANY = 1_000, 100_000
FLOOR_TABLE = "CREATE TABLE IF NOT EXISTS bench_floor (id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())"


@dataclass(frozen=True)
class Seeded:
    organization: Organization
    users: list[User]


def organization(name: str, *, environments: int, apps: int, users: int = 1) -> Seeded:
    """Everything is written in bulk; only the organization, its owner and their rights come from the rooms."""
    people = [User.objects.create_user(f"{name}-{n}", password=None) for n in range(users)]
    made = organizations.create(name=name, owner=people[0])
    for person in people[1:]:
        membership = Membership.objects.create(organization=made, user=person)
        Grant.objects.create(membership=membership, role=Role.ADMIN)
    stages = _chain(made)
    _environments(made, environments - len(stages))
    _apps(made, stages, apps)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return Seeded(made, people)


def _chain(organization: Organization) -> list[Environment]:
    chain = Chain.objects.create(organization=organization, name="Default", created_by="system")
    found = []
    for position, title in enumerate(STAGES):
        environment = Environment.objects.create(
            organization=organization,
            name=title.lower().replace(" ", "-"),
            display_name=title,
            namespace=f"{organization.id}-{position}",
            state="running",
            protected=position >= 4,
            created_by="system",
        )
        stage = Stage.objects.create(chain=chain, position=position, name=title)
        StageEnvironment.objects.create(chain=chain, stage=stage, environment=environment)
        found.append(environment)
    return found


def _environments(organization: Organization, count: int) -> None:
    states = ("running", "running", "running", "stopped", "error", "provisioning")
    state = f"(ARRAY[{', '.join(repr(one) for one in states)}])[1 + mod(n, {len(states)})]"
    with connection.cursor() as cursor:
        _multiply(
            cursor,
            organization.environments.values_list("id", flat=True)[0],
            range(count),
            {
                "state": state,
                "error_message": f"CASE {state} WHEN 'error' THEN 'a step failed' ELSE '' END",
                "tags": "CASE WHEN mod(n, 10) = 0 THEN ARRAY['bench']::varchar[] ELSE ARRAY[]::varchar[] END",
                "protected": "false",
            },
        )


def _multiply(cursor: Any, one: uuid.UUID, numbers: range, fresh: dict[str, str]) -> None:
    """Rows like this environment, named after `numbers`; `fresh` holds SQL for columns that differ, by `n`."""
    fresh = {
        "id": "gen_random_uuid()",
        "name": "'environment-' || lpad(n::text, 6, '0')",
        "display_name": "''",
        "namespace": "one.organization_id || '-e' || n",
        "is_default": "false",
        "directory": "''",
        "host_id": "NULL",
        "service_first": "0",
        "service_count": "0",
    } | fresh
    columns = [field.column for field in Environment._meta.concrete_fields]
    cursor.execute(
        f"INSERT INTO environments_environment ({', '.join(columns)})"
        f" SELECT {', '.join(fresh.get(column, f'one.{column}') for column in columns)}"
        " FROM generate_series(%s::int, %s::int) n, environments_environment one WHERE one.id = %s",
        [numbers.start, numbers.stop - 1, one],
    )


def _apps(organization: Organization, stages: list[Environment], count: int) -> None:
    now = timezone.now()
    projects = [
        Project(organization=organization, key=f"P{n:03}", name=f"Project {n}", created_by="system")
        for n in range(max(1, count // APPS_A_PROJECT))
    ]
    Project.objects.bulk_create(projects)
    apps = [
        App(organization=organization, project=projects[n % len(projects)], name=f"app-{n:04}") for n in range(count)
    ]
    App.objects.bulk_create(apps)
    releases = [
        Release(
            serial=serial,
            organization=organization,
            app=app,
            version=f"1.{serial}.0",
            commit=uuid.uuid4().hex[:12],
            manifest={"steps": [], "services": [], "requires": {}},
            created_by="user:bench",
        )
        for app in apps
        for serial in (1, 2, 3)
    ]
    Release.objects.bulk_create(releases, batch_size=2000)
    plans, deployments, slots, runs = [], [], [], []
    for n, app in enumerate(apps):
        for position, environment in enumerate(stages):
            release = releases[n * 3 + max(0, 2 - (position + n) % 3)]
            plan = Plan(
                organization=organization,
                app=app,
                environment=environment,
                kind=DeploymentKind.PROMOTION,
                release=release,
                blocked=False,
                digest="0" * 64,
                created_by="user:bench",
                expires_at=now,
            )
            deployment = Deployment(
                organization=organization,
                app=app,
                environment=environment,
                number=1,
                kind=DeploymentKind.PROMOTION,
                release=release,
                plan=plan,
                created_by="user:bench",
            )
            plans.append(plan)
            deployments.append(deployment)
            slots.append(
                Slot(
                    organization=organization,
                    app=app,
                    environment=environment,
                    target=deployment,
                    live=deployment,
                    live_since=now,
                    last_number=1,
                    observed=deployment,
                    observed_at=now,
                )
            )
            runs.append(
                Run(
                    organization=organization,
                    environment=environment,
                    app=app,
                    deployment=deployment,
                    kind="deploy",
                    carried_by="worker",
                    phase="failed" if (n + position) % 40 == 7 else "succeeded",
                    attempt=1,
                    created_by="user:bench",
                    started_at=now,
                    finished_at=now,
                )
            )
    for rows in (plans, deployments, slots, runs):
        type(rows[0]).objects.bulk_create(rows, batch_size=2000)


def fill(connection: psycopg.Connection[Any], environments: int) -> None:
    """Bring an installation's only organization to so many environments, which only lie there."""
    with connection.cursor() as cursor:
        cursor.execute(FLOOR_TABLE)
        cursor.execute("SELECT id, count(*) OVER () FROM environments_environment ORDER BY created_at LIMIT 1")
        one, there = cursor.fetchone() or (None, 0)
        _multiply(cursor, one, range(there, environments), {"state": "'stopped'"})
        cursor.execute("ANALYZE")
