"""Creating an environment: its row, its namespace, its worker token, and the run that provisions it."""

import uuid
from typing import Any

from django.db import IntegrityError, transaction

from environments import hosts, namespaces, tasks, worker_tokens
from environments.configuration import amounts, enabling, variables
from environments.doing import provisioning
from environments.lifecycle import basing
from environments.lifecycle import fields as checks
from environments.models import Environment, Run, RunKind
from environments.resolving.scopes import Scope
from projects import access, events, lifecycle, retired
from projects.access import Actor, Permission
from projects.errors import Conflict, Invalid
from projects.models import Organization

INTEGRATIONS = "execution_environment.integration_ids"


class NameTaken(Conflict):
    code = "name-taken"


@events.operation
def begin(organization: Organization, *, by: Actor) -> Environment:
    """The environment every organization begins with."""
    access.require(by, Permission.MANAGE_ENVIRONMENTS)
    assert by.organization == organization
    columns = {"name": "default", "is_default": True, "tier": Environment.Tier.OTHER}
    return _create(by, {**columns, "provisioner": hosts.usual_provisioner()})


@events.operation
def create(*, by: Actor, name: str, **fields: Any) -> Environment:
    """A new environment; `fields` are the contract's. Its provisioning is queued at once."""
    columns = checks.checked({"name": name, **fields})
    columns |= _kind(by, columns)
    if columns.get("based_on") is not None:
        columns["based_on"] = basing.base(by, columns["based_on"])
        basing.check(None, columns["based_on"], by=by)
    columns.setdefault("tier", checks.tier_of(columns["name"]))
    return _create(by, columns)


def _kind(by: Actor, columns: dict[str, Any]) -> dict[str, Any]:
    """Permanent ones belong to the organization, ephemeral ones to a project."""
    project_id, kind = columns.pop("project_id", None), columns.get("kind")
    if project_id is None:
        access.require(by, Permission.MANAGE_ENVIRONMENTS)
        if kind == Environment.Kind.EPHEMERAL:
            raise Invalid.field("project_id", "An ephemeral environment belongs to a project; name it.")
        return {"kind": Environment.Kind.PERMANENT}
    if kind == Environment.Kind.PERMANENT:
        raise Invalid.field("project_id", "A permanent environment belongs to the organization, not to a project.")
    project = lifecycle.find(by, project_id)
    retired.check_project(project)
    # Operators make them, and protection is an admin's.
    permission = Permission.MANAGE_ENVIRONMENTS if columns.get("protected") else Permission.CREATE_EPHEMERAL
    access.require(by, permission, project_id=project.id)
    return {"kind": Environment.Kind.EPHEMERAL, "project": project}


def _create(by: Actor, columns: dict[str, Any]) -> Environment:
    given = columns.pop("env_vars", {})
    integrations = enabling.find(columns.pop("integration_ids", ()), by=by, field=INTEGRATIONS)
    amounts.check(None, env_vars=given, integrations=integrations, field="execution_environment")
    identity = uuid.uuid4()
    try:
        with transaction.atomic():
            environment = Environment.objects.create(
                id=identity,
                organization=by.organization,
                namespace=namespaces.name_for(
                    organization=by.organization.name, environment=columns["name"], identity=identity
                ),
                created_by=by.label,
                **columns,
            )
    except IntegrityError:
        raise NameTaken.about("name", "An environment of this name exists already; choose another name.") from None
    worker_tokens.give(environment)
    variables.replace(Scope(environment=environment), given, by=by)
    enabling.take_up(Scope(environment=environment), integrations, by=by)
    events.record(
        "environment.created",
        by=by,
        object={"kind": "environment", "id": environment.id, "name": environment.title},
        project_id=environment.project_id,
        environment_id=environment.id,
    )
    enqueue(environment, RunKind.PROVISION, by=by)
    return environment


def enqueue(environment: Environment, kind: RunKind, *, by: Actor, force: bool = False) -> Run:
    """Queue work on the environment itself and ring for it."""
    run = provisioning.enqueue(environment, kind, by=by, force=force)
    tasks.ring(run)
    return run
