"""Every run: what was done or is being done, where, by whom, and how it ended."""

from typing import Any

from django.db.models import Q
from django.urls import reverse

from environments import drawing, statuses
from environments.models import Phase, Run, RunKind
from environments.overview.lists import listing
from environments.overview.lists.listing import Asked, Column, Listing
from environments.runs import lookup
from projects import apps, names
from projects.access import Actor

FILTERS = ("q", "phase", "kind", "project")
COLUMNS = [
    Column("Run", wide=False),
    Column("Status", wide=False),
    Column("Environment", wide=False),
    Column("Took"),
    Column("Begun", wide=False),
]


def listed(actor: Actor, asked: Asked) -> Listing:
    rows = lookup.visible(actor)
    if asked.environment:
        rows = rows.filter(environment=asked.environment)
    if project := asked.project(actor):
        rows = rows.filter(project=project)
    if phase := asked.one_of("phase", Phase.values):
        rows = rows.filter(phase=phase)
    if kind := asked.one_of("kind", RunKind.values):
        rows = rows.filter(kind=kind)
    words = asked.value("q")
    found, ends = listing.page(rows, asked, any_of=_matches(actor, words) if words else ())
    return Listing(
        columns=COLUMNS,
        rows=[_row(run, asked) for run in found],
        subjects="run:*",
        filters=[
            listing.choice(asked, "phase", "Status", Phase.choices, every="Every status"),
            listing.choice(asked, "kind", "Kind", RunKind.choices, every="Every kind"),
            listing.projects(asked, actor),
        ],
        search="Number, app, version, workflow, reason",
        empty="Nothing has been run yet. Deploying a release or creating an environment makes a run.",
        **ends,
    )


def _matches(actor: Actor, words: str) -> list[Q]:
    number = words.removeprefix("#")
    if number.isascii() and number.isdigit() and len(number) < 18:
        return [Q(number=int(number))]
    version = names.holding("deployment__release__version", words)
    return [
        Q(app__in=apps.named_like(actor, words)),
        version & Q(deployment__release__organization=actor.organization),
        names.holding("reason", words),
        names.holding("workflow__name", words) & Q(workflow__organization=actor.organization),
        names.holding("agent__name", words) & Q(agent__organization=actor.organization),
    ]


def _row(run: Run, asked: Asked) -> list[Any]:
    what = run.get_kind_display()
    if run.deployment is not None:
        release = run.deployment.release
        what = f"{run.deployment.get_kind_display()} {run.app or ''} {release.version if release else ''}".strip()
    elif run.workflow or run.agent:
        what = f"{what} {run.workflow or run.agent}"
    elif run.app is not None:
        what = f"{what} {run.app} {run.service}".strip()
    took = ""
    if run.started_at and run.finished_at:
        took = statuses.duration((run.finished_at - run.started_at).total_seconds())
    return [
        listing.link(asked.to(reverse("run", args=[run.pk])), f"#{run.number} {what}"),
        listing.joined([drawing.drawn(statuses.phase_of(run.phase), ""), listing.small(run.reason)]),
        listing.link(asked.to(reverse("environment", args=[run.environment_id])), run.environment.title)
        if run.environment
        else "",
        took,
        listing.joined([drawing.ago(run.created_at), run.created_by.partition(":")[2] or run.created_by], " · "),
    ]
