"""What people type about a workflow, and about one run of it or of an agent."""

import uuid
from typing import Any, cast

from django import forms

from environments.forms import places
from environments.forms.form import Form
from environments.forms.places import PlaceField
from environments.forms.settings import SettingsForm
from environments.overview import workflow_text
from projects import definitions, lifecycle, workflows
from projects.access import Actor
from projects.errors import Invalid, NotFound
from projects.models import Agent, Project, Workflow


class WorkflowForm(Form):
    name = forms.CharField(max_length=100)
    project = PlaceField(required=False, help_text="A project's key. Empty: the default project.")
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    definition = forms.CharField(
        strip=False,
        label="Inputs and steps",
        initial=workflow_text.FIRST,
        widget=forms.Textarea(attrs={"rows": 16, "spellcheck": "false", "class": "input mono"}),
        help_text="YAML or JSON. A step finds the input version in its environment as INPUT_VERSION.",
    )

    def __init__(self, *args: Any, by: Actor, project: Project | None = None, **kwargs: Any) -> None:
        """With a `project`, it is not asked for."""
        super().__init__(*args, **kwargs)
        self.by, self.within = by, project
        if project is not None:
            del self.fields["project"]
        else:
            known = [each.key for each in lifecycle.visible(by).order_by("key")[: places.SUGGESTED]]
            cast(PlaceField, self.fields["project"]).suggest("project", known)

    def clean_project(self) -> Project | None:
        return _project(self.by, self.cleaned_data["project"])

    def clean_definition(self) -> dict[str, Any]:
        try:
            return definitions.parse(self.cleaned_data["definition"].replace("\r\n", "\n"))
        except Invalid as refusal:
            self.refuse(refusal)
            return {}

    def _place(self, field: str) -> tuple[str, str]:
        """Inputs and steps are typed as one text, whose lines and parts are named beside it."""
        if field.startswith(("inputs", "steps")):
            return "definition", field
        return super()._place(field)

    def wish(self) -> dict[str, Any]:
        """What the room takes."""
        fields = {"project": self.within} | self.cleaned_data
        fields = {name: value for name, value in fields.items() if name not in ("version", "definition")}
        definition = self.cleaned_data["definition"]
        steps = [{name: value for name, value in step.items() if name != "n"} for step in definition["steps"]]
        return fields | {"inputs": definitions.in_order(definition["inputs"]), "steps": steps}


class WorkflowSettingsForm(SettingsForm, WorkflowForm):
    """It stays in its project."""

    def __init__(self, *args: Any, by: Actor, workflow: Workflow, **kwargs: Any) -> None:
        kwargs["initial"] = {
            "version": workflows.version(workflow),
            "name": workflow.name,
            "description": workflow.description,
            "definition": workflow_text.write(workflow.inputs, workflow.steps),
        }
        super().__init__(*args, by=by, project=workflow.project, **kwargs)

    def wish(self) -> dict[str, Any]:
        return {name: value for name, value in super().wish().items() if name != "project"}


class WhereForm(Form):
    """Where something is to be run."""

    called = {"environment_id": "environment"}

    environment = PlaceField(help_text="An environment's name.")

    def __init__(self, *args: Any, by: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by = by
        cast(PlaceField, self.fields["environment"]).suggest("environment", places.environments(by))

    def clean_environment(self) -> uuid.UUID:
        return places.environment(self.by, self.cleaned_data["environment"])


class WorkflowRunForm(WhereForm):
    """A field for each input of the workflow."""

    def __init__(self, *args: Any, by: Actor, workflow: Workflow, **kwargs: Any) -> None:
        super().__init__(*args, by=by, **kwargs)
        self.called = {**self.called, **{f"inputs.{name}": _field(name) for name in workflow.inputs}}
        self.inputs = definitions.in_order(workflow.inputs)
        for name, declared in self.inputs.items():
            field = self.fields[_field(name)] = _input(name, declared)
            field.widget.attrs.setdefault("class", "input")

    def given(self) -> dict[str, str]:
        return {name: self.cleaned_data[_field(name)] for name in self.inputs}


class AgentRunForm(WhereForm):
    called = {"environment_id": "environment", "project_id": "project"}

    project = PlaceField(required=False, help_text="A project's key. Empty where the agent works for exactly one.")
    input = forms.CharField(
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Given to its command as TOWPATH_INPUT.",
    )

    def __init__(self, *args: Any, by: Actor, agent: Agent, **kwargs: Any) -> None:
        super().__init__(*args, by=by, **kwargs)
        known = list(agent.projects.order_by("key").values_list("key", flat=True)[: places.SUGGESTED])
        cast(PlaceField, self.fields["project"]).suggest("project", known)

    def clean_project(self) -> Project | None:
        return _project(self.by, self.cleaned_data["project"])


def _project(by: Actor, key: str) -> Project | None:
    try:
        return lifecycle.find(by, key) if key else None
    except NotFound:
        raise forms.ValidationError(f"There is no project {key} here.") from None


def _field(name: str) -> str:
    """Beside the form's own fields, whatever an input is called."""
    return f"input-{name}"


def _input(name: str, declared: dict[str, Any]) -> forms.Field:
    told: dict[str, Any] = {
        "label": name,
        "help_text": declared["description"],
        "required": declared["required"],
        "initial": declared["default"] or "",
    }
    if declared["type"] == "number":
        return forms.CharField(**told, widget=forms.TextInput(attrs={"inputmode": "decimal"}))
    if declared["type"] in ("boolean", "choice"):
        values = ["true", "false"] if declared["type"] == "boolean" else declared["options"]
        empty = [] if declared["default"] else [("", "Choose one" if declared["required"] else "Not given")]
        return forms.ChoiceField(**told, choices=[*empty, *((one, one) for one in values)])
    return forms.CharField(**told, strip=False, widget=forms.Textarea(attrs={"rows": 2}))
