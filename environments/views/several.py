"""Several environments at once: what is wished for them, the question before a deletion, and what came of each."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from environments import lifecycle, seen, undoing
from environments.forms.environments import SeveralDeletionForm, SeveralTagForm
from environments.lifecycle import several as room
from environments.models import Environment, StageEnvironment
from environments.views.choice import page
from projects.access import Actor
from projects.views.signed_in import Visit, signed_in

HEADINGS = {"start": "Start", "stop": "Stop", "delete": "Delete", "tag": "Add a tag", "untag": "Remove a tag"}


@require_POST
@signed_in
def several(request: Visit) -> HttpResponse:
    what, idents = request.POST.get("act", ""), room.chosen(request.POST.getlist("id"))
    if what == "delete":
        form = SeveralDeletionForm(request.POST if "confirm" in request.POST else None, count=len(idents))
        if not form.is_valid():
            context = {"form": form, "ids": idents, "rows": _kept(request.actor, idents), "crumbs": _crumbs()}
            return render(request, "environments/deletion.html", context, status=form.status)
    if what in {"tag", "untag"}:
        asked = SeveralTagForm(request.POST)
        if not asked.is_valid():
            many = f"{len(idents)} environment{'' if len(idents) == 1 else 's'}"
            context = {
                "form": asked,
                "heading": f"{HEADINGS[what]} {'to' if what == 'tag' else 'from'} {many}",
                "button": HEADINGS[what],
                "back": reverse("environments"),
                "crumbs": _crumbs(),
            }
            return render(request, "form.html", context, status=asked.status)
    outcomes = lifecycle.act_on_several(what, idents, by=request.actor, tag=request.POST.get("tag", "")[:100])
    done = sum(one.done for one in outcomes)
    context = {
        "heading": HEADINGS[what],
        "outcomes": [(one, undoing.offered(one.made)) for one in outcomes],
        "done": done,
        "refused": len(outcomes) - done,
        "back": page(request, "environments"),
        "crumbs": _crumbs(),
    }
    return render(request, "environments/outcomes.html", context)


def _kept(actor: Actor, idents: list[str]) -> list[dict[str, Any]]:
    """Those that the actor sees, and what would keep each as it stands; in a constant number of statements."""
    found = {str(one.pk): one for one in seen.environments(actor, terminating=True).filter(pk__in=_ids(idents))}
    staged = set(StageEnvironment.objects.filter(environment__in=found.values()).values_list("environment", flat=True))
    return [{"title": found[one].title, "why": _why(found[one], staged)} for one in idents if one in found]


def _why(environment: Environment, staged: set[Any]) -> str:
    if environment.deleted_at:
        return "is being terminated already"
    if environment.is_default:
        return "the environment the organization began with stays"
    if environment.protected:
        return "protected: it stays"
    return "stands in a chain: it stays" if environment.pk in staged else ""


def _ids(idents: list[str]) -> list[str]:
    return [one for one in idents if room.is_id(one)]


def _crumbs() -> list[dict[str, str]]:
    return [{"word": "Environments", "url": reverse("environments")}]
