"""One search over what an actor may see, by name, version, commit or number, and over what there is to do."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.db.models import Model, Q, QuerySet
from django.urls import reverse

from environments.overview import runs
from environments.overview.choices import choices, named
from environments.runs import lookup
from projects import access, agents, apps, lifecycle, names, releases, teams
from projects.access import Actor, Permission

M = TypeVar("M", bound=Model)

EACH = 6
LONGEST = 100


@dataclass(frozen=True)
class Hit:
    """`hint` says where it belongs; `glyph` is the status it is in."""

    word: str
    url: str
    hint: str = ""
    glyph: str = ""


@dataclass(frozen=True)
class Group:
    """`more` is the address of the list that has the others, too, and `place` says which one that is."""

    word: str
    hits: list[Hit]
    more: str = ""
    place: str = ""


PLACES = (
    ("Board", "board"),
    ("Environments", "environments"),
    ("Releases", "releases"),
    ("Runs", "runs"),
    ("Configuration", "configuration"),
    ("Endpoints", "endpoints"),
    ("Workers", "workers"),
    ("Activity", "activity"),
    ("Workflows", "workflows"),
    ("Projects", "projects"),
    ("Teams", "teams"),
    ("Agents", "agents"),
    ("Chain", "chain"),
    ("Integrations", "integrations"),
    ("Members", "members"),
    ("Access tokens", "tokens"),
    ("Account", "account"),
)
FOR_STAFF = (("Admin", "admin:index"),)
ACTIONS = (
    ("New environment", "environment-new", Permission.MANAGE_ENVIRONMENTS),
    ("New project", "project-new", Permission.MANAGE_PROJECTS),
    ("Invite a member", "member-invite", Permission.MANAGE_MEMBERS),
    ("New access token", "token-new", Permission.MANAGE_TOKENS),
    ("New variable", "variable-new", Permission.CONFIGURE),
    ("New secret", "secret-new", Permission.CONFIGURE),
    ("New team", "team-new", Permission.MANAGE_PROJECTS),
    ("New agent", "agent-new", Permission.MANAGE_PROJECTS),
    ("New workflow", "workflow-new", Permission.MANAGE_PROJECTS),
)


def found(actor: Actor, words: str) -> list[Group]:
    """At most six of each kind, what is called just so first; a constant number of statements.

    Without words, where one may go.
    """
    words = " ".join(words.replace("\0", "").split())[:LONGEST]
    groups = [Group("Actions", list(_actions(actor, words))), Group("Go to", list(_places(actor, words)))]
    if words:
        groups = [
            _group("Apps", _apps(actor, words), words, "on the board", "board"),
            _group("Environments", _environments(actor, words), words, "among the environments", "environments"),
            _group("Releases", _releases(actor, words), words, "among the releases", "releases"),
            _group("Runs", _runs(actor, words), words, "among the runs", "runs"),
            _group("Projects", _projects(actor, words), words, "among the projects", "projects"),
            _group("Teams", _crew(teams.visible(actor), "team", words), words, "among the teams", "teams"),
            _group("Agents", _crew(agents.visible(actor), "agent", words), words, "among the agents", "agents"),
            *groups,
        ]
    return [group for group in groups if group.hits]


def _group(word: str, hits: Iterator[Hit], words: str, place: str, name: str) -> Group:
    """Six of the hits; the list has all of them only where no environment is chosen, as the search knows none."""
    every = list(hits)
    more = f"{reverse(name)}?{urlencode({'q': words, 'environment': ''})}" if len(every) > EACH else ""
    return Group(word, every[:EACH], more, place)


def _first(just_so: QuerySet[M], alike: QuerySet[M]) -> list[M]:
    """One more than is shown, each once: a statement for each of the two, which an index of its own answers."""
    rows: dict[Any, M] = {row.pk: row for part in (just_so, alike) for row in part[: EACH + 1]}
    return list(rows.values())


def _apps(actor: Actor, words: str) -> Iterator[Hit]:
    rows = apps.visible(actor).order_by("name", "id")
    for app in _first(rows.filter(names.same("name", words)), rows.filter(names.holding("name", words))):
        yield Hit(app.name, reverse("app", args=[app.pk]), app.project.key)


def _crew(rows: QuerySet[Any], noun: str, words: str) -> Iterator[Hit]:
    rows = rows.order_by("name", "id")
    for one in _first(rows.filter(names.same("name", words)), rows.filter(names.holding("name", words))):
        yield Hit(one.name, reverse(noun, args=[one.pk]))


def _environments(actor: Actor, words: str) -> Iterator[Hit]:
    both = (*named(actor, words, limit=EACH + 1), *choices(actor, find=words, limit=EACH + 1))
    for one in {one.id: one for one in both}.values():
        yield Hit(one.title, reverse("environment", args=[one.id]), one.name, one.state)


def _releases(actor: Actor, words: str) -> Iterator[Hit]:
    rows = releases.visible(actor).select_related("app__project")
    for release in _first(rows.filter(releases.named(actor, words)), rows.filter(releases.matching(actor, words))):
        commit = release.commit[:7]
        yield Hit(f"{release.app.name} {release.version}", reverse("release", args=[release.pk]), commit)


def _projects(actor: Actor, words: str) -> Iterator[Hit]:
    rows = lifecycle.visible(actor).order_by("name", "id")
    just_so = rows.filter(Q(key__iexact=words) | names.same("name", words))
    for project in _first(just_so, rows.filter(lifecycle.matching(words))):
        yield Hit(project.name, reverse("project", args=[project.pk]), project.key)


def _runs(actor: Actor, words: str) -> Iterator[Hit]:
    number = words.removeprefix("#")
    if number.isascii() and number.isdigit() and len(number) < 18:
        matching = Q(number=int(number))
    else:
        matching = Q(app__in=apps.named_like(actor, words))
    rows = lookup.visible(actor).filter(matching)
    for run in rows[: EACH + 1]:
        yield Hit(f"#{run.number} {runs.title(run)}", reverse("run", args=[run.pk]), glyph=run.phase)


def _places(actor: Actor, words: str) -> Iterator[Hit]:
    staff = actor.is_person and actor.user is not None and actor.user.is_staff
    for word, name in (*PLACES, *(FOR_STAFF if staff else ())):
        if words.lower() in word.lower():
            yield Hit(word, reverse(name))


def _actions(actor: Actor, words: str) -> Iterator[Hit]:
    for word, name, permission in ACTIONS:
        if words.lower() in word.lower() and access.allows(actor, permission):
            yield Hit(word, reverse(name))
