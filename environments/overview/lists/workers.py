"""Every worker that has registered: here, lost, or gone."""

from typing import Any

from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce, Now
from django.urls import reverse

from environments import drawing, seen
from environments.models import Run, Worker
from environments.overview.lists import listing
from environments.overview.lists.listing import Asked, Column, Listing
from projects import names, narration
from projects.access import Actor

FILTERS = ("q", "status", "kind")
STATES = (("online", "Online"), ("offline", "Offline"), ("disconnected", "Disconnected"))
COLUMNS = [
    Column("Worker", wide=False),
    Column("Status", wide=False),
    Column("Environment", wide=False),
    Column("Kind"),
    Column("Runs in hand", number=True),
    Column("Version"),
    Column("Heartbeat", wide=False),
]


def listed(actor: Actor, asked: Asked) -> Listing:
    running = Run.objects.filter(worker=OuterRef("pk"), phase="running").order_by()
    held = running.values("worker").annotate(count=Count("pk")).values("count")
    alive = Q(ended_at__isnull=True, lease_until__gt=Now())
    rows = (
        Worker.objects.filter(organization=actor.organization)
        .filter(environment__in=seen.environments(actor, terminating=True))
        .select_related("environment")
        .annotate(busy=Coalesce(Subquery(held), 0), alive=alive)
    )
    if asked.environment:
        rows = rows.filter(environment=asked.environment)
    match asked.one_of("status", (value for value, _ in STATES)):
        case "online":
            rows = rows.filter(alive)
        case "offline":
            rows = rows.filter(ended_at__isnull=True, lease_until__lte=Now())
        case "disconnected":
            rows = rows.filter(ended_at__isnull=False)
    if kind := asked.one_of("kind", Worker.Kind.values):
        rows = rows.filter(kind=kind)
    words = asked.value("q")
    within = seen.environments(actor, terminating=True)
    any_of = (names.holding("hostname", words), Q(environment__in=seen.matching(within, words))) if words else ()
    found, ends = listing.page(rows, asked, at="registered_at", any_of=any_of)
    return Listing(
        columns=COLUMNS,
        rows=[_row(worker, asked) for worker in found],
        subjects="environment:*",
        filters=[
            listing.choice(asked, "status", "Status", STATES, every="Every status"),
            listing.choice(asked, "kind", "Kind", Worker.Kind.choices, every="Every kind"),
        ],
        search="Host, environment",
        empty="No worker has registered yet. An environment's page shows the command that joins one.",
        **ends,
    )


def _row(worker: Any, asked: Asked) -> list[Any]:
    status = "disconnected" if worker.ended_at else "online" if worker.alive else "offline"
    return [
        worker.hostname,
        listing.joined([drawing.status(status), listing.small(narration.end_of_worker(worker.end_reason))]),
        listing.link(asked.to(reverse("environment", args=[worker.environment_id])), worker.environment.title),
        worker.get_kind_display(),
        worker.busy,
        worker.version,
        drawing.ago(worker.last_heartbeat_at),
    ]
