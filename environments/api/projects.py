"""REST: projects."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from environments import lifecycle as environments
from environments.api.schemas.projects import ProjectChange, ProjectIn, ProjectOut
from projects import events, lifecycle
from projects.access import Actor
from projects.models import Project
from projects.rest.bodies import actor, created
from projects.rest.conditional import require_match
from projects.rest.paging import Paging, page
from projects.rest.shapes import as_json

router = Router(tags=["projects"])


def shape(project: Project) -> dict[str, Any]:
    return {
        "id": project.id,
        "organization_id": project.organization_id,
        "key": project.key,
        "name": project.name,
        "description": project.description,
        "restrict_to_environment": project.restrict_to_environment_id,
        "policy_ids": [],
        "status": "active",
        "owner": project.created_by,
        "created_at": project.created_at,
        "updated_at": project.updated_at,
    }


@router.get("/projects", response=list[ProjectOut])
def list_projects(request: HttpRequest, paging: Query[Paging]) -> list[dict[str, Any]]:
    return [shape(row) for row in page(request, lifecycle.visible(actor(request)), paging, newest_first=True)]


@router.post("/projects", response={201: ProjectOut})
def create_project(request: HttpRequest, response: HttpResponse, body: ProjectIn) -> dict[str, Any]:
    by = actor(request)
    fields = restricted(by, body.model_dump())
    project = lifecycle.create(by=by, **fields)
    created(response, "projects", project.id)
    return shape(project)


@router.get("/projects/default", response=ProjectOut)
def get_default_project(request: HttpRequest) -> dict[str, Any]:
    """Get or create the project DEFAULT."""
    by = actor(request)
    return shape(lifecycle.default(by=by))


@router.get("/projects/{id}", response=ProjectOut)
def get_project(request: HttpRequest, id: UUID) -> dict[str, Any]:
    by = actor(request)
    return shape(lifecycle.find(by, id))


@router.patch("/projects/{id}", response=ProjectOut)
@events.operation
def update_project(request: HttpRequest, id: UUID, body: ProjectChange) -> dict[str, Any]:
    by = actor(request)
    project = lifecycle.locked(lifecycle.find(by, id))
    current = shape(project)
    require_match(request, current)
    fields = {
        name: "" if value is None else value
        for name, value in body.given(current).items()
        if as_json(value) != as_json(current[name])
    }
    return shape(lifecycle.update(project, by=by, **restricted(by, fields)))


@router.delete("/projects/{id}", response={204: None})
def delete_project(request: HttpRequest, id: UUID) -> None:
    by = actor(request)
    lifecycle.delete(lifecycle.find(by, id), by=by)


def restricted(by: Actor, fields: dict[str, Any]) -> dict[str, Any]:
    """The environment may be named by id or name; nothing lifts the restriction. There are no policies yet."""
    fields.pop("policy_ids", None)
    if "restrict_to_environment" in fields:
        named = fields.pop("restrict_to_environment")
        fields["restrict_to_environment_id"] = environments.find(by, named).id if named else None
    return fields
