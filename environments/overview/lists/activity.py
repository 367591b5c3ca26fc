"""Everything that happened, newest first: each event a sentence that says what, and why."""

from collections.abc import Iterator
from datetime import UTC, datetime, time
from typing import Any

from django.db.models import QuerySet
from django.urls import NoReverseMatch, reverse
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.html import format_html

from environments import drawing
from environments.overview.lists import listing
from environments.overview.lists.listing import PAGE, Asked, Column, Listing, Moment
from projects import history, marks, names, narration
from projects.access import Actor
from projects.errors import Invalid
from projects.models import Event

FILTERS = ("actor", "kind", "object", "since", "until", "project")
SUBJECTS = "events"  # told with every event, whatever it is about
MOST_EXPORTED = 100_000
COLUMNS = [Column("What happened", wide=False), Column("Who", wide=False), Column("When", wide=False), Column("Kind")]
# The nouns that events begin with; a whole kind may be asked for as well.
NOUNS = {
    "agent": "Agents", "app": "Apps", "artifact": "Artifacts", "chain": "Chains", "configuration": "Configuration",
    "deployment": "Deployments",
    "environment": "Environments", "history": "History", "hold": "Holds", "integration": "Integrations",
    "invitation": "Invitations",
    "member": "Members", "organization": "Organization", "project": "Projects", "release": "Releases", "run": "Runs",
    "secret": "Secrets", "service": "Services", "session": "Sessions", "store": "Secret stores",
    "team": "Teams", "token": "Tokens", "variable": "Variables",
    "worker": "Workers", "worker_token": "Worker tokens", "workflow": "Workflows",
}  # fmt: skip
PAGES = {
    "app": "app", "project": "project", "environment": "environment", "run": "run", "release": "release",
    "secret": "configuration-entry", "variable": "configuration-entry", "workflow": "workflow", "team": "team",
    "agent": "agent", "integration": "integration",
}  # fmt: skip


def listed(actor: Actor, asked: Asked) -> Listing:
    rows = matching(actor, asked)
    if asked.cursor:
        (number,) = marks.read(asked.cursor, int)
        rows = rows.filter(number__lt=number)
    found = list(rows.order_by("-number")[: PAGE + 1])
    shown = found[:PAGE]
    following = marks.write(shown[-1].number) if len(found) > PAGE else ""
    kinds = list(NOUNS.items())
    if asked.value("kind") and asked.value("kind") not in NOUNS:
        kinds.append((asked.value("kind"), asked.value("kind")))
    return Listing(
        columns=COLUMNS,
        rows=[_row(event, asked) for event in shown],
        subjects="" if asked.cursor else SUBJECTS,
        filters=[
            listing.choice(asked, "kind", "Kind", kinds, every="Everything"),
            listing.projects(asked, actor),
        ],
        moments=[_shown(asked, "since"), _shown(asked, "until")],
        search="",
        # The newest alone: what lies further back is hardly ever undone, and judging it would mean reading all since.
        told=[] if asked.cursor else shown,
        empty="Nothing has happened yet.",
        exports=[(word, f"{reverse(f'activity-{form}')}{asked.query()}") for word, form in FORMS],
        **listing.ends(asked, following),
    )


FORMS = (("CSV", "csv"), ("JSON", "json"))


def matching(actor: Actor, asked: Asked) -> QuerySet[Event]:
    """What the filters leave of what the actor may see."""
    project = asked.project(actor)
    rows = history.events(
        actor,
        environment_id=asked.environment.pk if asked.environment else None,
        project_id=project.pk if project else None,
        kind=asked.value("kind"),
    ).order_by()
    if asked.value("actor"):
        name = asked.value("actor")
        rows = rows.filter(actor__iexact=name) if ":" in name else rows.filter(actor__iendswith=f":{name}")
    if asked.value("object"):
        name = asked.value("object")
        rows = rows.filter(names.holding("object__name", name) | names.holding("data__app", name))
    if since := _moment(asked, "since", time.min):
        rows = rows.filter(at__gte=since)
    if until := _moment(asked, "until", time.max):
        rows = rows.filter(at__lte=until)
    return rows


def check_exportable(actor: Actor, asked: Asked) -> None:
    """Refuse what is longer than is written in one go, rather than give a part of it as if it were all."""
    if matching(actor, asked).order_by("number")[MOST_EXPORTED : MOST_EXPORTED + 1].exists():
        raise Invalid.field(
            "since", f"More than {MOST_EXPORTED:,} events match; give a shorter time with since and until."
        )


def exported(actor: Actor, asked: Asked) -> Iterator[dict[str, Any]]:
    """The same events, oldest first, at most 100,000 of them."""
    for event in matching(actor, asked).order_by("number")[:MOST_EXPORTED].iterator(chunk_size=1000):
        yield history.told(actor.organization, event)


def _moment(asked: Asked, name: str, of_day: time) -> datetime | None:
    """A day, from its beginning or to its end, or a moment; UTC where no zone is named."""
    text = asked.value(name)
    if not text:
        return None
    try:
        day = parse_date(text)
        moment = datetime.combine(day, of_day) if day else parse_datetime(text)
        # Near the ends of the calendar another zone's moment has no place in ours.
        moment = moment and (moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        raise Invalid.field(name, "Give a day such as 2026-01-31, or a moment such as 2026-01-31T12:00:00Z.")
    return moment


def _shown(asked: Asked, name: str) -> Moment:
    moment = _moment(asked, name, time.min)
    if moment is None or parse_date(asked.value(name)):
        return Moment(name, asked.value(name))
    _, words = drawing.stamp(int(moment.timestamp()))
    return Moment(name, asked.value(name), words)


def _row(event: Event, asked: Asked) -> list[Any]:
    return [
        format_html("<span>{} {}</span>", _linked(event, asked), drawing.away(narration.link(event))),
        format_html(
            '<a href="{}" title="{}">{}</a>',
            asked.query(actor=event.actor),
            event.actor,
            event.actor.partition(":")[2] or event.actor,
        ),
        drawing.ago(event.at),
        format_html('<a href="{}">{}</a>', asked.query(kind=event.kind), event.kind),
    ]


def _linked(event: Event, asked: Asked) -> Any:
    """The sentence, leading to what it is about where that has a page."""
    sentence = narration.sentence(event)
    name = PAGES.get(str(event.object.get("kind", "")))
    run = event.data.get("run_id")
    try:
        url = reverse("run", args=[run]) if run else reverse(name, args=[event.object["id"]]) if name else ""
    except (NoReverseMatch, KeyError):
        url = ""
    return listing.link(asked.to(url), sentence, css="long") if url else sentence
