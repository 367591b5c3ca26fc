"""The pages of projects, apps and releases."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from environments import fetches, samples
from environments.delivery import archivals, deletions
from environments.forms.releases import AppForm, AppSettingsForm, ProjectForm, ProjectSettingsForm, ReleaseForm
from environments.overview import apps as overview
from environments.overview import compared
from environments.views.choice import chosen_environment, go, here
from environments.views.confirming import confirm
from environments.views.fragments import conditional
from environments.views.settings import settings_page
from environments.views.undoing import done, undoable
from projects import access, apps, artifacts, events, lifecycle, manifests, releases
from projects.access import Permission
from projects.errors import NotFound, Refused
from projects.models import App, Project, Release
from projects.views.signed_in import Visit, is_fragment, signed_in


@require_safe
@signed_in
@conditional
def project(request: Visit, project_id: uuid.UUID) -> HttpResponse:
    """Its apps in use, or with `?archived=true` those that are put away and can be restored."""
    context = overview.project_page(
        _project(request, project_id),
        request.actor,
        chosen=chosen_environment(request),
        archived=request.GET.get("archived") == "true",
        cursor=request.GET.get("cursor", ""),
    )
    context["here"] = here(request)
    context["undoable"] = undoable(request, context)
    return render(request, "project/_body.html" if is_fragment(request) else "project/page.html", context)


@require_safe
@signed_in
@conditional
def app(request: Visit, app_id: uuid.UUID) -> HttpResponse:
    before = request.GET.get("before", "")
    found = _app(request, app_id)
    context = overview.app_page(
        found,
        request.actor,
        before=int(before) if before.isdecimal() and len(before) < 10 else None,
        chosen=chosen_environment(request),
    )
    context["here"] = here(request)
    context["undoable"] = undoable(request, context)
    return render(request, "app/_body.html" if is_fragment(request) else "app/page.html", context)


@require_safe
@signed_in
@conditional
def release(request: Visit, release_id: uuid.UUID) -> HttpResponse:
    found = Release.objects.select_related("app__project", "artifact").filter(
        organization=request.actor.organization, pk=release_id
    )
    one = found.first()
    if one is None or not request.actor.sees(project_id=one.app.project_id):
        raise NotFound("There is no such release, or you may not see it.")
    context = overview.release_page(one, request.actor, chosen=chosen_environment(request))
    context["compare_url"] = compared.beside(one)
    context["here"] = here(request)
    return render(request, "release/_body.html" if is_fragment(request) else "release/page.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def new_project(request: Visit) -> HttpResponse:
    access.require(request.actor, Permission.MANAGE_PROJECTS)
    form = ProjectForm(request.POST or None, by=request.actor)
    if request.method == "POST" and form.is_valid():
        try:
            made = lifecycle.create(by=request.actor, **form.wish())
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, f"{made.name} was created. Add its first app.")
            return go(request, "app-new", made.id)
    context = {"form": form, "heading": "New project", "button": "Create project", "back": reverse("projects")}
    context["crumbs"] = [_projects()]
    return render(request, "form.html", context, status=form.status)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def new_app(request: Visit, project_id: uuid.UUID) -> HttpResponse:
    found = _project(request, project_id)
    access.require(request.actor, Permission.MANAGE_PROJECTS, project_id=found.id)
    form = AppForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = apps.create(by=request.actor, project=found, **form.wish())
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, f"{made.name} was created. Cut its first release.")
            return go(request, "release-new", made.id)
    back = reverse("project", args=[found.id])
    context = {"form": form, "heading": f"New app in {found.name}", "button": "Create app", "back": back}
    context["crumbs"] = [_projects(), {"word": found.name, "url": back}]
    return render(request, "form.html", context, status=form.status)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def project_settings(request: Visit, project_id: uuid.UUID) -> HttpResponse:
    found = _project(request, project_id)
    access.require(request.actor, Permission.MANAGE_PROJECTS, project_id=found.id)
    form = ProjectSettingsForm(request.POST or None, by=request.actor, project=found)
    return settings_page(
        request,
        form,
        save=lambda seen: lifecycle.update(found, by=request.actor, seen=seen, **form.wish()),
        now=lambda: ProjectSettingsForm(by=request.actor, project=_project(request, project_id)),
        of=found.name,
        place="project",
        ident=found.id,
        above=[_projects()],
    )


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def deletion(request: Visit, project_id: uuid.UUID) -> HttpResponse:
    found = _project(request, project_id)
    access.require(request.actor, Permission.MANAGE_PROJECTS, project_id=found.id)
    return confirm(
        request,
        lambda: deletions.delete(found, by=request.actor),
        heading=f"Delete {found.name}",
        sentence="Archived apps of which nothing was ever released go with it, and so do the roles that were given in "
        "it alone. A project in which something was released is kept with its history. This cannot be undone.",
        done=f"{found.name} is deleted.",
        to=reverse("projects"),
        back=reverse("project", args=[found.id]),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def project_archival(request: Visit, project_id: uuid.UUID) -> HttpResponse:
    found = _project(request, project_id)
    access.require(request.actor, Permission.MANAGE_PROJECTS, project_id=found.id)
    return confirm(
        request,
        lambda: lifecycle.archive(found, by=request.actor),
        heading=f"Archive {found.name}",
        sentence="Its apps leave the board, and nothing new is made in it: no apps, releases, deployments or "
        "environments. What runs of it keeps running. It keeps its key and its history, and can be restored.",
        done=f"{found.name} is archived.",
        to=reverse("project", args=[found.id]),
    )


@require_POST
@signed_in
def project_restoration(request: Visit, project_id: uuid.UUID) -> HttpResponse:
    with events.noted() as made:
        found = lifecycle.restore(_project(request, project_id), by=request.actor)
    done(request, f"{found.name} is restored: it takes new things again.", made)
    return go(request, "project", found.id)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def app_settings(request: Visit, app_id: uuid.UUID) -> HttpResponse:
    found = _app(request, app_id)
    access.require(request.actor, Permission.MANAGE_PROJECTS, project_id=found.project_id)
    form = AppSettingsForm(request.POST or None, app=found)
    return settings_page(
        request,
        form,
        save=lambda seen: apps.update(found, by=request.actor, seen=seen, **form.wish()),
        now=lambda: AppSettingsForm(app=_app(request, app_id)),
        of=found.name,
        place="app",
        ident=found.id,
        above=[_projects(), {"word": found.project.name, "url": reverse("project", args=[found.project_id])}],
    )


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def archival(request: Visit, app_id: uuid.UUID) -> HttpResponse:
    found = _app(request, app_id)
    access.require(request.actor, Permission.MANAGE_PROJECTS, project_id=found.project_id)
    return confirm(
        request,
        lambda: archivals.archive(found, by=request.actor),
        heading=f"Archive {found.name}",
        sentence="It leaves the board and takes no more releases and deployments. What runs of it keeps running until "
        "it is removed. It keeps its name, its releases and its history, and can be restored.",
        done=f"{found.name} is archived.",
        to=reverse("app", args=[found.id]),
    )


@require_POST
@signed_in
def restoration(request: Visit, app_id: uuid.UUID) -> HttpResponse:
    with events.noted() as made:
        found = apps.restore(_app(request, app_id), by=request.actor)
    done(request, f"{found.name} is restored: it takes releases and deployments again.", made)
    return go(request, "app", found.id)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def new_release(request: Visit, app_id: uuid.UUID) -> HttpResponse:
    """Cut a release: a version, a manifest, and an archive or a git source where the app needs one."""
    found = _app(request, app_id)
    access.require(request.actor, Permission.RELEASE, project_id=found.project_id)
    form = ReleaseForm(request.POST or None, request.FILES or None, initial=overview.last_manifest(found))
    if request.method == "POST" and form.is_valid():
        try:
            made = _cut(form, request, found)
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, f"{found.name} {made.version} was cut.")
            return go(request, "release", made.id)
    back = reverse("app", args=[found.id])
    context = {"form": form, "heading": f"New release of {found.name}", "button": "Cut release", "back": back}
    project = {"word": found.project.name, "url": reverse("project", args=[found.project_id])}
    context["crumbs"] = [_projects(), project, {"word": found.name, "url": back}]
    return render(request, "form.html", context, status=form.status)


@events.operation
def _cut(form: ReleaseForm, request: Visit, app: App) -> Release:
    """The release with what it is made of, or neither."""
    given = form.cleaned_data
    fields: dict[str, Any] = {name: given[name] for name in ("version", "commit", "notes", "link")}
    # Judged before anything is stored or fetched; the room reads it again as it was written.
    manifests.parse(given["manifest"])
    fields["manifest"] = given["manifest"]
    if given["archive"]:
        fields["artifact"] = artifacts.receive(
            by=request.actor, app=app, stream=given["archive"], filename=given["archive"].name
        )
    elif given["git_url"]:
        fields["artifact"] = fetches.ask(
            by=request.actor, app=app, url=given["git_url"], ref=given["git_ref"] or "HEAD"
        )
    return releases.cut(by=request.actor, app=app, **fields)


@require_POST
@signed_in
def sample(request: Visit) -> HttpResponse:
    first = samples.load(by=request.actor)
    messages.success(request, "The sample project is here: deploy its first release to Development.")
    return go(request, "release", first.id)


def _project(request: Visit, project_id: uuid.UUID) -> Project:
    return lifecycle.find(request.actor, str(project_id))


def _app(request: Visit, app_id: uuid.UUID) -> App:
    return apps.find(request.actor, str(app_id))


def _projects() -> dict[str, str]:
    return {"word": "Projects", "url": reverse("projects")}
