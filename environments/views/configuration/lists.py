"""The configuration page: what holds where, or everything that is set; and why one key has its value."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from environments.overview import configuration as choosing
from environments.views.choice import here
from environments.views.configuration import placed
from environments.views.configuration.asked import RESOLVED, SCOPES, SET, Asked, asked
from environments.views.configuration.links import LEVELS
from environments.views.configuration.resolved import Resolved
from environments.views.fragments import conditional
from projects import access
from projects.access import Permission
from projects.errors import NotFound
from projects.views.signed_in import Visit, is_fragment, signed_in


@require_safe
@signed_in
@conditional
def configuration(request: Visit) -> HttpResponse:
    wanted, part = asked(request), is_fragment(request)
    context = resolved_context(wanted) if wanted.view == RESOLVED else placed_context(wanted)
    context |= {"asked": wanted, "here": here(request), "place": request.path}
    if not part:
        context |= _around(wanted)
    return render(request, "configuration/_list.html" if part else "configuration/page.html", context)


def resolved_context(wanted: Asked) -> dict[str, Any]:
    found = Resolved(wanted)
    here = wanted.environment
    return found.page() | {
        "resolved": True,
        "counts": found.counts,
        "live": f"configuration environment:{here.pk}" if here else "configuration",
        "base": choosing.base(wanted.actor, here) if here else None,
        "nothing": not found.found.winners,
    }


def placed_context(wanted: Asked) -> dict[str, Any]:
    shows = (
        ("", "All"),
        ("variable", "Variables"),
        ("secret", "Secrets"),
        ("overdue", "To rotate"),
        ("deleted", "Deleted"),
    )
    narrowed = wanted.narrowed or wanted.environment or wanted.holders
    return placed.page(wanted) | {
        "resolved": False,
        "counts": [(show, word, None) for show, word in shows],
        "live": "configuration",
        "nothing": not narrowed,
    }


def _around(wanted: Asked) -> dict[str, Any]:
    """The filters, and what the page leads to."""
    first = {"cursor": ""}
    may_set = access.allows_somewhere(wanted.actor, Permission.CONFIGURE)
    return {
        "filters": choosing.filters(wanted.actor, wanted.holders),
        "scopes": list(zip(SCOPES, LEVELS, strict=True)),
        "tabs": [
            {
                "word": f"Holds for {wanted.named}",
                "url": wanted.query(view=RESOLVED, **first),
                "current": wanted.view == RESOLVED,
            },
            {
                "word": "Everything that is set",
                "url": wanted.query(view=SET, show="", **first),
                "current": wanted.view == SET,
            },
        ],
        "may_set": may_set,
        "new_place": urlencode({name: value for name, value in wanted.place.items() if name != "environment"}),
    }


@require_safe
@signed_in
def explained(request: Visit, key: str) -> HttpResponse:
    """Why a key has its value here: the rows below its own, or a page of its own."""
    wanted = asked(request)
    found = Resolved(wanted)
    if key not in found.found.winners:
        raise NotFound(f"{key} is set nowhere for {wanted.named}, or you may not see it.")
    part = is_fragment(request)
    context = {"key": key, "lines": found.lines(key), "asked": wanted}
    if not part:
        (context["row"],) = found.rows([key])
        context["back"] = reverse("configuration") + wanted.query(view=RESOLVED)
        context["everywhere"] = reverse("configuration") + f"?{urlencode({'view': SET, 'q': key, 'environment': ''})}"
    return render(request, "configuration/_scopes.html" if part else "configuration/explained.html", context)
