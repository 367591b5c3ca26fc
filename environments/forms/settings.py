"""A form for what is saved already: nothing newer is overwritten, and nothing that was typed is lost."""

from typing import cast

from django import forms
from django.http import QueryDict

from environments.forms.form import Form


class SettingsForm(Form):
    """`initial` holds what is saved, with the `version` of it that is seen."""

    # What is no setting, and is not compared with what is saved.
    beside: tuple[str, ...] = ("version",)

    version = forms.CharField(required=False, widget=forms.HiddenInput)

    def clean_description(self) -> str:
        """With the line breaks of a text, not of a browser; what was not touched stays as it is, spaces and all."""
        typed, kept = _lines(self.cleaned_data["description"]), str(self.initial.get("description", ""))
        return kept if typed == _lines(kept).strip() else typed

    def compare_with(self, saved: "SettingsForm") -> None:
        """Keep what was typed, and take what is saved now as known: saving again is then meant."""
        differ = [
            str(self[name].label) for name in self.fields if name not in self.beside and self._differs(name, saved)
        ]
        sent = cast(QueryDict, self.data).copy()  # with every box that was ticked
        sent["version"] = saved.initial["version"]
        self.data = sent
        if differ:
            self.add_error(
                None, f"What you typed is still here. It differs from what is saved in: {', '.join(differ)}."
            )

    def _differs(self, name: str, saved: "SettingsForm") -> bool:
        typed, kept = self[name].value() or "", saved.initial[name] or ""
        if isinstance(kept, list):
            return sorted(typed) != sorted(kept)
        return _lines(str(typed)).strip() != _lines(str(kept)).strip()


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
