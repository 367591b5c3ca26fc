"""Every address that an app has, in all environments."""

from typing import Any

from django.db.models import OuterRef, Q, Subquery
from django.urls import reverse
from django.utils.html import format_html

from environments import drawing, seen
from environments.models import Endpoint, Slot, State
from environments.overview.lists import listing
from environments.overview.lists.listing import Asked, Column, Listing
from projects import apps, names, scopes
from projects.access import Actor

FILTERS = ("q", "project")
COLUMNS = [
    Column("Address", wide=False),
    Column("Status", wide=False),
    Column("App", wide=False),
    Column("Environment", wide=False),
    Column("Release"),
    Column("Since"),
]


def listed(actor: Actor, asked: Asked) -> Listing:
    slot = Slot.objects.filter(app=OuterRef("app"), environment=OuterRef("environment"))
    rows = (
        Endpoint.objects.filter(organization=actor.organization, released_at__isnull=True)
        .filter(scopes.rows(actor, project="app__project", environment="environment"))
        .select_related("app__project", "environment", "host")
        .annotate(version=Subquery(slot.values("live__release__version")[:1]))
        .annotate(condition=Subquery(slot.values("condition")[:1]))
    )
    if asked.environment:
        rows = rows.filter(environment=asked.environment)
    if project := asked.project(actor):
        rows = rows.filter(app__project=project)
    words = asked.value("q")
    found, ends = listing.page(rows, asked, any_of=_matches(actor, words) if words else ())
    return Listing(
        columns=COLUMNS,
        rows=[_row(one, asked) for one in found],
        subjects="app:* environment:*",
        filters=[listing.projects(asked, actor)],
        search="App, service, environment, port",
        empty="No app has an address yet: each service with a port gets one with its first deployment.",
        **ends,
    )


def _matches(actor: Actor, words: str) -> list[Q]:
    port = words.rpartition(":")[2].strip("/")
    return [
        Q(app__in=apps.named_like(actor, words)),
        names.holding("service", words),
        Q(environment__in=seen.matching(seen.environments(actor), words)),
        *([Q(port=int(port))] if port.isascii() and port.isdigit() and len(port) < 6 else []),
    ]


def _row(endpoint: Any, asked: Asked) -> list[Any]:
    status = _status(endpoint)
    short = endpoint.url.removeprefix("http://")
    address = format_html('<a class="cut" href="{}">{}</a>', endpoint.url, short) if status == "live" else short
    return [
        address,
        drawing.status(status),
        listing.link(asked.to(reverse("app", args=[endpoint.app_id])), f"{endpoint.app.name} / {endpoint.service}"),
        listing.link(asked.to(reverse("environment", args=[endpoint.environment_id])), endpoint.environment.title),
        endpoint.version or "",
        drawing.ago(endpoint.created_at),
    ]


def _status(endpoint: Any) -> str:
    """Whether the address answers, as far as is known."""
    if endpoint.environment.state != State.RUNNING:
        return str(endpoint.environment.state)
    if not endpoint.version:
        return "none"
    return "live" if endpoint.condition == Slot.Condition.OK else str(endpoint.condition)
