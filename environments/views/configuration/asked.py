"""What the address of a configuration page asks for: for whom, where, and which keys."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from environments.models import EntryKind, Environment
from environments.overview import configuration as choosing
from environments.resolving import scopes
from environments.resolving.resolution import Target
from environments.resolving.scopes import Scope
from environments.views.choice import chosen_environment
from projects.access import Actor
from projects.errors import Invalid, NotFound
from projects.models import Agent, App, Project, Team
from projects.views.signed_in import Visit

LONGEST = 200
HOLDERS = ("project", "app", "team", "agent")
RESOLVED, SET = "resolved", "set"
SHOWS = {
    RESOLVED: ("", *EntryKind.values, "overridden", "inherited", "problems"),
    SET: ("", *EntryKind.values, "overdue", "deleted"),
}
# What a scope is called in filters, from weak to strong as in `scopes.ORDER`.
SCOPES = (
    "organization", "project", "environment", "project-environment", "app", "app-environment", "team",
    "team-environment", "agent", "agent-environment",
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """The one whose values are looked at (an app with its project, an agent with its team), where, and the filters."""

    actor: Actor
    view: str
    environment: Environment | None = None
    holders: Mapping[str, Any] = field(default_factory=dict)
    q: str = ""
    show: str = ""
    scope: str = ""
    cursor: str = ""

    @property
    def target(self) -> Target:
        ids = {f"{name}_id": one.pk for name, one in self.whole.items()}
        return Target(
            organization_id=self.actor.organization.pk,
            environment_id=self.environment.pk if self.environment else None,
            **ids,
        )

    @property
    def whole(self) -> dict[str, Any]:
        """With what follows: an app lies in its project, an agent belongs to its team."""
        found = dict(self.holders)
        if "app" in found:
            found["project"] = found["app"].project
        if "agent" in found and found["agent"].team:
            found["team"] = found["agent"].team
        return found

    @property
    def named(self) -> str:
        """`ferry in Production`: whose values these are."""
        holders = [self.holders[one].name for one in ("agent", "team", "app", "project") if one in self.holders]
        environment = self.environment.title if self.environment else ""
        return scopes.title(holder=" for ".join(holders), environment=environment)

    @property
    def narrowed(self) -> bool:
        return bool(self.q or self.show or self.scope)

    def level_scope(self, level: int, environment: Environment | None) -> Scope:
        """The scope of that strength for this target."""
        holder, _ = scopes.ORDER[level]
        return Scope(**({holder: self.whole[holder]} if holder else {}), environment=environment)

    @property
    def place(self) -> dict[str, str]:
        """What tells this target in an address."""
        told = {name: one.key if name == "project" else str(one.pk) for name, one in self.holders.items()}
        return told | {"environment": self.environment.name if self.environment else ""}

    def query(self, **changed: str) -> str:
        """The same page otherwise, from its beginning; `environment` stays in it even where it is all of them."""
        kept = {"view": self.view, **self.place, "q": self.q, "show": self.show, "scope": self.scope, **changed}
        return f"?{urlencode({name: value for name, value in kept.items() if value or name == 'environment'})}"


def asked(request: Visit) -> Asked:
    """NotFound for whatever is named and not seen, Invalid for a filter that there is not."""
    given = {name: value.replace("\0", "").strip()[:LONGEST] for name, value in request.GET.dict().items()}
    environment = chosen_environment(request)
    holders = _holders(request.actor, given)
    _check_seen(request.actor, holders, environment)
    usual = RESOLVED if environment or holders else SET
    view = _one_of(given, "view", (RESOLVED, SET)) or usual
    return Asked(
        request.actor,
        view,
        environment,
        holders,
        q=given.get("q", ""),
        show=_known(given, "show", SHOWS[view]),
        scope=_one_of(given, "scope", SCOPES),
        cursor=given.get("cursor", ""),
    )


def _one_of(given: Mapping[str, str], name: str, known: Any) -> str:
    value = given.get(name, "")
    if value and value not in known:
        raise Invalid.field(name, f"Choose one of {', '.join(known)}.")
    return value


def _known(given: Mapping[str, str], name: str, known: Any) -> str:
    """One of another view is none of this one, and means nothing here."""
    every = {one for shows in SHOWS.values() for one in shows}
    value = _one_of(given, name, sorted(every - {""}))
    return value if value in known else ""


def _holders(actor: Actor, given: Mapping[str, str]) -> dict[str, Any]:
    """An agent or a team, and an app or a project: a right choice of one stands for the other."""
    found: dict[str, Any] = {}
    for name in ("agent", "team"):
        if given.get(name):
            found = {name: choosing.holder(actor, name, given[name])}
            break
    if given.get("app"):
        app = choosing.holder(actor, "app", given["app"])
        if given.get("project", "").lower() in {"", app.project.key.lower()}:
            return found | {"app": app}
    # Where another project was chosen, its app is to be chosen anew.
    if given.get("project"):
        found["project"] = choosing.holder(actor, "project", given["project"])
    return found


def _check_seen(actor: Actor, holders: Mapping[str, Project | App | Team | Agent], environment: Any) -> None:
    """What belongs to a project and an environment is seen by one right over both."""
    app, project = holders.get("app"), holders.get("project")
    within = app.project_id if isinstance(app, App) else project.pk if project else None
    if not actor.sees(project_id=within, environment_id=environment.pk if environment else None):
        raise NotFound("There is no such thing here, or you may not see it.")
