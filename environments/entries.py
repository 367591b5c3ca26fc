"""What people type into pages, before the rooms judge it."""

from typing import Any

from django import forms

from environments.models import Environment
from projects.access import Actor
from projects.errors import Invalid, Refused


class Form(forms.Form):
    """A form in the house's look, that can carry a room's refusal back to its fields."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if not isinstance(field.widget, forms.CheckboxInput):
                field.widget.attrs.setdefault("class", "input")

    def refuse(self, refused: Refused) -> None:
        """Show the refusal beside the fields it names, else above the form."""
        named = False
        for error in refused.errors if isinstance(refused, Invalid) else []:
            field = str(error.get("field", "")).partition(".")[0]
            if field in self.fields:
                self.add_error(field, str(error["message"]))
                named = True
        if not named:
            self.add_error(None, refused.detail)


class EnvironmentForm(Form):
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
        label="Variables",
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "class": "input mono"}),
        help_text="One NAME=value a line; injected into every step and service here.",
    )

    def __init__(self, *args: Any, actor: Actor, environment: Environment | None = None, **kwargs: Any) -> None:
        if environment is not None:
            variables = [f"{name}={value}" for name, value in environment.env_vars.items()]
            kwargs["initial"] = {
                "name": environment.name,
                "display_name": environment.display_name,
                "description": environment.description,
                "tags": ", ".join(environment.tags),
                "tier": environment.tier,
                "protected": environment.protected,
                "env_vars": "\n".join(variables),
            }
        super().__init__(*args, **kwargs)
        if environment is not None:
            del self.fields["provisioner"]

    def clean_tags(self) -> list[str]:
        return [tag.strip() for tag in self.cleaned_data["tags"].split(",") if tag.strip()]

    def clean_env_vars(self) -> dict[str, str]:
        variables = {}
        for n, line in enumerate(self.cleaned_data["env_vars"].splitlines(), start=1):
            name, equals, value = line.partition("=")
            if not line.strip():
                continue
            if not equals:
                raise forms.ValidationError(f"Line {n} has no “=”; write NAME=value.")
            variables[name.strip()] = value
        return variables

    def fields_of_the_contract(self) -> dict[str, Any]:
        fields = dict(self.cleaned_data)
        fields["execution_environment"] = {"env_vars": fields.pop("env_vars")}
        if not fields["tier"]:
            del fields["tier"]
        return fields

    def refuse(self, refused: Refused) -> None:
        renamed = [
            {**error, "field": "env_vars"} if str(error.get("field", "")).startswith("execution_environment") else error
            for error in refused.errors
        ]
        refused.errors = renamed
        super().refuse(refused)


class ProjectForm(Form):
    name = forms.CharField(max_length=100)
    key = forms.CharField(
        min_length=2, max_length=50, help_text="2 to 50 letters, digits, _ and -; kept in capitals, never changed."
    )
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))


class AppForm(Form):
    name = forms.CharField(max_length=100)
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    repository_url = forms.CharField(max_length=500, required=False, label="Repository")


class ReleaseForm(Form):
    version = forms.CharField(max_length=64, help_text="Unique in the app, for example 1.4.0.")
    manifest = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 14, "spellcheck": "false", "class": "input mono"}),
        help_text="YAML or JSON: the steps that make the release ready and the services it keeps running.",
    )
    archive = forms.FileField(required=False, help_text="A .tar.gz, .tar or .zip; unpacked before the first step.")
    git_url = forms.CharField(
        max_length=500, required=False, label="Or a git repository", help_text="https only; fetched once, now."
    )
    git_ref = forms.CharField(max_length=200, required=False, label="Branch, tag or commit")
    commit = forms.CharField(max_length=64, required=False)
    notes = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}))
    link = forms.CharField(max_length=500, required=False, help_text="A ticket or CI job.")

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if given.get("archive") and given.get("git_url"):
            self.add_error("git_url", "Give an archive or a git repository, not both.")
        return given
