"""What people type about teams and agents, before the rooms judge it."""

import json
import uuid
from typing import Any, cast

from django import forms

from environments import crew
from environments.forms import places
from environments.forms.form import Form
from environments.forms.integrations import ChoiceOfIntegrations
from environments.forms.places import PlaceField
from environments.forms.settings import SettingsForm
from projects import lifecycle, teams
from projects.access import Actor, Permission, allows
from projects.errors import NotFound
from projects.models import Agent, Project, Team

EQUIPMENT = "execution_environment"


def _area(rows: int) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows, "spellcheck": "false", "class": "input mono"})


class _CrewForm(Form):
    called = {f"{EQUIPMENT}.secrets": "secrets", f"{EQUIPMENT}.mcp_servers": "mcp_servers",
              f"{EQUIPMENT}.integration_ids": "integrations",
              "environment_ids": "environments", "mcp_servers": "mcp_servers"}  # fmt: skip

    name = forms.CharField(max_length=100)
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    project = PlaceField(
        required=False, help_text="Its key. Who sees the project sees this. Empty: the whole organization."
    )
    environments = PlaceField(required=False, help_text="Where it works: names, separated by commas.")
    integrations = ChoiceOfIntegrations(required=False, help_text="They set their documented names wherever it works.")
    secrets = forms.CharField(
        required=False, label="Required secrets", help_text="Names, separated by commas. Without them no run begins."
    )
    mcp_servers = forms.CharField(required=False, label="MCP servers", widget=_area(3), help_text="A JSON object.")
    configuration = forms.CharField(required=False, widget=_area(3), help_text="A JSON object, kept as it is.")

    def __init__(self, *args: Any, by: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by = by
        cast(PlaceField, self.fields["environments"]).suggest("environments", places.environments(by))
        if not cast(ChoiceOfIntegrations, self.fields["integrations"]).offer(by):
            del self.fields["integrations"]
        if isinstance(project := self.fields.get("project"), PlaceField):
            every = lifecycle.visible(by).filter(archived_at=None).order_by("key")
            project.suggest("project", list(every.values_list("key", flat=True)[: places.SUGGESTED]))
            project.required = not allows(by, Permission.MANAGE_PROJECTS)

    def clean_project(self) -> Project | None:
        name = self.cleaned_data["project"]
        try:
            return lifecycle.find(self.by, name) if name else None
        except NotFound:
            raise forms.ValidationError(f"There is no project {name} here.") from None

    def clean_environments(self) -> list[uuid.UUID]:
        return [places.environment(self.by, name) for name in _listed(self.cleaned_data["environments"])]

    def clean_secrets(self) -> list[str]:
        return _listed(self.cleaned_data["secrets"])

    def clean_mcp_servers(self) -> dict[str, Any]:
        return _object(self.cleaned_data["mcp_servers"])

    def clean_configuration(self) -> dict[str, Any]:
        return _object(self.cleaned_data["configuration"])

    def wish(self) -> dict[str, Any]:
        """What the room takes."""
        given = {name: value for name, value in self.cleaned_data.items() if name != "version"}
        given["environment_ids"] = given.pop("environments")
        given[EQUIPMENT] = {name: given.pop(name) for name in ("secrets", "mcp_servers")}
        if "integrations" in given:
            given[EQUIPMENT]["integration_ids"] = given.pop("integrations")
        if "project" in given:
            project = given.pop("project")
            given["projects"] = [project] if project else []
        return given


class TeamForm(_CrewForm):
    pass


class AgentForm(_CrewForm):
    called = {**_CrewForm.called, "model": "model_id"}

    model_id = forms.CharField(max_length=200, required=False, label="Model", help_text="For example a-maker/a-model.")
    runtime = forms.CharField(max_length=100, required=False)
    runner_name = forms.CharField(max_length=100, required=False, label="Runner")
    team = PlaceField(required=False, help_text="The name of its team. An agent has at most one.")
    capabilities = forms.CharField(required=False, help_text="Separated by commas.")
    system_prompt = forms.CharField(
        required=False, strip=False, label="System prompt", widget=forms.Textarea(attrs={"rows": 4})
    )
    command = forms.CharField(
        required=False, strip=False, widget=_area(3), help_text="What a run of it runs, by a shell."
    )
    llm_config = forms.CharField(
        required=False, label="Model settings", widget=_area(3), help_text="A JSON object, kept as it is."
    )
    field_order = (
        "version", "name", "description", "model_id", "runtime", "runner_name", "project", "team", "environments",
        "capabilities", "system_prompt", "command", "integrations", "secrets", "mcp_servers", "llm_config",
        "configuration",
    )  # fmt: skip

    def __init__(self, *args: Any, by: Actor, **kwargs: Any) -> None:
        super().__init__(*args, by=by, **kwargs)
        names = teams.visible(by).order_by("name").values_list("name", flat=True)
        cast(PlaceField, self.fields["team"]).suggest("team", list(names[: places.SUGGESTED]))

    def clean_team(self) -> Team | None:
        name = self.cleaned_data["team"]
        try:
            return teams.find(self.by, name) if name else None
        except NotFound:
            raise forms.ValidationError(f"There is no team {name} here.") from None

    def clean_capabilities(self) -> list[str]:
        return _listed(self.cleaned_data["capabilities"])

    def clean_llm_config(self) -> dict[str, Any]:
        return _object(self.cleaned_data["llm_config"])


class TeamSettingsForm(SettingsForm, TeamForm):
    """For which projects it works is changed on their pages."""

    def __init__(self, *args: Any, by: Actor, team: Team, work: dict[str, Any], **kwargs: Any) -> None:
        kwargs["initial"] = {"version": crew.version(team), **_known(team, work)}
        super().__init__(*args, by=by, **kwargs)
        del self.fields["project"]


class AgentSettingsForm(SettingsForm, AgentForm):
    """For which projects it works is changed on their pages."""

    def __init__(
        self, *args: Any, by: Actor, agent: Agent, team: Team | None, work: dict[str, Any], **kwargs: Any
    ) -> None:
        self.hides_team = team is None and agent.team_id is not None
        texts = {
            name: getattr(agent, name) for name in ("model_id", "runtime", "runner_name", "system_prompt", "command")
        }
        kwargs["initial"] = {
            "version": crew.version(agent),
            **_known(agent, work),
            **texts,
            "team": team.name if team else "",
            "capabilities": ", ".join(agent.capabilities),
            "llm_config": _written(agent.llm_config),
        }
        super().__init__(*args, by=by, **kwargs)
        del self.fields["project"]

    def wish(self) -> dict[str, Any]:
        given = super().wish()
        if self.hides_team and given["team"] is None:
            # A team that is not theirs to see stays as long as nobody names another one.
            del given["team"]
        return given


def _known(thing: Team | Agent, work: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": thing.name,
        "description": thing.description,
        "environments": ", ".join(one.name for one in work["environments"]),
        "integrations": [str(one.pk) for one in work["integrations"]],
        "secrets": ", ".join(thing.required_secrets),
        "mcp_servers": _written(thing.mcp_servers),
        "configuration": _written(thing.configuration),
    }


def _listed(typed: str) -> list[str]:
    return [one.strip() for one in typed.split(",") if one.strip()]


def _written(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) if value else ""


def _object(typed: str) -> dict[str, Any]:
    if not typed.strip():
        return {}
    try:
        value = json.loads(typed)
    except (ValueError, RecursionError):
        raise forms.ValidationError("This is no JSON; write {} for an empty object.") from None
    if not isinstance(value, dict):
        raise forms.ValidationError("Write a JSON object, which begins with { and ends with }.")
    return value
