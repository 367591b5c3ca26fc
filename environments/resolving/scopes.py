"""The ten scopes a value may have, and no others: what names one, how strong it is, and what it is called."""

import uuid
from dataclasses import dataclass

from environments.models import Environment
from projects.errors import Invalid
from projects.models import Agent, App, Project, Team

COLUMNS = ("project_id", "app_id", "team_id", "agent_id", "environment_id")
# From weak to strong: what a value is set for, and whether in one environment.
ORDER = (
    ("", False),
    ("project", False),
    ("", True),
    ("project", True),
    ("app", False),
    ("app", True),
    ("team", False),
    ("team", True),
    ("agent", False),
    ("agent", True),
)
HOLDERS = ("project", "app", "team", "agent")
# What stands for the name of an environment that whoever asks does not see; its values are inherited all the same.
ANOTHER = "an environment that you do not see"
ANOTHER_TEAM = "a team that you do not see"


@dataclass(frozen=True, kw_only=True)
class Scope:
    """At most one of project, app, team and agent, and perhaps an environment; nothing at all is the organization."""

    project: Project | None = None
    app: App | None = None
    team: Team | None = None
    agent: Agent | None = None
    environment: Environment | None = None

    def __post_init__(self) -> None:
        given = [each for each in HOLDERS if getattr(self, each)]
        if len(given) > 1:
            raise Invalid.field(
                f"{given[1]}_id",
                f"A value is set for one {given[0]} or one {given[1]}, alone or in an environment, not for both.",
            )

    @property
    def holder(self) -> Project | App | Team | Agent | None:
        return self.project or self.app or self.team or self.agent

    @property
    def columns(self) -> dict[str, uuid.UUID | None]:
        return {column: getattr(getattr(self, column.removesuffix("_id")), "pk", None) for column in COLUMNS}

    @property
    def project_id(self) -> uuid.UUID | None:
        """The project that it lies in, for rights."""
        return self.app.project_id if self.app else self.project.pk if self.project else None

    @property
    def within(self) -> uuid.UUID | None:
        """The project that a value here lies in, if any, for who may see it."""
        return self.project_id or (self.environment.project_id if self.environment else None)

    @property
    def environment_id(self) -> uuid.UUID | None:
        return self.environment.pk if self.environment else None

    def __str__(self) -> str:
        return title(
            holder=getattr(self.holder, "name", "") or "",
            environment=self.environment.title if self.environment else "",
        )


def title(*, holder: str, environment: str) -> str:
    """`Organization`, `shop`, `Production`, `shop in Production`."""
    if holder and environment:
        return f"{holder} in {environment}"
    return holder or environment or "Organization"
