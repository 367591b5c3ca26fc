"""What people type about chains, checked for shape; the rooms check what it means."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.db.models import QuerySet

from projects.errors import Refused
from projects.models import Project


def sentence(refusal: Refused) -> str:
    """What a refusal says, without the names that fields have in the API."""
    messages = [str(error["message"]) for error in refusal.errors if error.get("message")]
    told = " ".join(message if message.endswith(".") else f"{message}." for message in messages)
    return told[:1].upper() + told[1:] if told else refusal.detail


class Form(forms.Form):
    """Django's form with the house's classes, and a way to say what a room refused."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if not isinstance(field.widget, forms.HiddenInput | forms.CheckboxInput | forms.CheckboxSelectMultiple):
                field.widget.attrs.setdefault("class", "input")

    def refuse(self, refusal: Refused) -> None:
        """Put a refusal beside the field it is about, else above the form."""
        told = False
        for error in refusal.errors:
            name = str(error.get("field", ""))
            if name in self.fields:
                self.add_error(name, str(error["message"]))
                told = True
        if not told:
            self.add_error(None, sentence(refusal))


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
        self.fields["environments"].choices = [(name, name) for name in choices]  # type: ignore[attr-defined]

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
        self.fields["project"].queryset = projects  # type: ignore[attr-defined]
        self.fields["name"].required = False

    def clean(self) -> dict[str, Any]:
        data = forms.Form.clean(self) or {}
        if not self.errors and not data.get("project") and not (data.get("name") and self.named):
            self.add_error("name", "Name the first stage and its environment.")
        return data
