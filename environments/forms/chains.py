"""What people type about chains, checked for shape; the rooms check what it means."""

from collections.abc import Sequence
from typing import Any, cast

from django import forms
from django.db.models import QuerySet

from environments.forms.form import Form
from projects.models import Project


class StageForm(Form):
    """One stage: its name and the environments in it, chosen or named anew."""

    name = forms.CharField(max_length=100, label="Stage")
    environments = forms.MultipleChoiceField(required=False, label="Environments", widget=forms.CheckboxSelectMultiple)
    new = forms.CharField(
        required=False,
        max_length=500,
        label="New environments",
        help_text="Names separated by commas. They are created and provisioned.",
    )

    def __init__(self, *args: Any, choices: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = cast(forms.MultipleChoiceField, self.fields["environments"])
        field.choices = [(name, name) for name in choices]

    def stands_at(self, place: int) -> None:
        """Where in the chain its stage comes, so that what the room says of that place is put beside the fields."""
        self.called = {f"stages[{place}].name": "name", f"stages[{place}].environments": "new"}

    @property
    def named(self) -> list[str]:
        new = [name.strip() for name in self.cleaned_data["new"].split(",") if name.strip()]
        return list(dict.fromkeys([*self.cleaned_data["environments"], *new]))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors and data.get("name") and not self.named:
            self.add_error("new", "Choose an environment or name a new one.")
        return data


class ChainForm(StageForm):
    """A new chain: the organization's default with its first stage, or a project's own."""

    project = forms.ModelChoiceField(
        queryset=Project.objects.none(), required=False, label="Project", empty_label="Choose"
    )

    def __init__(self, *args: Any, projects: QuerySet[Project], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = cast("forms.ModelChoiceField[Project]", self.fields["project"])
        field.queryset = projects
        # A project's own chain begins as a copy; only the first one of all asks for a stage.
        self.fields["name"].required = not self.data.get("project")

    def clean(self) -> dict[str, Any]:
        data = forms.Form.clean(self) or {}
        if not self.errors and not data.get("project") and not (data.get("name") and self.named):
            self.add_error("name", "Name the first stage and its environment.")
        return data
