"""What people type about variables and secrets, before the rooms judge it."""

from typing import Any

from django import forms

from environments import lifecycle
from environments.configuration import entries
from environments.forms.form import Form
from environments.forms.settings import SettingsForm
from environments.models import Entry, VariableType
from environments.overview import configuration as choosing
from environments.resolving.scopes import HOLDERS, Scope
from projects.access import Actor
from projects.credentials import Secret
from projects.errors import NotFound

TYPES = {
    VariableType.TEXT: "Text",
    VariableType.NUMBER: "Number",
    VariableType.BOOLEAN: "Boolean: true or false, such as a feature flag",
    VariableType.JSON: "JSON",
    VariableType.URL: "URL: an endpoint",
}
REFERENCES = "{{NAME}} refers to another key that holds here, \\{{ are the two signs themselves."
WHY = "Kept with the version, and told in the log."


class Unread(forms.Textarea):
    """What is typed here is never written into a page again."""

    def format_value(self, value: Any) -> str:
        return ""


def _value(widget: type[forms.Textarea], **more: Any) -> forms.CharField:
    attrs = {"rows": 3, "spellcheck": "false", "autocomplete": "off", "class": "input mono"}
    return forms.CharField(strip=False, required=False, widget=widget(attrs=attrs), **more)


class _Described(Form):
    """`reason` is the version's note, and the reason that the log tells."""

    called = {"note": "reason"}

    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    link = forms.CharField(
        required=False,
        max_length=500,
        help_text="A ticket or CI job.",
        widget=forms.TextInput(attrs={"type": "url", "autocomplete": "off"}),
    )
    reason = forms.CharField(
        required=False,
        max_length=2000,
        label="Why",
        help_text=WHY,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def clean_value(self) -> str:
        """With the line breaks of a text, not of a browser; what was not touched stays as it is."""
        typed, kept = _lines(self.cleaned_data["value"]), str(self.initial.get("value", ""))
        return kept if typed == _lines(kept) else typed


class _New(_Described):
    """With the scope, which is for life."""

    called = {
        "note": "reason",
        "project_id": "place",
        "app_id": "place",
        "team_id": "place",
        "agent_id": "place",
        "environment_id": "place",
    }

    holder = forms.CharField(required=False, widget=forms.HiddenInput)
    place = forms.CharField(required=False, label="In")
    key = forms.CharField(
        max_length=128,
        help_text="Letters, digits and _; its case is kept.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "class": "input mono"}),
    )

    def __init__(self, *args: Any, by: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by = by

    @property
    def drawn(self) -> list[Any]:
        """The fields beside the scope, which is drawn by its own piece."""
        return [field for field in self.visible_fields() if field.name != "place"]

    def scope(self) -> Scope:
        return scope(self.by, self.cleaned_data["holder"], self.cleaned_data["place"])


class VariableForm(_New):
    type = forms.ChoiceField(choices=list(TYPES.items()), initial=VariableType.TEXT)
    value = _value(forms.Textarea, help_text=REFERENCES)
    field_order = ("holder", "place", "key", "type", "value", "description", "reason", "link")

    def wish(self) -> dict[str, Any]:
        """What the room takes."""
        data = self.cleaned_data
        return {name: data[name] for name in ("key", "type", "value", "description")} | {"note": data["reason"]}


class SecretForm(_New):
    value = _value(Unread, help_text=f"Sealed at once, and never shown without a click. {REFERENCES}")
    write_only = forms.BooleanField(
        required=False, label="Write-only", help_text="Processes get it, and nobody can ever reveal it."
    )
    rotate_on = forms.DateField(
        required=False,
        label="Rotate by",
        help_text="From this day on it is marked as overdue.",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    field_order = ("holder", "place", "key", "value", "write_only", "rotate_on", "description", "reason", "link")

    def clean_value(self) -> str:
        typed = super().clean_value()
        if not typed:
            raise forms.ValidationError("This field is required.")
        return typed

    def wish(self) -> dict[str, Any]:
        """What the room takes."""
        data = self.cleaned_data
        given = {name: data[name] for name in ("key", "description", "write_only", "rotate_on")}
        return given | {"value": Secret(data["value"]), "note": data["reason"]}


class EntryForm(SettingsForm, _Described):
    """A key that is set already: its scope, key and kind are for life."""

    beside = ("version", "reason", "link")
    field_order = ("version", "type", "value", "write_only", "rotate_on", "description", "reason", "link")

    def __init__(self, *args: Any, entry: Entry, **kwargs: Any) -> None:
        kwargs["initial"] = {
            "version": entries.tag(entry),
            "description": entry.description,
        } | self.shown(entry)
        super().__init__(*args, **kwargs)

    def shown(self, entry: Entry) -> dict[str, Any]:
        """What the fields beside the description begin with; of a value nothing, unless a form says so."""
        return {}


class VariableChangeForm(EntryForm):
    type = forms.ChoiceField(choices=list(TYPES.items()))
    value = _value(forms.Textarea, help_text=REFERENCES)

    def shown(self, entry: Entry) -> dict[str, Any]:
        assert entry.current is not None
        return {"type": entry.current.type, "value": entry.current.value}


class SecretChangeForm(EntryForm):
    value = _value(Unread, label="New value", help_text=f"Empty: it stays as it is. {REFERENCES}")
    write_only = SecretForm.base_fields["write_only"]
    rotate_on = SecretForm.base_fields["rotate_on"]

    def shown(self, entry: Entry) -> dict[str, Any]:
        return {"value": "", "write_only": entry.write_only, "rotate_on": entry.rotate_on}

    def __init__(self, *args: Any, entry: Entry, **kwargs: Any) -> None:
        super().__init__(*args, entry=entry, **kwargs)
        if entry.write_only:
            self.fields["write_only"].disabled = True
            self.fields["write_only"].help_text = "It stays write-only: make a new secret to reveal one."


def scope(by: Actor, holder: str, place: str) -> Scope:
    """`app:<id>` or nothing, and the id or name of an environment or nothing; NotFound for what the actor sees not."""
    name, _, ident = holder.partition(":")
    if holder and (name not in HOLDERS or not ident):
        raise NotFound("There is no such scope.")
    held: dict[str, Any] = {name: choosing.holder(by, name, ident)} if holder else {}
    return Scope(**held, environment=lifecycle.find(by, place) if place else None)


def named(scope: Scope) -> str:
    """The holder of a scope as the form sends it."""
    held = next(((name, getattr(scope, name)) for name in HOLDERS if getattr(scope, name)), None)
    return f"{held[0]}:{held[1].pk}" if held else ""


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
