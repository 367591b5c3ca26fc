"""What people type about projects, apps and their releases, before the rooms judge it."""

import uuid
from typing import Any, cast

from django import forms

from environments import seen
from environments.forms import places
from environments.forms.form import Form
from environments.forms.places import PlaceField
from environments.forms.settings import SettingsForm
from projects import apps, lifecycle
from projects.access import Actor
from projects.models import App, Project


class ProjectForm(Form):
    called = {"restrict_to_environment_id": "restrict_to_environment"}

    name = forms.CharField(max_length=100)
    key = forms.CharField(
        min_length=2, max_length=50, help_text="2 to 50 letters, digits, _ and -; kept in capitals, never changed."
    )
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    goals = forms.CharField(required=False, strip=False, widget=forms.Textarea(attrs={"rows": 2}))
    visibility = forms.ChoiceField(
        label="Who sees it",
        choices=[("org", "The whole organization"), ("private", "Private: owners, and who has a role in it")],
        initial="org",
        required=False,
        help_text="Private: it is nowhere to be found for anybody else, admins included.",
    )
    default_model = forms.CharField(max_length=200, required=False, help_text="For its agents, a-maker/a-model.")
    restrict_to_environment = PlaceField(
        required=False, label="Deploys only to", help_text="An environment's name. Empty: wherever its chain leads."
    )

    def __init__(self, *args: Any, by: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by = by
        place = cast(PlaceField, self.fields["restrict_to_environment"])
        place.suggest("restrict_to_environment", places.environments(by))

    def clean_restrict_to_environment(self) -> uuid.UUID | None:
        name = self.cleaned_data["restrict_to_environment"]
        return places.environment(self.by, name) if name else None

    def wish(self) -> dict[str, Any]:
        """What the room takes."""
        fields = {name: value for name, value in self.cleaned_data.items() if name != "version"}
        if not fields["visibility"]:
            del fields["visibility"]
        fields["restrict_to_environment_id"] = fields.pop("restrict_to_environment")
        return fields


class ProjectSettingsForm(SettingsForm, ProjectForm):
    """The key is for life."""

    def __init__(self, *args: Any, by: Actor, project: Project, **kwargs: Any) -> None:
        self.kept = only = project.restrict_to_environment_id
        # One that is gone, or not theirs to see, has no name here: its id stays as long as nobody touches it.
        known = seen.environments(by).filter(pk=only).first() if only else None
        kwargs["initial"] = {
            "version": lifecycle.version(project),
            "name": project.name,
            "description": project.description,
            "goals": project.goals,
            "visibility": project.visibility,
            "default_model": project.default_model,
            "restrict_to_environment": known.name if known else str(only or ""),
        }
        super().__init__(*args, by=by, **kwargs)
        del self.fields["key"]

    def clean_restrict_to_environment(self) -> uuid.UUID | None:
        if self.cleaned_data["restrict_to_environment"] == self.initial["restrict_to_environment"]:
            return self.kept
        return super().clean_restrict_to_environment()


class AppForm(Form):
    name = forms.CharField(max_length=100)
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    repository_url = forms.CharField(max_length=500, required=False, label="Repository")

    def wish(self) -> dict[str, Any]:
        """What the room takes."""
        return {name: value for name, value in self.cleaned_data.items() if name != "version"}


class AppSettingsForm(SettingsForm, AppForm):
    def __init__(self, *args: Any, app: App, **kwargs: Any) -> None:
        kwargs["initial"] = {
            "version": apps.version(app),
            "name": app.name,
            "description": app.description,
            "repository_url": app.repository_url,
        }
        super().__init__(*args, **kwargs)


class ReleaseForm(Form):
    called = {"git.url": "git_url", "git.ref": "git_ref", "file": "archive", "sha256": "archive"}

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
