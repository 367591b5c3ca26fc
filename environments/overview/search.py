"""One search over what an actor may see: apps, environments, releases by version or commit, runs, and what to do."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Q
from django.urls import reverse

from environments.models import Run
from environments.overview.choices import choices
from environments.runs import lookup
from projects import access, apps, names, releases
from projects.access import Actor, Permission

EACH = 6
LONGEST = 100


@dataclass(frozen=True)
class Hit:
    """`hint` says where it belongs; `glyph` is a status to be drawn before it."""

    word: str
    url: str
    hint: str = ""
    glyph: str = ""


@dataclass(frozen=True)
class Group:
    word: str
    hits: list[Hit]


PLACES = (
    ("Board", "board"),
    ("Environments", "environments"),
    ("Releases", "releases"),
    ("Runs", "runs"),
    ("Endpoints", "endpoints"),
    ("Workers", "workers"),
    ("Activity", "activity"),
    ("Projects", "projects"),
    ("Chain", "chain"),
)
ACTIONS = (
    ("New environment", "environment-new", Permission.MANAGE_ENVIRONMENTS),
    ("New project", "project-new", Permission.MANAGE_PROJECTS),
)


def found(actor: Actor, words: str) -> list[Group]:
    """At most six of each kind, in a constant number of statements; without words, where one may go."""
    words = " ".join(words.replace("\0", "").split())[:LONGEST]
    groups = [Group("Actions", list(_actions(actor, words))), Group("Go to", list(_places(words)))]
    if words:
        groups = [
            Group("Apps", list(_apps(actor, words))),
            Group("Environments", list(_environments(actor, words))),
            Group("Releases", list(_releases(actor, words))),
            Group("Runs", list(_runs(actor, words))),
            *groups,
        ]
    return [group for group in groups if group.hits]


def _apps(actor: Actor, words: str) -> Iterator[Hit]:
    rows = apps.visible(actor).filter(names.holding("name", words)).order_by("name", "id")
    for app in rows[:EACH]:
        yield Hit(app.name, reverse("app", args=[app.pk]), app.project.key)


def _environments(actor: Actor, words: str) -> Iterator[Hit]:
    for one in choices(actor, find=words, limit=EACH):
        yield Hit(one.title, reverse("environment", args=[one.id]), one.name, one.state)


def _releases(actor: Actor, words: str) -> Iterator[Hit]:
    """`shop 1.4` finds the version of that app, `1.4` that of every app, `ab12` the commit."""
    name, _, version = words.rpartition(" ")
    matching = names.holding("version", words) | Q(commit__istartswith=words)
    if name:
        matching |= Q(names.holding("version", version), app__in=apps.named_like(actor, name))
    rows = releases.visible(actor).select_related("app__project").filter(matching)
    for release in rows[:EACH]:
        commit = release.commit[:7]
        yield Hit(f"{release.app.name} {release.version}", reverse("release", args=[release.pk]), commit)


def _runs(actor: Actor, words: str) -> Iterator[Hit]:
    number = words.removeprefix("#")
    if number.isascii() and number.isdigit() and len(number) < 18:
        matching = Q(number=int(number))
    else:
        matching = Q(app__in=apps.named_like(actor, words))
    rows = lookup.visible(actor).filter(matching)
    for run in rows[:EACH]:
        yield Hit(str(run), reverse("run", args=[run.pk]), _where(run), run.phase)


def _where(run: Run) -> str:
    return " in ".join(str(part) for part in (run.app, run.environment and run.environment.title) if part)


def _places(words: str) -> Iterator[Hit]:
    for word, name in PLACES:
        if words.lower() in word.lower():
            yield Hit(word, reverse(name))


def _actions(actor: Actor, words: str) -> Iterator[Hit]:
    for word, name, permission in ACTIONS:
        if words.lower() in word.lower() and access.allows(actor, permission):
            yield Hit(word, reverse(name))
