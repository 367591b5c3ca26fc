"""What people paste or send as a `.env` file, before the room judges it."""

from typing import Any

from django import forms

from environments.configuration import env_text
from environments.configuration.importing import Wish
from environments.forms.form import Form
from projects.credentials import Secret

HELP = "One NAME=value a line. $NAME stays as it is written; {{NAME}} refers to another key."


class ImportForm(Form):
    """As text or as a file, of which the file counts."""

    called = {"secrets": "text"}

    text = forms.CharField(
        required=False,
        strip=False,
        label="Text",
        help_text=HELP,
        widget=forms.Textarea(
            attrs={"rows": 14, "class": "input mono", "spellcheck": "false", "autocomplete": "off", "wrap": "off"}
        ),
    )
    file = forms.FileField(required=False, label="Or a file", widget=forms.FileInput)
    as_secrets = forms.BooleanField(
        required=False,
        label="Set new keys as secrets",
        help_text="What is a secret already stays one. The preview asks for each new key, too.",
    )
    replace = forms.BooleanField(
        required=False,
        label="Delete variables that the text does not have",
        help_text="Secrets are never deleted by an import.",
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if sent := data.get("file"):
            try:
                data["text"] = sent.read(env_text.LONGEST * 4 + 1).decode("utf-8-sig")
            except UnicodeDecodeError:
                self.add_error("file", "The file is no text in UTF-8.")
        if not data.get("text") and not data.get("replace") and not self.errors:
            self.add_error("text", "Paste a text or choose a file.")
        return data

    def wish(self) -> Wish:
        """What the room takes."""
        data = self.cleaned_data
        return Wish(text=Secret(data["text"]), as_secrets=data["as_secrets"], replace=data["replace"])
