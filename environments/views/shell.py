"""What every page shows around its content: places, the environment switcher, the account and the theme."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.http import HttpRequest
from django.urls import reverse

from environments import drawing
from environments.models import Environment
from environments.overview.choices import Choice, choices
from environments.views.choice import chosen_environment, environment_of_page, link, query
from projects import authentication
from projects.access import Actor, Permission, allows

PLACES = (
    ("Board", "board", ("board", "plan")),
    ("Environments", "environments", ("environment",)),
    ("Releases", "releases", ("release", "releases")),
    ("Runs", "runs", ("run",)),
    ("Configuration", "configuration", ("configuration", "variable", "secret")),
    ("Endpoints", "endpoints", ()),
    ("Workers", "workers", ()),
    ("Activity", "activity", ()),
    ("Projects", "projects", ("project", "app", "workflow", "workflows", "team", "teams", "agent", "agents")),
    ("Chain", "chain", ("chain", "stage")),
)
THEMES = {"light": "Light", "dark": "Dark", "": "System"}
OPTIONS = 14
ENVIRONMENT_PAGE = re.compile(r"/environments/[0-9a-f-]{36}(/.*)?")


@dataclass(frozen=True)
class Option:
    """One line of the switcher; `mark` is its place in the chain, or that it goes away by itself, as it is drawn."""

    name: str
    label: str
    mark: str
    status: str
    protected: bool
    url: str
    current: bool


@dataclass
class Switcher:
    all: dict[str, Any] | None = None
    groups: list[dict[str, Any]] = field(default_factory=list)
    more: bool = False
    shown: int = OPTIONS

    def meant(self, find: str) -> Option | None:
        """Whom somebody who typed this and pressed Enter means: the only one found, or the one that is called so."""
        every = [option for group in self.groups for option in group["options"]]
        called = [one for one in every if find.casefold() in (one.name.casefold(), one.label.casefold())]
        return every[0] if len(every) == 1 else called[0] if len(called) == 1 else None


def shell(request: HttpRequest) -> dict[str, Any]:
    """The context processor behind `{{ shell }}`; fragments do not pay for it, it is read only by base.html."""
    return {"shell": Shell(request)}


class Shell:
    """Everything is looked up when the template first asks for it."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        self._kept: dict[str, Any] = {}

    @property
    def actor(self) -> Actor | None:
        return getattr(self.request, "actor", None)

    @property
    def user(self) -> Any:
        return self.actor.user if self.actor else None

    @property
    def initials(self) -> str:
        return (self.user.username[:2] if self.user else "").upper()

    @property
    def role(self) -> str:
        return self.actor.role.label if self.actor and self.actor.role else ""

    @property
    def organization(self) -> Any:
        return self.actor.organization if self.actor else None

    @property
    def organizations(self) -> Any:
        return authentication.organizations_of_request(self.request)

    @property
    def theme(self) -> str:
        chosen = self.request.COOKIES.get("theme", "")
        return chosen if chosen in THEMES else ""

    @property
    def themes(self) -> list[dict[str, Any]]:
        return [{"name": name, "word": word, "current": name == self.theme} for name, word in THEMES.items()]

    @property
    def environment(self) -> Option | None:
        """What the switcher says: the environment whose page this is, else the one that filters it."""
        shown = environment_of_page(self.request) or chosen_environment(self.request)
        return None if shown is None else _option(shown, shown)

    @property
    def chosen(self) -> str:
        """The name of the one that filters, for forms whose fields become the address."""
        found = chosen_environment(self.request)
        return found.name if found else ""

    @property
    def query(self) -> str:
        return query(self.request)

    @property
    def further(self) -> str:
        """The same for a link that has parameters of its own."""
        return self.query.replace("?", "&")

    @property
    def back(self) -> str:
        return self.request.get_full_path()

    @property
    def nav(self) -> list[dict[str, Any]]:
        match = self.request.resolver_match
        here, kept = (match.url_name or "") if match else "", self.query
        found = []
        for word, name, families in PLACES:
            current = here == name or here.split("-")[0] in families
            found.append({"word": word, "url": link(name) + kept, "current": current})
        return found

    @property
    def may_create_environment(self) -> bool:
        return self.actor is not None and allows(self.actor, Permission.MANAGE_ENVIRONMENTS)

    @property
    def may_manage_stores(self) -> bool:
        return self.actor is not None and allows(self.actor, Permission.MANAGE_STORES)

    @property
    def stream_url(self) -> str:
        return "/live" if self.actor else ""

    @property
    def live_since(self) -> str:
        """The last event the page can have seen; taken before its content was read, never after."""
        return getattr(self.request, "live_since", "")

    @property
    def switcher(self) -> Switcher:
        if self.actor is None:
            return Switcher()
        shown = environment_of_page(self.request) or chosen_environment(self.request)
        made: Switcher = self._once("switcher", lambda: switcher(self.request, self.back, chosen=shown))
        return made

    def _once(self, name: str, make: Any) -> Any:
        if name not in self._kept:
            self._kept[name] = make()
        return self._kept[name]


def switcher(request: Any, back: str, *, chosen: Environment | None, find: str = "") -> Switcher:
    """The chain first, then the others by name; a search looks through all of them."""
    environments = choices(request.actor, find=find, limit=OPTIONS + 1)
    under = _under(back)
    result = Switcher(more=len(environments) > OPTIONS)
    if not find:
        result.all = {"url": under(None), "current": chosen is None}
    groups: dict[str, list[Option]] = {"Promotion chain": [], "Environments": [], "Ephemeral": []}
    for environment in environments[:OPTIONS]:
        ephemeral = environment.kind == Environment.Kind.EPHEMERAL
        word = "Promotion chain" if environment.stage is not None else "Ephemeral" if ephemeral else "Environments"
        groups[word].append(_option(environment, chosen, under(environment)))
    result.groups = [{"word": word, "options": options} for word, options in groups.items() if options]
    return result


def _option(environment: Any, chosen: Environment | None, url: str = "") -> Option:
    ephemeral = environment.kind == Environment.Kind.EPHEMERAL
    level = 0 if environment.stage is None else environment.stage + 1
    return Option(
        name=environment.name,
        label=environment.title,
        mark=drawing.icon("timer") if ephemeral else drawing.level(level),
        status=drawing.status(environment.state),
        protected=environment.protected,
        url=url,
        current=chosen is not None and str(chosen.id) == str(environment.id),
    )


def _under(back: str) -> Callable[[Choice | None], str]:
    """The page one is on, under another environment or all: its other filters stay, its place in a list does not.

    On the page of one environment, another one is chosen to see its page, and all to see their list.
    """
    path, _, given = back.partition("?")
    of_one = ENVIRONMENT_PAGE.fullmatch(path) is not None
    left = {"environment", "cursor", "log"} if of_one else {"environment", "cursor"}
    kept = "".join(f"{urlencode({name: value})}&" for name, value in parse_qsl(given) if name not in left)

    def address(environment: Choice | None) -> str:
        name = environment.name if environment else ""
        if of_one:
            place = reverse("environment", args=[environment.id]) if environment else reverse("environments")
        else:
            place = path
        return f"{place}?{kept}{urlencode({'environment': name})}"

    return address
