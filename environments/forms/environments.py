"""What people type about an environment, before the rooms judge it."""

from typing import Any

from django import forms

from environments import lifecycle
from environments.forms import variables
from environments.forms.form import Form
from environments.models import Environment
from projects.errors import Refused


class EnvironmentForm(Form):
    version = forms.CharField(required=False, widget=forms.HiddenInput)
    name = forms.CharField(max_length=100, help_text="Letters, digits, space and . _ - /")
    display_name = forms.CharField(max_length=100, required=False, help_text="What pages show instead of the name.")
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    tags = forms.CharField(required=False, help_text="Separated by commas.")
    tier = forms.ChoiceField(
        required=False, choices=[("", "Guess from the name"), *Environment.Tier.choices], label="Tier"
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

    def __init__(
        self, *args: Any, environment: Environment | None = None, protects: bool = True, **kwargs: Any
    ) -> None:
        """`protects`: whether who fills it in may protect the environment, or lift its protection."""
        if environment is not None:
            kwargs["initial"] = {
                "version": lifecycle.version(environment),
                "name": environment.name,
                "display_name": environment.display_name,
                "description": environment.description,
                "tags": ", ".join(environment.tags),
                "tier": environment.tier,
                "protected": environment.protected,
                "env_vars": variables.written(environment.env_vars),
            }
        super().__init__(*args, **kwargs)
        self.environment = environment
        self.fields["protected"].disabled = not protects
        del self.fields["version" if environment is None else "provisioner"]

    def clean_description(self) -> str:
        """With the line breaks of a text, not of a browser; what was not touched stays as it is, spaces and all."""
        typed, kept = _lines(self.cleaned_data["description"]), self.environment.description if self.environment else ""
        return kept if typed == _lines(kept).strip() else typed

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
        if not fields["tier"]:
            del fields["tier"]
        return fields

    def compare_with(self, environment: Environment) -> None:
        """Keep what was typed, and take what is saved now as known: saving again is then meant."""
        saved = EnvironmentForm(environment=environment)
        differ = [str(self[name].label) for name in self.fields if name != "version" and self._differs(name, saved)]
        self.data = {**dict(self.data.items()), "version": saved.initial["version"]}
        if differ:
            self.add_error(
                None, f"What you typed is still here. It differs from what is saved in: {', '.join(differ)}."
            )

    def _differs(self, name: str, saved: "EnvironmentForm") -> bool:
        typed, kept = self[name].value() or "", saved.initial[name] or ""
        return _lines(str(typed)).strip() != _lines(str(kept)).strip()

    def refuse(self, refusal: Refused) -> None:
        refusal.errors = [
            {**error, "field": "env_vars"} if str(error.get("field", "")).startswith("execution_environment") else error
            for error in refusal.errors
        ]
        super().refuse(refusal)


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
