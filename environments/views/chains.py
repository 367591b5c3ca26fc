"""The chain page: its stages in order, and the forms that add, move and remove them."""

import uuid
from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from environments import lifecycle as lifecycle_of_environments
from environments import seen
from environments.delivery import chains
from environments.forms.chains import ChainForm, StageForm
from environments.forms.form import sentence
from environments.models import Chain, Environment, Stage
from environments.planning import stages as planning
from environments.views.choice import go, query
from environments.views.fragments import conditional
from environments.views.undoing import done
from projects import events, lifecycle
from projects.access import Permission, allows, require
from projects.errors import Conflict, Invalid, NotFound, status
from projects.versions import ChangedMeanwhile
from projects.views.signed_in import Visit, is_fragment, signed_in

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
        return _page(request, default, begin=form, code=422)
    project = form.cleaned_data["project"]
    stages = _written(default) if project and default else []
    if form.cleaned_data["name"]:
        form.stands_at(len(stages))
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
        return _page(request, default, begin=form, code=form.status)
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
            return _page(request, found, form, code=422)
        if adding:
            form.stands_at(len(written))
            written.append({"name": form.cleaned_data["name"], "environments": form.named})
            act, to, said = "up", len(written) - 1, f"{form.cleaned_data['name']} is the last stage now."
        else:
            to, said = _rearrange(written, act, which)
        with events.noted() as made:
            chains.update(found, by=request.actor, stages=written, create_missing=adding, seen=seen)
    except (Conflict, Invalid) as refusal:
        if adding and not isinstance(refusal, ChangedMeanwhile):
            form.refuse(refusal)
            return _page(request, found, form, code=form.status)
        return _page(request, found, form, refusal=sentence(refusal), code=status(refusal))
    done(request, said, made)
    return HttpResponseRedirect(_address(request, found, at=f"{act}:{to}"))


def _rearrange(stages: list[dict[str, Any]], act: str, which: str) -> tuple[int, str]:
    """Move or remove the stage at one place, and say so; NotFound for a place or an act that there is not."""
    at = _number(which, len(stages))
    to = {"up": at - 1, "down": at + 1, "remove": at}.get(act, -1)
    if at >= len(stages) or not 0 <= to < len(stages):
        raise NotFound("There is no such stage to change.")
    name = stages[at]["name"]
    if act == "remove":
        del stages[at]
        return to, f"{name} is removed from the chain. Its environments stay as they are."
    stages[at], stages[to] = stages[to], stages[at]
    return to, f"{name} is stage {to + 1} of {len(stages)} now."


def _number(text: str, other: int) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else other


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def removal(request: Visit, chain_id: uuid.UUID) -> HttpResponse:
    """Asks before a stage is removed, or the whole chain; a stage is then removed as one of `stages`."""
    found = chains.find(request.actor, str(chain_id))
    if request.method == "POST":
        chains.delete(found, by=request.actor)
        messages.success(request, f"The chain {found.name} is removed. Its environments stay as they are.")
        return go(request, "chain")
    require(request.actor, Permission.MANAGE_CHAINS, project_id=found.project_id)
    names: list[str] = [stage["name"] for stage in _written(found)]
    which = request.GET.get("stage", "")
    at = _number(which, len(names))
    if which and at >= len(names):
        raise NotFound("There is no such stage to change.")
    context = {
        "chain": found,
        "back": _address(request, found),
        "seen": chains.version(found),
        "at": at,
        "stage": names[at] if which else "",
        "before": names[at - 1] if which and at else "",
        "after": names[at + 1] if which and at + 1 < len(names) else "",
    }
    return render(request, "chain/_removal.html" if is_fragment(request) else "chain/removal.html", context)


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
    code: int = 200,
) -> HttpResponse:
    may = allows(request.actor, Permission.MANAGE_CHAINS, project_id=chain.project_id if chain else None)
    found = planning.stages_of(chain) if chain else []
    taken = set(chains.visible(request.actor).exclude(project=None).values_list("project_id", flat=True))
    context = {
        "chain": chain,
        "stages": _shown(request, found, may_change=may),
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
    return render(request, "chain.html", context, status=code)


def _shown(request: Visit, stages: Sequence[Stage], *, may_change: bool) -> list[dict[str, Any]]:
    """The stages with the environments that whoever looks may see; after a change one keeps the focus where it was."""
    act, _, which = request.GET.get("at", "").partition(":")
    last = len(stages) - 1
    focused = min(_number(which, 0), last) if may_change and act in {"up", "down", "remove"} else -1
    # A stage that has come to an end of the chain cannot go on in that direction.
    offered = [way for way in (act, "up", "down", "remove") if (way, focused) not in {("up", 0), ("down", last)}]
    return [
        {
            "name": stage.name,
            "place": at + 1,
            "at": at,
            "environments": [
                each for each in planning.environments_of(stage) if request.actor.sees(environment_id=each.id)
            ],
            "focus": offered[0] if at == focused else "",
        }
        for at, stage in enumerate(stages)
    ]


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


def _address(request: Visit, chain: Chain, **more: str) -> str:
    url = reverse("chain-of-project", args=[chain.id]) if chain.project_id else reverse("chain")
    return url + query(request, **more)
