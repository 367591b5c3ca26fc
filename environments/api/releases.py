"""REST: releases and the artifacts they are made of."""

from typing import Any, BinaryIO, cast
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import File, Form, Query, Router
from ninja.files import UploadedFile

from environments import fetches, liveness
from environments.api.schemas.releases import ArtifactOut, Compared, ComparisonOut, ReleaseIn, ReleaseOut, UploadIn
from environments.overview import compared
from environments.planning import comparison
from projects import apps, artifacts, events, lifecycle, releases
from projects.access import Actor
from projects.errors import Invalid
from projects.models import Artifact, Release
from projects.rest.bodies import actor, created
from projects.rest.paging import Paging, page

router = Router(tags=["releases"])


def artifact_shape(artifact: Artifact) -> dict[str, Any]:
    return {name: getattr(artifact, name) for name in ArtifactOut.model_fields}


def shapes(rows: list[Release], by: Actor) -> list[dict[str, Any]]:
    live = liveness.environments_of(rows)
    plain = [name for name in ReleaseOut.model_fields if name not in {"artifact", "live_in"}]
    return [
        {
            **{name: getattr(row, name) for name in plain},
            "artifact": artifact_shape(row.artifact) if row.artifact else None,
            "live_in": [
                place
                for place in live.get(row.id, [])
                if by.sees_all or by.sees(project_id=row.app.project_id, environment_id=place)
            ],
        }
        for row in rows
    ]


@router.get("/releases", response=list[ReleaseOut])
def list_releases(
    request: HttpRequest, paging: Query[Paging], app: str = "", project: str = "", version: str = ""
) -> list[dict[str, Any]]:
    by = actor(request)
    rows = releases.visible(by)
    if app:
        rows = rows.filter(app=apps.find(by, app))
    if project:
        rows = rows.filter(app__project=lifecycle.find(by, project))
    if version:
        rows = rows.filter(version=version)
    return shapes(page(request, rows, paging, newest_first=True), by)


@router.get("/releases/{id}", response=ReleaseOut)
def get_release(request: HttpRequest, id: UUID) -> dict[str, Any]:
    by = actor(request)
    return shapes([releases.find(by, id)], by)[0]


@router.get("/apps/{id}/releases/compare", response=ComparisonOut)
def compare_releases(request: HttpRequest, id: UUID, asked: Query[Compared]) -> dict[str, Any]:
    """How `to` differs from `from`: what each is, the releases between them, and both manifests line by line."""
    by = actor(request)
    app = apps.find(by, id)
    before, after = compared.pair(app, by=by, before=asked.before, after=asked.after)
    lines = compared.manifest_lines(before, after)
    one, other = shapes([before, after], by)
    return {
        "app_id": app.id,
        "before": one,
        "after": other,
        "releases": comparison.releases_between(app, before, after),
        "manifest": [{**line._asdict(), "change": line.change} for line in lines],
        "manifest_differs": any(line.change != "same" for line in lines),
        "artifact_differs": _digest(before) != _digest(after),
    }


def _digest(release: Release) -> str:
    """What is the same for what was made of the same."""
    return (release.artifact.sha256 or str(release.artifact.id)) if release.artifact else ""


@router.post("/apps/{id}/releases", response={201: ReleaseOut})
@events.operation
def cut_release(request: HttpRequest, response: HttpResponse, id: UUID, body: ReleaseIn) -> dict[str, Any]:
    """Made of an artifact that was uploaded, or of a git source that is fetched once, or of nothing but its steps."""
    by = actor(request)
    app = apps.find(by, id)
    if body.git and body.artifact_id:
        raise Invalid.field("git", "give artifact_id or git, not both")
    artifact = artifacts.find(by, body.artifact_id) if body.artifact_id else None
    if body.git:
        artifact = fetches.ask(by=by, app=app, url=body.git.url, ref=body.git.ref)
    release = releases.cut(by=by, app=app, artifact=artifact, **body.model_dump(exclude={"artifact_id", "git"}))
    created(response, "releases", release.id)
    return shapes([release], by)[0]


@router.post("/apps/{id}/artifacts", response={201: ArtifactOut})
def upload_artifact(
    request: HttpRequest, response: HttpResponse, id: UUID, file: File[UploadedFile], given: Form[UploadIn]
) -> dict[str, Any]:
    """A tar or zip archive as multipart/form-data; with `sha256` it is refused unless its digest is that."""
    by = actor(request)
    app = apps.find(by, id)
    artifact = artifacts.receive(
        by=by, app=app, stream=cast(BinaryIO, file), filename=file.name or "", sha256=given.sha256
    )
    created(response, "artifacts", artifact.id)
    return artifact_shape(artifact)


@router.get("/artifacts/{id}", response=ArtifactOut)
def get_artifact(request: HttpRequest, id: UUID) -> dict[str, Any]:
    return artifact_shape(artifacts.find(actor(request), id))
