"""What people type about an environment, before the rooms judge it."""

from typing import Any, cast

from django import forms
from django.utils.html import format_html

from environments import lifecycle, seen
from environments.configuration import enabling
from environments.configuration import variables as configured
from environments.forms import places, variables
from environments.forms.form import Form
from environments.forms.integrations import ChoiceOfIntegrations
from environments.forms.places import PlaceField
from environments.forms.settings import SettingsForm
from environments.models import Environment, Host
from projects.access import Actor


class EnvironmentForm(SettingsForm):
    called = {"execution_environment.env_vars": "env_vars", "execution_environment.integration_ids": "integrations",
              "execution_environment": "env_vars"}  # fmt: skip

    name = forms.CharField(max_length=100, help_text="Letters, digits, space and . _ - /")
    display_name = forms.CharField(max_length=100, required=False, help_text="What pages show instead of the name.")
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    tags = forms.CharField(required=False, help_text="Separated by commas.")
    tier = forms.ChoiceField(
        required=False, choices=[("", "Guess from the name"), *Environment.Tier.choices], label="Tier"
    )
    based_on = PlaceField(
        required=False,
        label="Based on",
        help_text="An environment's name: this one inherits its variables and secrets. Empty: none.",
    )
    provisioner = forms.ChoiceField(
        choices=[("process", "process: on this machine"), ("external", "external: workers join by command")]
    )
    protected = forms.BooleanField(
        required=False,
        help_text="Operators need a grant that names it, and every change is confirmed by typing its name.",
    )
    env_vars = forms.CharField(
        required=False,
        strip=False,
        label="Variables",
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "class": "input mono"}),
        help_text="One NAME=value a line, injected into every step and service here; "
        'with line breaks or spaces at its ends as NAME="one\\ntwo".',
    )

    integrations = ChoiceOfIntegrations(
        required=False, help_text="What is enabled here sets its documented names, also for what is based on it."
    )

    def __init__(
        self, *args: Any, by: Actor, environment: Environment | None = None, protects: bool = True, **kwargs: Any
    ) -> None:
        """`protects`: whether who fills it in may protect the environment, or lift its protection."""
        self.base = ""
        if environment is not None:
            # One that is not theirs to see has no name here: its id stays as long as nobody touches it.
            based = seen.environments(by).filter(pk=only).first() if (only := environment.based_on_id) else None
            self.base = based.name if based else str(environment.based_on_id or "")
            kwargs["initial"] = {
                "version": lifecycle.version(environment),
                "name": environment.name,
                "display_name": environment.display_name,
                "description": environment.description,
                "tags": ", ".join(environment.tags),
                "tier": environment.tier,
                "based_on": self.base,
                "protected": environment.protected,
                "env_vars": variables.written(configured.of_environments([environment.pk])[environment.pk]),
                "integrations": [
                    str(one) for one in enabling.of_holders("environment", [environment.pk])[environment.pk]
                ],
            }
        super().__init__(*args, **kwargs)
        self.environment = environment
        known = [one for one in places.environments(by) if environment is None or one != environment.name]
        cast(PlaceField, self.fields["based_on"]).suggest("based_on", known)
        self.fields["protected"].disabled = not protects
        if not cast(ChoiceOfIntegrations, self.fields["integrations"]).offer(by):
            del self.fields["integrations"]
        del self.fields["version" if environment is None else "provisioner"]

    def clean_tags(self) -> list[str]:
        typed = self.cleaned_data["tags"]
        if self.environment is not None and typed == ", ".join(self.environment.tags).strip():
            # A tag may hold a comma, which cannot be typed here.
            return self.environment.tags
        return [tag.strip() for tag in typed.split(",") if tag.strip()]

    def clean_env_vars(self) -> dict[str, str]:
        try:
            return variables.read(self.cleaned_data["env_vars"])
        except variables.Unreadable as wrong:
            raise forms.ValidationError(str(wrong)) from None

    def fields_of_the_contract(self) -> dict[str, Any]:
        fields = dict(self.cleaned_data)
        fields.pop("version", None)
        fields["execution_environment"] = {"env_vars": fields.pop("env_vars")}
        if "integrations" in fields:
            fields["execution_environment"]["integration_ids"] = fields.pop("integrations")
        if not fields["tier"]:
            del fields["tier"]
        if fields["based_on"] == self.base:
            del fields["based_on"]
        return fields


class DeletionForm(Form):
    """The name, typed once more; and whether what is in flight, or on a host that is gone, may be given up."""

    confirm = forms.CharField(
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "autofocus": True})
    )
    force = forms.BooleanField(required=False, label="Interrupt the work that is in flight")

    def __init__(
        self, *args: Any, environment: Environment, in_flight: bool, gone: Host | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.name = environment.name
        self.misspelt = f"Type {self.name} exactly as it is written."
        self.fields["confirm"].label = format_html("Type <code>{}</code> to confirm", self.name)
        self.fields["confirm"].error_messages["required"] = self.misspelt
        if gone is not None:
            self.fields["force"].label = f"Give up what is on {gone.name}, which has not been heard of for a while"
        elif not in_flight:
            del self.fields["force"]

    def clean_confirm(self) -> str:
        typed: str = self.cleaned_data["confirm"]
        if typed != self.name:
            raise forms.ValidationError(self.misspelt)
        return typed


class SeveralDeletionForm(Form):
    """How many are deleted, typed."""

    confirm = forms.CharField(
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "autofocus": True})
    )

    def __init__(self, *args: Any, count: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.words = f"delete {count}"
        self.fields["confirm"].label = format_html("Type <code>{}</code> to confirm", self.words)
        self.fields["confirm"].error_messages["required"] = f"Type {self.words} exactly as it is written."

    def clean_confirm(self) -> str:
        typed: str = self.cleaned_data["confirm"]
        if typed != self.words:
            raise forms.ValidationError(f"Type {self.words} exactly as it is written.")
        return typed


class SeveralTagForm(Form):
    """Which tag, where it was not said beside the list; those that were selected stay selected."""

    act = forms.CharField(widget=forms.HiddenInput)
    id = forms.Field(widget=forms.MultipleHiddenInput)
    tag = forms.CharField(error_messages={"required": "Give the tag."})


class HoldForm(Form):
    reason = forms.CharField(
        max_length=1000,
        label="Why",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True}),
        error_messages={"required": "Say why, for whoever wonders later."},
    )
