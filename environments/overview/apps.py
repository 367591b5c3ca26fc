"""The pages of a project, an app and a release."""

import uuid
from typing import Any

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.urls import reverse

from environments import seen, statuses
from environments.models import Chain, Deployment, Endpoint, Environment, Run, RunKind, Slot
from environments.overview import activity, crews, manifest_text, slots
from environments.planning import stages
from projects import access, history, marks, scopes
from projects.access import Actor, Permission
from projects.models import App, Project, Release, Workflow

PAGE = 50
FIRST_MANIFEST = """\
steps:
  - {name: build, run: "echo building $TOWPATH_VERSION"}
services:
  - {name: web, run: "python3 -m http.server $PORT", health: {http: /, within: 60s}, stop_timeout: 10s}
"""


def last_manifest(app: App) -> dict[str, str]:
    """What the form for a new release begins with: the newest release's manifest, as text."""
    newest = Release.objects.filter(app=app).order_by("-serial").first()
    return {"manifest": manifest_text.write(newest.manifest) if newest else FIRST_MANIFEST}


def project_page(
    project: Project, actor: Actor, *, chosen: Environment | None = None, archived: bool = False, cursor: str = ""
) -> dict[str, Any]:
    """The project's apps with their newest release and where they are live, all over or in the chosen environment.

    Those in use, or the archived ones, by name, 50 a page.
    """
    newest = Release.objects.filter(app=OuterRef("pk")).order_by("-serial")
    every = App.objects.filter(project=project)
    counts = every.aggregate(
        in_use=Count("pk", Q(archived_at=None)), archived=Count("pk", Q(archived_at__isnull=False))
    )
    apps = every.filter(archived_at__isnull=not archived)
    if cursor:
        name, ident = marks.read(cursor, str, uuid.UUID)
        apps = apps.filter(Q(name__gte=name), Q(name__gt=name) | Q(pk__gt=ident))
    found = list(
        apps.annotate(
            newest=Subquery(newest.values("version")[:1]),
            newest_at=Subquery(newest.values("created_at")[:1]),
            release_count=Subquery(
                Release.objects.filter(app=OuterRef("pk")).order_by().values("app").annotate(n=Count("pk")).values("n")
            ),
        ).order_by("name", "id")[: PAGE + 1]
    )
    shown = found[:PAGE]
    live: dict[uuid.UUID, list[dict[str, Any]]] = {}
    alive = seen_slots(actor, chosen).filter(app__in=shown, live__isnull=False)
    chain = stages.applying_chain(project, project.organization)
    alive = alive.order_by(stages.place(chain, of="environment"), "environment__name")
    for slot in slots.kept(alive):
        live.setdefault(slot.app_id, []).append(_standing(slot))
    return {
        "project": project,
        "apps": [{"app": app, "live": live.get(app.id, [])} for app in shown],
        "archived": archived,
        "counts": counts,
        "next": marks.write(shown[-1].name, shown[-1].pk) if len(found) > PAGE else "",
        "first": bool(cursor),
        "may_manage": access.allows(actor, Permission.MANAGE_PROJECTS, project_id=project.id),
        "activity": _activity(actor, Q(project_id=project.id), chosen),
        "chosen": chosen,
        "restricted_to": _restricted_to(project, actor),
        "workflows": list(Workflow.objects.filter(project=project, archived_at=None).order_by("name")[:PAGE]),
        **crews.of_project(project, actor),
    }


def _restricted_to(project: Project, actor: Actor) -> Environment | None:
    """The only environment the project may deploy to, for those who see it."""
    only = project.restrict_to_environment_id
    return Environment.objects.filter(id=only).first() if only and actor.sees(environment_id=only) else None


def app_page(app: App, actor: Actor, *, before: int | None = None, chosen: Environment | None = None) -> dict[str, Any]:
    """Where the app runs, its releases newest first (50 a page), its deployments and what happened."""
    releases = Release.objects.filter(app=app).select_related("artifact").order_by("-serial")
    if before:
        releases = releases.filter(serial__lt=before)
    found = list(releases[: PAGE + 1])
    every = slots.told(seen_slots(actor).filter(app=app, last_number__gt=0))
    chain = stages.applying_chain(app.project, actor.organization)
    placed: list[Any] = list(every.order_by(stages.place(chain, of="environment"), "environment__name"))
    places = [slot for slot in placed if chosen is None or slot.environment_id == chosen.id]
    live = live_by_release(placed)
    answering = {
        (slot.environment_id, service["name"])
        for slot in places
        for service in slot.services
        if slots.service_state(slot.environment, service.get("state", "stopped")) == "running"
    }
    addresses: dict[uuid.UUID, list[dict[str, Any]]] = {}
    for endpoint in Endpoint.objects.filter(app=app, released_at__isnull=True).select_related("host"):
        addresses.setdefault(endpoint.environment_id, []).append(
            {
                "url": endpoint.url,
                "short": endpoint.url.removeprefix("http://"),
                "service": endpoint.service,
                "answers": (endpoint.environment_id, endpoint.service) in answering,
            }
        )
    return {
        "app": app,
        "places": [
            {
                **slots.row(slot, slot.environment, actor),
                "slot": slot,
                "endpoints": addresses.get(slot.environment_id, []),
            }
            for slot in places
        ],
        "elsewhere": len(placed) - len(places),
        "chosen": chosen,
        "releases": [{"release": one, "live": live.get(one.id, [])} for one in found[:PAGE]],
        "comparable": len(found) > 1,
        "older": found[PAGE - 1].serial if len(found) > PAGE else None,
        "newer": before is not None,
        "may_release": access.allows(actor, Permission.RELEASE, project_id=app.project_id),
        "may_manage": access.allows(actor, Permission.MANAGE_PROJECTS, project_id=app.project_id),
        "activity": _activity(actor, Q(app_id=app.id), chosen),
    }


def release_page(release: Release, actor: Actor, *, chosen: Environment | None = None) -> dict[str, Any]:
    """Where the release is live, where it may go, every deployment of it, its manifest."""
    chain = stages.applying_chain(release.app.project, actor.organization)
    placed = slots.kept(seen_slots(actor).filter(app=release.app))
    places = list(placed.order_by(stages.place(chain, of="environment"), "environment__name"))
    shown = scopes.rows(actor, project="app__project", environment="environment")
    deployments = Deployment.objects.filter(shown, release=release)
    if chosen is not None:
        deployments = deployments.filter(environment=chosen)
    live = live_by_release(places).get(release.id, [])
    return {
        "release": release,
        # Where a source that could not be fetched says why, and is tried again.
        "fetch": Run.objects.filter(artifact__isnull=False, artifact=release.artifact_id, kind=RunKind.FETCH).first(),
        "chosen": chosen,
        "live": live,
        "deployments": deployments.select_related("environment", "run").order_by("-created_at", "-id")[:PAGE],
        "targets": _targets(release, actor, chosen, chain, live={one["environment"] for one in live}),
    }


def _targets(
    release: Release, actor: Actor, chosen: Environment | None, chain: Chain | None, *, live: set[Environment]
) -> list[dict[str, Any]]:
    """The environments this actor may deploy the release to; the plan says what stands in the way."""
    if release.app.is_put_away:
        return []
    draft = reverse("plan-draft")
    environments = seen.environments(actor)
    if chosen is not None:
        environments = environments.filter(pk=chosen.pk)
    return [
        {
            "environment": environment,
            # As the plan will call it.
            "verb": "Deploy again"
            if environment in live
            else "Promote"
            if 0 < environment.at < stages.OUTSIDE
            else "Deploy",
            "url": f"{draft}?app={release.app_id}&release={release.id}&environment_id={environment.id}",
        }
        for environment in environments.annotate(at=stages.place(chain, of="pk")).order_by("at", "name")[:PAGE]
        if access.allows(
            actor,
            Permission.DEPLOY,
            project_id=release.app.project_id,
            environment_id=environment.id,
            protected=environment.protected,
        )
    ]


def seen_slots(actor: Actor, chosen: Environment | None = None) -> QuerySet[Slot]:
    """Of what an actor sees, all over or in the chosen environment."""
    found = Slot.objects.filter(organization=actor.organization, environment__terminated_at__isnull=True)
    found = found.filter(scopes.rows(actor, project="app__project", environment="environment"))
    return found if chosen is None else found.filter(environment=chosen)


def _standing(slot: Slot) -> dict[str, Any]:
    """Where something is live, and the word for it where it does not run; `slot` comes from `slots.kept`."""
    status, rests = slots.standing(slot), slot.environment.state not in statuses.SERVING
    word = statuses.status_of(status).word if rests else ""
    return {"environment": slot.environment, "slot": slot, "status": status, "word": word}


def live_by_release(placed: list[Slot]) -> dict[uuid.UUID, list[dict[str, Any]]]:
    """Release id -> where it is live; the slots come from `slots.kept`."""
    live: dict[uuid.UUID, list[dict[str, Any]]] = {}
    for slot in placed:
        if slot.live and slot.live.release_id:
            live.setdefault(slot.live.release_id, []).append(_standing(slot))
    return live


def _activity(actor: Actor, about: Q, chosen: Environment | None) -> list[dict[str, Any]]:
    found = history.visible(actor).filter(about)
    if chosen is not None:
        found = found.filter(Q(environment_id=None) | Q(environment_id=chosen.id))
    return activity.lines(found)
