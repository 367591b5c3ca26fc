"""What people type about projects, apps and their releases, before the rooms judge it."""

from typing import Any

from django import forms

from environments.forms.form import Form


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
