"""The pages of projects, apps and releases."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from environments import fetches, samples
from environments.forms.releases import AppForm, ProjectForm, ReleaseForm
from environments.overview import apps as overview
from environments.overview import compared
from environments.views.choice import chosen_environment, go
from environments.views.fragments import conditional
from projects import access, apps, artifacts, events, lifecycle, manifests, releases
from projects.access import Permission
from projects.errors import NotFound, Refused
from projects.models import App, Project, Release
from projects.views.signed_in import Visit, is_fragment, signed_in


@require_safe
@signed_in
@conditional
def projects(request: Visit) -> HttpResponse:
    context = overview.projects_page(request.actor, cursor=request.GET.get("cursor", ""))
    context["here"] = request.get_full_path()
    return render(request, "projects/_list.html" if is_fragment(request) else "projects/page.html", context)


@require_safe
@signed_in
@conditional
def project(request: Visit, project_id: uuid.UUID) -> HttpResponse:
    context = overview.project_page(_project(request, project_id), request.actor, chosen=chosen_environment(request))
    context["here"] = request.get_full_path()
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
    context["here"] = request.get_full_path()
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
    context["here"] = request.get_full_path()
    return render(request, "release/_body.html" if is_fragment(request) else "release/page.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def new_project(request: Visit) -> HttpResponse:
    access.require(request.actor, Permission.MANAGE_PROJECTS)
    form = ProjectForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = lifecycle.create(by=request.actor, **form.cleaned_data)
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
            made = apps.create(by=request.actor, project=found, **form.cleaned_data)
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
