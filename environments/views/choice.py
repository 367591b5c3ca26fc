"""The environment that is chosen in the header, and the addresses that keep the choice."""

import uuid
from functools import cache
from typing import Any
from urllib.parse import urlencode

from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpResponseRedirect
from django.urls import reverse

from environments import seen
from environments.models import Environment, StageEnvironment
from projects import names
from projects.errors import NotFound
from projects.views.signed_in import ENVIRONMENT_COOKIE, is_fragment

ANY = str(uuid.UUID(int=0))


def chosen_environment(request: Any) -> Environment | None:
    """The environment that filters this page: named in the URL (404 if not visible), else kept in the cookie.

    A part of a page that is open has in its URL what the page shows: the cookie may be another page's choice.
    """
    if not hasattr(request, "chosen"):
        # Before it is looked up: the page that says it is not there draws this shell, too.
        request.chosen = None
        request.chosen = _choose(request)
    chosen: Environment | None = request.chosen
    return chosen


def _choose(request: Any) -> Environment | None:
    if getattr(request, "actor", None) is None:
        return None
    named = request.GET.get("environment")
    kept = "" if is_fragment(request) else request.COOKIES.get(ENVIRONMENT_COOKIE, "")
    name = kept if named is None else named
    if not name:
        return None
    own = environment_of_page(request)
    if own is not None and own.name.lower() == name.lower():
        return own
    found = _staged(seen.environments(request.actor)).filter(names.same("name", name)).first()
    if found is None and named:
        raise NotFound("There is no environment of that name here, or you may not see it.")
    # Whoever goes from one environment's view to another's page goes on with that one.
    return found and (own or found)


def environment_of_page(request: Any) -> Environment | None:
    """The environment whose own page, or a part of it, this is."""
    if not hasattr(request, "environment_of_page"):
        match = request.resolver_match
        own = match is not None and (match.url_name or "").startswith("environment")
        which = match.kwargs.get("environment_id") if own else None
        actor = getattr(request, "actor", None)
        found = None
        if which is not None and actor is not None:
            found = _staged(seen.environments(actor, terminating=True)).filter(pk=which).first()
        request.environment_of_page = found
    page: Environment | None = request.environment_of_page
    return page


def query(request: Any, **more: Any) -> str:
    """`?environment=production` to append to a link, so that the choice stays in the URL."""
    chosen = chosen_environment(request)
    # One that is being terminated has its own page and no other: its name may be another's by now.
    values = {"environment": chosen.name} if chosen and chosen.deleted_at is None else {}
    values |= {name: value for name, value in more.items() if value}
    return f"?{urlencode(values)}" if values else ""


@cache
def _pattern(name: str, arguments: int) -> str:
    return reverse(name, args=[ANY] * arguments)


def link(name: str, which: uuid.UUID | str = "") -> str:
    """A page's address by replacing, since reversing an address costs as much as drawing half a cell."""
    address = _pattern(name, 1 if which else 0)
    return address.replace(ANY, str(which)) if which else address


def here(request: Any) -> str:
    """The address of this very view, for its parts: with the choice in it, also where that is none."""
    chosen, asked = chosen_environment(request), request.GET.copy()
    asked["environment"] = chosen.name if chosen and chosen.deleted_at is None else ""
    return f"{request.path}?{asked.urlencode()}"


def page(request: Any, name: str, *args: Any) -> str:
    """The address of a page, with the choice of environment. Every redirect goes to one of these."""
    return reverse(name, args=args) + query(request)


def go(request: Any, name: str, *args: Any) -> HttpResponseRedirect:
    return HttpResponseRedirect(page(request, name, *args))


def _staged(found: QuerySet[Environment]) -> Any:
    """With `stage`, the place in the organization's default chain."""
    places = StageEnvironment.objects.filter(environment=OuterRef("pk"), chain__project=None)
    return found.annotate(stage=Subquery(places.values("stage__position")[:1]))
