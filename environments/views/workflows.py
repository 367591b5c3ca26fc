"""The pages of workflows, and the forms by which workflows and agents are run."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from environments import errands
from environments import lifecycle as environments
from environments.forms.workflows import AgentRunForm, WorkflowForm, WorkflowRunForm, WorkflowSettingsForm
from environments.overview import workflows as overview
from environments.views.choice import chosen_environment, go, here
from environments.views.confirming import confirm
from environments.views.fragments import conditional
from environments.views.settings import settings_page
from environments.views.undoing import done
from projects import access, agents, events, lifecycle, workflows
from projects.access import Permission
from projects.errors import NotAllowed, Refused
from projects.models import Workflow
from projects.views.signed_in import Visit, is_fragment, signed_in


@require_safe
@signed_in
@conditional
def workflow(request: Visit, workflow_id: uuid.UUID) -> HttpResponse:
    context = overview.page(
        _workflow(request, workflow_id),
        request.actor,
        chosen=chosen_environment(request),
        cursor=request.GET.get("cursor", ""),
    )
    context["here"] = here(request)
    return render(request, "workflow/_body.html" if is_fragment(request) else "workflow/page.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def new(request: Visit, project_id: uuid.UUID | None = None) -> HttpResponse:
    """In that project, or in one that is named in the form."""
    project = lifecycle.find(request.actor, project_id) if project_id else None
    access.require(request.actor, Permission.MANAGE_PROJECTS, project_id=project_id)
    form = WorkflowForm(request.POST or None, by=request.actor, project=project)
    if request.method == "POST" and form.is_valid():
        try:
            made = workflows.create(by=request.actor, **form.wish())
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, f"{made.name} was created. Run it where you like.")
            return go(request, "workflow", made.id)
    heading = f"New workflow in {project.name}" if project else "New workflow"
    context = {"form": form, "heading": heading, "button": "Create workflow", "back": reverse("workflows")}
    context["crumbs"] = [_workflows()]
    return render(request, "form.html", context, status=form.status)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def settings(request: Visit, workflow_id: uuid.UUID) -> HttpResponse:
    found = _workflow(request, workflow_id)
    access.require(request.actor, Permission.MANAGE_PROJECTS, project_id=found.project_id)
    form = WorkflowSettingsForm(request.POST or None, by=request.actor, workflow=found)
    return settings_page(
        request,
        form,
        save=lambda seen: workflows.update(found, by=request.actor, seen=seen, **form.wish()),
        now=lambda: WorkflowSettingsForm(by=request.actor, workflow=_workflow(request, workflow_id)),
        of=found.name,
        place="workflow",
        ident=found.id,
        above=[_workflows()],
    )


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def run(request: Visit, workflow_id: uuid.UUID) -> HttpResponse:
    """The inputs it asks for, and where."""
    found = _workflow(request, workflow_id)
    _may_run(request)
    form = WorkflowRunForm(request.POST or None, by=request.actor, workflow=found, initial=_where(request))
    if request.method == "POST" and form.is_valid():
        try:
            place = environments.find(request.actor, form.cleaned_data["environment"])
            made = errands.run_workflow(found, by=request.actor, environment=place, inputs=form.given())
        except Refused as refused:
            form.refuse(refused)
        else:
            return go(request, "run", made.id)
    back = reverse("workflow", args=[found.id])
    context = {"form": form, "heading": f"Run {found.name}", "button": "Run", "back": back}
    context["crumbs"] = [_workflows(), {"word": found.name, "url": back}]
    return render(request, "form.html", context, status=form.status)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def run_agent(request: Visit, agent_id: uuid.UUID) -> HttpResponse:
    """Its input, and where."""
    found = agents.find(request.actor, agent_id)
    _may_run(request)
    form = AgentRunForm(request.POST or None, by=request.actor, agent=found, initial=_where(request))
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            place = environments.find(request.actor, given["environment"])
            made = errands.run_agent(
                found, by=request.actor, environment=place, input=given["input"], project=given["project"]
            )
        except Refused as refused:
            form.refuse(refused)
        else:
            return go(request, "run", made.id)
    context = {"form": form, "heading": f"Run {found.name}", "button": "Run", "back": reverse("agent", args=[found.id])}
    return render(request, "form.html", context, status=form.status)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def archival(request: Visit, workflow_id: uuid.UUID) -> HttpResponse:
    found = _workflow(request, workflow_id)
    access.require(request.actor, Permission.MANAGE_PROJECTS, project_id=found.project_id)
    return confirm(
        request,
        lambda: workflows.archive(found, by=request.actor),
        heading=f"Archive {found.name}",
        sentence="It is run no more, and its name is free for another. What runs of it goes on; its history is kept, "
        "and it can be restored.",
        done=f"{found.name} is archived.",
        to=reverse("workflow", args=[found.id]),
    )


@require_POST
@signed_in
def restoration(request: Visit, workflow_id: uuid.UUID) -> HttpResponse:
    with events.noted() as made:
        found = workflows.restore(_workflow(request, workflow_id), by=request.actor)
    done(request, f"{found.name} is restored: it can be run again.", made)
    return go(request, "workflow", found.id)


def _workflow(request: Visit, workflow_id: uuid.UUID) -> Workflow:
    return workflows.find(request.actor, workflow_id)


def _may_run(request: Visit) -> None:
    """Where, is asked by the form; whoever may run nothing anywhere is told at once."""
    if not access.allows_somewhere(request.actor, Permission.DEPLOY):
        raise NotAllowed("Your role does not let you run anything; ask an admin for a grant.")


def _where(request: Visit) -> dict[str, str]:
    chosen = chosen_environment(request)
    return {"environment": chosen.name if chosen else ""}


def _workflows() -> dict[str, str]:
    return {"word": "Workflows", "url": reverse("workflows")}
