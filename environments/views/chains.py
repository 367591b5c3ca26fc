"""The chain page: its stages in order, and the forms that add, move and remove them."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from environments import forms
from environments.delivery import chains
from environments.models import Chain, Environment, Stage
from environments.planning import stages as planning
from environments.views.shell import query
from projects import lifecycle
from projects.access import Permission, allows
from projects.errors import Refused
from projects.views.signed_in import Visit, signed_in


@require_safe
@signed_in
def chain(request: Visit, chain_id: uuid.UUID | None = None) -> HttpResponse:
    return _page(request, _found(request, chain_id), forms.StageForm(choices=_choices(request)))


@require_POST
@signed_in
def first(request: Visit) -> HttpResponse:
    """One click: development, staging and a protected production."""
    chains.begin(by=request.actor)
    messages.success(request, "The chain is made; its environments are being provisioned.")
    return redirect("board")


@require_POST
@signed_in
def create(request: Visit) -> HttpResponse:
    """A chain with its first stage; a project's own begins as a copy of the default."""
    form = forms.ChainForm(request.POST, choices=_choices(request), projects=lifecycle.visible(request.actor))
    if not form.is_valid():
        return _page(request, _found(request, None), forms.StageForm(choices=_choices(request)), form, status=422)
    project = form.cleaned_data["project"]
    default = _found(request, None)
    stages = _written(default) if project and default else []
    if form.cleaned_data["name"]:
        stages.append({"name": form.cleaned_data["name"], "environments": form.named})
    try:
        made = chains.create(
            by=request.actor,
            name=f"{project.name}" if project else "Default",
            project=project,
            stages=stages,
            create_missing=True,
        )
    except Refused as refusal:
        form.refuse(refusal)
        return _page(request, default, forms.StageForm(choices=_choices(request)), form, status=422)
    messages.success(request, f"The chain {made.name} is made.")
    return redirect(_address(request, made))


@require_POST
@signed_in
def stages(request: Visit, chain_id: uuid.UUID) -> HttpResponse:
    """Add, move or remove one stage of the chain as it was seen; a chain changed meanwhile is shown anew."""
    found = chains.find(request.actor, str(chain_id))
    form = forms.StageForm(request.POST, choices=_choices(request))
    written = _written(found)
    act, _, which = request.POST.get("act", "").partition(":")
    if request.POST.get("seen", "") != _seen(found):
        form.add_error(None, "Somebody changed this chain meanwhile. Here it is as it stands now; repeat your change.")
        return _page(request, found, form, status=409)
    at = int(which) if which.isdecimal() and int(which) < len(written) else None
    if act == "add" and form.is_valid():
        written.append({"name": form.cleaned_data["name"], "environments": form.named})
    elif act == "remove" and at is not None:
        del written[at]
    elif act in {"up", "down"} and at is not None:
        to = at - 1 if act == "up" else at + 1
        if 0 <= to < len(written):
            written[at], written[to] = written[to], written[at]
    else:
        return _page(request, found, form, status=422)
    try:
        chains.update(found, by=request.actor, stages=written, create_missing=act == "add")
    except Refused as refusal:
        form.refuse(refusal)
        return _page(request, found, form, status=409)
    return redirect(_address(request, found))


@require_POST
@signed_in
def removal(request: Visit, chain_id: uuid.UUID) -> HttpResponse:
    found = chains.find(request.actor, str(chain_id))
    chains.delete(found, by=request.actor)
    messages.success(request, f"The chain {found.name} is removed. Its environments stay as they are.")
    return redirect("chain")


def _found(request: Visit, chain_id: uuid.UUID | None) -> Chain | None:
    if chain_id is not None:
        return chains.find(request.actor, str(chain_id))
    return chains.visible(request.actor).filter(project=None).first()


def _page(
    request: Visit,
    chain: Chain | None,
    form: forms.StageForm,
    begin: forms.ChainForm | None = None,
    *,
    status: int = 200,
) -> HttpResponse:
    may = allows(request.actor, Permission.MANAGE_CHAINS, project_id=chain.project_id if chain else None)
    found = planning.stages_of(chain) if chain else []
    taken = set(chains.visible(request.actor).exclude(project=None).values_list("project_id", flat=True))
    context = {
        "chain": chain,
        "stages": [_shown(stage, place) for place, stage in enumerate(found, 1)],
        "seen": _seen(chain) if chain else "",
        "form": form,
        "begin": begin
        or forms.ChainForm(choices=_choices(request), projects=lifecycle.visible(request.actor).exclude(pk__in=taken)),
        "others": [
            {"name": other.name, "url": _address(request, other), "current": other == chain}
            for other in chains.visible(request.actor).order_by("project_id", "name")
        ],
        "may_change": may,
    }
    return render(request, "chain.html", context, status=status)


def _shown(stage: Stage, place: int) -> dict[str, Any]:
    return {"name": stage.name, "place": place, "at": place - 1, "environments": planning.environments_of(stage)}


def _written(chain: Chain | None) -> list[dict[str, Any]]:
    """The stages as the room takes them."""
    return [
        {"name": stage.name, "environments": [each.name for each in planning.environments_of(stage)]}
        for stage in (planning.stages_of(chain) if chain else [])
    ]


def _seen(chain: Chain) -> str:
    return ",".join(str(stage.id) for stage in planning.stages_of(chain))


def _choices(request: Visit) -> list[str]:
    """Environments that may stand in a stage."""
    found = Environment.objects.filter(
        organization=request.actor.organization, deleted_at=None, kind=Environment.Kind.PERMANENT
    )
    return [name for name in found.order_by("name").values_list("name", flat=True)[:200]]


def _address(request: Visit, chain: Chain) -> str:
    return (f"/chain/{chain.id}" if chain.project_id else "/chain") + query(request)
