"""What people type about an integration, before the room judges it: the fields are those of its type."""

from typing import Any

from django import forms

from environments.configuration import catalogue, entries, integrations, placing
from environments.configuration.catalogue import Field
from environments.forms import places
from environments.forms.form import Form
from environments.forms.places import PlaceField
from environments.forms.settings import SettingsForm
from environments.models import EntryKind, Environment, Integration, IntegrationType
from projects.access import Actor
from projects.errors import NotFound


class IntegrationForm(SettingsForm):
    """A new one of a type, or with `integration` the settings of one that is there. No secret is typed here."""

    name = forms.CharField(max_length=64, help_text="What pages call it, such as github.")
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(
        self, *args: Any, by: Actor, type: IntegrationType, integration: Integration | None = None, **kwargs: Any
    ) -> None:
        self.kind = catalogue.CATALOGUE[type]
        self.called = {
            f"{'secrets' if one.credential else 'settings'}.{one.name}": one.name for one in self.kind.fields
        }
        initial = {one.name: one.default for one in self.kind.fields}
        if integration is not None:
            initial |= {**dict.fromkeys(initial, ""), **integration.settings, **integration.secrets}
            initial |= {name: getattr(integration, name) for name in ("name", "description")}
            initial["version"] = integrations.tag(integration)
        super().__init__(*args, initial=initial, **kwargs)
        known = _secrets(by)
        for one in self.kind.fields:
            self.fields[one.name] = _field(one, known)
        self.order_fields(["version", "name", *(one.name for one in self.kind.fields), "description"])

    def wish(self) -> dict[str, Any]:
        """What the room takes."""
        data = self.cleaned_data
        return {
            "name": data["name"],
            "description": data["description"],
            "settings": {one.name: data[one.name] for one in self.kind.settings},
            "secrets": {one.name: data[one.name] for one in self.kind.credentials},
        }


def _field(one: Field, known: list[str]) -> forms.Field:
    names = f" Injected as {one.documented}." if one.variable else ""
    told: dict[str, Any] = {"label": one.label, "required": one.required and not one.default}
    plain = {"class": "input", "autocomplete": "off", "spellcheck": "false"}
    if one.choices:
        choices, widget = [(each, each) for each in one.choices], forms.Select(attrs={"class": "input"})
        return forms.ChoiceField(choices=choices, help_text=one.help + names, widget=widget, **told)
    if one.credential:
        told["label"] = f"{one.label}: key of a secret"
        help = f"{one.help} Name the secret that holds it, such as CI_TOKEN; its value is not typed here.{names}"
        field = PlaceField(max_length=128, help_text=help, widget=forms.TextInput(attrs=plain), **told)
        field.suggest(one.name, known)
        return field
    return forms.CharField(max_length=400, help_text=one.help + names, widget=forms.TextInput(attrs=plain), **told)


def _secrets(by: Actor) -> list[str]:
    """Keys of the first secrets to choose from."""
    keys = entries.visible(by, EntryKind.SECRET).order_by("key").values_list("key", flat=True).distinct()
    return list(keys[: places.SUGGESTED])


class InPlaceForm(Form):
    """An environment by its name: where an integration is enabled, or whose secrets it is asked with."""

    environment = PlaceField(help_text="Its name.")

    def __init__(self, *args: Any, by: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by = by

    def clean_environment(self) -> Environment:
        name = self.cleaned_data["environment"]
        try:
            return placing.environment(self.by, name)
        except NotFound:
            raise forms.ValidationError(f"There is no environment {name} here.") from None


class ChoiceOfIntegrations(forms.MultipleChoiceField):
    """Which integrations are enabled in a scope."""

    widget = forms.CheckboxSelectMultiple

    def offer(self, by: Actor) -> bool:
        """Whether there is one to choose."""
        found = integrations.visible(by).order_by("name")
        self.choices = [(str(one.pk), f"{one.name} ({one.get_type_display()})") for one in found]
        return bool(self.choices)
