"""The chain page: its stages in order, and the forms that add, move and remove them."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from environments import lifecycle as lifecycle_of_environments
from environments import seen
from environments.delivery import chains
from environments.forms.chains import ChainForm, StageForm
from environments.forms.form import sentence
from environments.models import Chain, Environment, Stage
from environments.planning import stages as planning
from environments.views.choice import go, page
from environments.views.fragments import conditional
from projects import lifecycle
from projects.access import Permission, allows
from projects.errors import Conflict, Invalid, NotFound
from projects.views.signed_in import Visit, signed_in

MOST_CHOICES = 200


@require_safe
@signed_in
def chain(request: Visit, chain_id: uuid.UUID | None = None) -> HttpResponse:
    return _page(request, _found(request, chain_id))


@require_safe
@signed_in
@conditional
def environment(request: Visit, environment_id: uuid.UUID) -> HttpResponse:
    """One environment's line in its stage, drawn again when something happens to it."""
    found = lifecycle_of_environments.find(request.actor, environment_id)
    return render(request, "chain/_environment.html", {"environment": found})


@require_POST
@signed_in
def first(request: Visit) -> HttpResponse:
    """One click: development, staging and a protected production."""
    chains.begin(by=request.actor)
    messages.success(request, "The chain is made; its environments are being provisioned.")
    return go(request, "board")


@require_POST
@signed_in
def create(request: Visit) -> HttpResponse:
    """A chain with its first stage; a project's own begins as a copy of the default."""
    default = _found(request, None)
    form = ChainForm(request.POST, choices=_choices(request, None), projects=lifecycle.visible(request.actor))
    if not form.is_valid():
        return _page(request, default, begin=form, status=422)
    project = form.cleaned_data["project"]
    stages = _written(default) if project and default else []
    if form.cleaned_data["name"]:
        stages.append({"name": form.cleaned_data["name"], "environments": form.named})
    try:
        made = chains.create(
            by=request.actor,
            name=project.name if project else "Default",
            project=project,
            stages=stages,
            create_missing=True,
        )
    except (Conflict, Invalid) as refusal:
        form.refuse(refusal)
        return _page(request, default, begin=form, status=422)
    messages.success(request, f"The chain {made.name} is made.")
    return HttpResponseRedirect(_address(request, made))


@require_POST
@signed_in
def stages(request: Visit, chain_id: uuid.UUID) -> HttpResponse:
    """Add, move or remove one stage of the chain as it was seen; a chain changed meanwhile is shown anew."""
    found = chains.find(request.actor, str(chain_id))
    act, _, which = request.POST.get("act", "").partition(":")
    adding = act == "add"
    form = StageForm(request.POST if adding else None, choices=_choices(request, found))
    written = _written(found)
    seen = request.POST.get("seen", "")
    try:
        # Looked at first, so that a place is not sought in another chain, and judged again behind the lock.
        chains.check_seen(found, seen)
        if adding and not form.is_valid():
            return _page(request, found, form, status=422)
        if adding:
            written.append({"name": form.cleaned_data["name"], "environments": form.named})
        else:
            _rearrange(written, act, which)
        chains.update(found, by=request.actor, stages=written, create_missing=adding, seen=seen)
    except (Conflict, Invalid) as refusal:
        if adding and not isinstance(refusal, chains.ChangedMeanwhile):
            form.refuse(refusal)
            return _page(request, found, form, status=422)
        return _page(request, found, form, refusal=sentence(refusal), status=409)
    return HttpResponseRedirect(_address(request, found))


def _rearrange(stages: list[dict[str, Any]], act: str, which: str) -> None:
    """Move or remove the stage at one place; NotFound for a place or an act that there is not."""
    at = int(which) if which.isdecimal() and len(which) < 10 else len(stages)
    to = {"up": at - 1, "down": at + 1, "remove": at}.get(act, -1)
    if at >= len(stages) or not 0 <= to < len(stages):
        raise NotFound("There is no such stage to change.")
    if act == "remove":
        del stages[at]
    else:
        stages[at], stages[to] = stages[to], stages[at]


@require_POST
@signed_in
def removal(request: Visit, chain_id: uuid.UUID) -> HttpResponse:
    found = chains.find(request.actor, str(chain_id))
    chains.delete(found, by=request.actor)
    messages.success(request, f"The chain {found.name} is removed. Its environments stay as they are.")
    return go(request, "chain")


def _found(request: Visit, chain_id: uuid.UUID | None) -> Chain | None:
    if chain_id is not None:
        return chains.find(request.actor, str(chain_id))
    return chains.visible(request.actor).filter(project=None).first()


def _page(
    request: Visit,
    chain: Chain | None,
    form: StageForm | None = None,
    begin: ChainForm | None = None,
    *,
    refusal: str = "",
    status: int = 200,
) -> HttpResponse:
    may = allows(request.actor, Permission.MANAGE_CHAINS, project_id=chain.project_id if chain else None)
    found = planning.stages_of(chain) if chain else []
    taken = set(chains.visible(request.actor).exclude(project=None).values_list("project_id", flat=True))
    context = {
        "chain": chain,
        "stages": [_shown(request, stage, place) for place, stage in enumerate(found, 1)],
        "seen": chains.version(chain) if chain else "",
        "form": form or StageForm(choices=_choices(request, chain)),
        "begin": begin
        or ChainForm(choices=_choices(request, None), projects=lifecycle.visible(request.actor).exclude(pk__in=taken)),
        "others": [
            {"name": other.name, "url": _address(request, other), "current": other == chain}
            for other in chains.visible(request.actor).order_by("project_id", "name")
        ],
        "may_change": may,
        "refusal": refusal,
    }
    return render(request, "chain.html", context, status=status)


def _shown(request: Visit, stage: Stage, place: int) -> dict[str, Any]:
    """A stage with the environments that whoever looks may see."""
    seen = [each for each in planning.environments_of(stage) if request.actor.sees(environment_id=each.id)]
    return {"name": stage.name, "place": place, "at": place - 1, "environments": seen}


def _written(chain: Chain | None) -> list[dict[str, Any]]:
    """The stages as the room takes them."""
    return [
        {"name": stage.name, "environments": [each.name for each in planning.environments_of(stage)]}
        for stage in (planning.stages_of(chain) if chain else [])
    ]


def _choices(request: Visit, chain: Chain | None) -> list[str]:
    """The environments that may still be given a stage in this chain."""
    found = seen.environments(request.actor).filter(kind=Environment.Kind.PERMANENT)
    if chain is not None:
        found = found.exclude(places__chain=chain)
    return list(found.order_by("name").values_list("name", flat=True)[:MOST_CHOICES])


def _address(request: Visit, chain: Chain) -> str:
    return page(request, "chain-of-project", chain.id) if chain.project_id else page(request, "chain")
