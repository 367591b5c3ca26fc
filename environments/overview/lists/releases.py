"""Every release of every app, and where each is live."""

import uuid
from collections import defaultdict
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils.html import format_html

from environments import drawing, seen
from environments.models import Environment, Slot
from environments.overview.lists import listing
from environments.overview.lists.listing import Asked, Choosing, Column, Listing
from projects import apps, releases
from projects.access import Actor
from projects.models import Release

FILTERS = ("q", "project", "live")
COLUMNS = [
    Column("Release", wide=False),
    Column("Live in", wide=False),
    Column("Project"),
    Column("Commit"),
    Column("Cut", wide=False),
]


def listed(actor: Actor, asked: Asked) -> Listing:
    rows = releases.visible(actor).select_related("app__project", "artifact")
    if project := asked.project(actor):
        rows = rows.filter(app__project=project)
    live = Slot.objects.filter(live__release=OuterRef("pk"), environment__in=seen.environments(actor))
    if asked.environment:
        rows = rows.filter(Exists(live.filter(environment=asked.environment)))
    if wanted := asked.one_of("live", ("yes", "no")):
        rows = rows.filter(Exists(live) if wanted == "yes" else ~Exists(live))
    if words := asked.value("q"):
        rows = rows.filter(releases.matching(actor, words) | Q(app__in=apps.named_like(actor, words)))
    found, ends = listing.page(rows, asked)
    places = _places(actor, [release.pk for release in found])
    return Listing(
        columns=COLUMNS,
        rows=[_row(release, places[release.pk], asked) for release in found],
        subjects="app:*",
        filters=[
            listing.choice(asked, "live", "Where", (("yes", "Live somewhere"), ("no", "Live nowhere")), every="All"),
            listing.projects(asked, actor),
        ],
        search="Version, app, commit",
        choosing=Choosing(
            url=reverse("releases-chosen"),
            word="Compare two",
            name="release",
            idle="Select two releases of one app, then",
            asks="Select two releases of one app, or one to compare it with the one before it.",
            most=2,
            ticks=[(str(release.pk), f"Compare {release.app.name} {release.version}") for release in found],
        ),
        empty="No release has been cut yet. An app's page cuts one.",
        **ends,
    )


def _places(actor: Actor, ids: list[uuid.UUID]) -> dict[uuid.UUID, list[Environment]]:
    found: dict[uuid.UUID, list[Environment]] = defaultdict(list)
    slots = Slot.objects.filter(live__release__in=ids, environment__in=seen.environments(actor))
    for slot in slots.select_related("live", "environment").order_by("environment__name"):
        assert slot.live is not None and slot.live.release_id is not None
        found[slot.live.release_id].append(slot.environment)
    return found


def _row(release: Release, places: list[Environment], asked: Asked) -> list[Any]:
    name = f"{release.app.name} {release.version}"
    where = [
        format_html('<a class="tag" href="{}">{}</a>', asked.to(reverse("environment", args=[place.pk])), place.title)
        for place in places[:6]
    ]
    more = f"and {len(places) - 6} more" if len(places) > 6 else ""
    missing = release.artifact is not None and release.artifact.status != "stored"
    return [
        listing.link(asked.to(reverse("release", args=[release.pk])), name),
        drawing.status(release.artifact.status)
        if missing and release.artifact
        else listing.joined([*where, more]) or format_html('<span class="muted">{}</span>', "Nowhere"),
        listing.link(asked.to(reverse("project", args=[release.app.project_id])), release.app.project.key),
        format_html("<code>{}</code>", release.commit[:7]) if release.commit else "",
        listing.joined([drawing.ago(release.created_at), release.created_by.partition(":")[2]], " · "),
    ]
