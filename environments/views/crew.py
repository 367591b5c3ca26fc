"""The pages of teams and agents, and the forms that make, change, assign and delete them."""

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from environments import crew
from environments.forms.crew import AgentForm, AgentSettingsForm, TeamForm, TeamSettingsForm
from environments.overview import crews
from environments.views.choice import chosen_environment, go, here
from environments.views.confirming import confirm
from environments.views.fragments import conditional
from environments.views.settings import settings_page
from projects import access, agents, assigned, assignments, lifecycle, teams
from projects.access import Permission
from projects.errors import Invalid, NotFound, Refused
from projects.models import Agent, Team
from projects.views.signed_in import Visit, is_fragment, signed_in


@require_safe
@signed_in
@conditional
def team(request: Visit, team_id: uuid.UUID) -> HttpResponse:
    found = teams.find(request.actor, team_id)
    context = crews.team_page(found, request.actor, chosen=chosen_environment(request))
    context["here"] = here(request)
    return render(request, "team/_body.html" if is_fragment(request) else "team/page.html", context)


@require_safe
@signed_in
@conditional
def agent(request: Visit, agent_id: uuid.UUID) -> HttpResponse:
    found = agents.find(request.actor, agent_id)
    context = crews.agent_page(found, request.actor, chosen=chosen_environment(request))
    context["here"] = here(request)
    return render(request, "agent/_body.html" if is_fragment(request) else "agent/page.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def new_team(request: Visit) -> HttpResponse:
    return _new(request, Team, TeamForm)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def new_agent(request: Visit) -> HttpResponse:
    return _new(request, Agent, AgentForm)


def _new(request: Visit, kind: type[Team] | type[Agent], shape: Callable[..., Any]) -> HttpResponse:
    """In the project that the address names, where it names one; who may not assign there makes none."""
    key = request.GET.get("project", "")
    project = lifecycle.find(request.actor, key) if key else None
    access.require(request.actor, Permission.MANAGE_PROJECTS, project_id=project.id if project else None)
    form = shape(request.POST or None, by=request.actor, initial={"project": project.key if project else ""})
    noun = kind.__name__.lower()
    if request.method == "POST" and form.is_valid():
        try:
            made = crew.create(kind, by=request.actor, **form.wish())
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, f"{made.name} was created.")
            return go(request, noun, made.id)
    back = reverse("project", args=[project.id]) if project else reverse(f"{noun}s")
    context = {"form": form, "heading": f"New {noun}", "button": f"Create {noun}", "back": back, "crumbs": [_all(noun)]}
    return render(request, "form.html", context, status=form.status)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def team_settings(request: Visit, team_id: uuid.UUID) -> HttpResponse:
    def shape(*given: Any) -> TeamSettingsForm:
        found = teams.find(request.actor, team_id)
        work = crews.working([found], by=request.actor)[found.pk]
        return TeamSettingsForm(*given, by=request.actor, team=found, work=work)

    return _settings(request, teams.find(request.actor, team_id), shape)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def agent_settings(request: Visit, agent_id: uuid.UUID) -> HttpResponse:
    def shape(*given: Any) -> AgentSettingsForm:
        found = agents.find(request.actor, agent_id)
        page = crews.agent_page(found, request.actor)
        return AgentSettingsForm(*given, by=request.actor, agent=found, team=page["team"], work=page["work"])

    return _settings(request, agents.find(request.actor, agent_id), shape)


def _settings(request: Visit, found: Team | Agent, shape: Callable[..., Any]) -> HttpResponse:
    assigned.require_manage(found, by=request.actor)
    form = shape(request.POST or None)
    noun = assignments.called(found)
    return settings_page(
        request,
        form,
        save=lambda seen: crew.update(found, by=request.actor, seen=seen, **form.wish()),
        now=shape,
        of=found.name,
        place=noun,
        ident=found.id,
        above=[_all(noun)],
    )


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def team_deletion(request: Visit, team_id: uuid.UUID) -> HttpResponse:
    return _deletion(request, teams.find(request.actor, team_id), "Its agents stay, and have no team any more. ")


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def agent_deletion(request: Visit, agent_id: uuid.UUID) -> HttpResponse:
    return _deletion(request, agents.find(request.actor, agent_id), "Its runs and their logs stay. ")


def _deletion(request: Visit, found: Team | Agent, stays: str) -> HttpResponse:
    assigned.require_manage(found, by=request.actor)
    noun = assignments.called(found)
    return confirm(
        request,
        lambda: crew.delete(found, by=request.actor),
        heading=f"Delete {found.name}",
        sentence=f"{stays}The variables and secrets that are set for it alone are deleted with it. "
        "This cannot be undone.",
        done=f"{found.name} is deleted.",
        to=reverse(f"{noun}s"),
        back=reverse(noun, args=[found.id]),
    )


@require_POST
@signed_in
def add_agent(request: Visit, team_id: uuid.UUID) -> HttpResponse:
    """The agent whose name is typed."""
    found = teams.find(request.actor, team_id)
    added = teams.add(found, _named(request, agents.find, "agent"), by=request.actor)
    messages.success(request, f"{added.name} is in {found.name} from now on.")
    return go(request, "team", found.id)


@require_POST
@signed_in
def take_agent_out(request: Visit, team_id: uuid.UUID, agent_id: uuid.UUID) -> HttpResponse:
    found = teams.find(request.actor, team_id)
    teams.take_out(found, agents.find(request.actor, agent_id), by=request.actor)
    messages.success(request, f"Taken out of {found.name}.")
    return go(request, "team", found.id)


@require_POST
@signed_in
def assign_team(request: Visit, project_id: uuid.UUID) -> HttpResponse:
    return _assign(request, project_id, teams.find, "team")


@require_POST
@signed_in
def assign_agent(request: Visit, project_id: uuid.UUID) -> HttpResponse:
    return _assign(request, project_id, agents.find, "agent")


def _assign(request: Visit, project_id: uuid.UUID, find: Callable[..., Any], noun: str) -> HttpResponse:
    project = lifecycle.find(request.actor, project_id)
    access.require(request.actor, Permission.MANAGE_PROJECTS, project_id=project.id)
    found = _named(request, find, noun)
    assignments.assign(found, project, by=request.actor)
    messages.success(request, f"{found.name} works for {project.name} from now on.")
    return go(request, "project", project.id)


@require_POST
@signed_in
def take_team_off(request: Visit, project_id: uuid.UUID, team_id: uuid.UUID) -> HttpResponse:
    return _take_off(request, project_id, teams.find(request.actor, team_id))


@require_POST
@signed_in
def take_agent_off(request: Visit, project_id: uuid.UUID, agent_id: uuid.UUID) -> HttpResponse:
    return _take_off(request, project_id, agents.find(request.actor, agent_id))


def _take_off(request: Visit, project_id: uuid.UUID, found: Team | Agent) -> HttpResponse:
    project = lifecycle.find(request.actor, project_id)
    assignments.take_off(found, project, by=request.actor)
    messages.success(request, f"{found.name} does not work for {project.name} any more.")
    return go(request, "project", project.id)


def _named(request: Visit, find: Callable[..., Any], noun: str) -> Any:
    name = request.POST.get(noun, "").strip()
    if not name:
        raise Invalid.field(noun, f"Name the {noun}.")
    try:
        return find(request.actor, name)
    except NotFound:
        raise Invalid.field(noun, f"There is no {noun} {name} here.") from None


def _all(noun: str) -> dict[str, str]:
    return {"word": f"{noun.capitalize()}s", "url": reverse(f"{noun}s")}
