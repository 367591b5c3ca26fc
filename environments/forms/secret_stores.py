"""What people type about a secret store, before the room judges it."""

from collections.abc import Callable
from typing import Any, TypeVar

from django import forms

from environments import lifecycle as environments
from environments.configuration import stores
from environments.configuration.entries import Kept
from environments.forms import places
from environments.forms.form import Form
from environments.forms.places import PlaceField
from environments.forms.settings import SettingsForm
from environments.models import Environment, SecretStore, StoreAuth
from environments.resolving.scopes import Scope
from projects import lifecycle as projects
from projects.access import Actor
from projects.credentials import Secret
from projects.errors import NotFound
from projects.models import Project

T = TypeVar("T")
CREDENTIALS = ("token", "role_id", "secret_id")


def _hidden(**more: Any) -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"})
    return forms.CharField(required=False, strip=True, widget=widget, **more)


class StoreForm(SettingsForm):
    """A new one, or with `store` the settings of one that is there; credentials are taken and never shown."""

    name = forms.CharField(max_length=64, help_text="What secrets refer to it by, such as vault.")
    address = forms.CharField(max_length=400, help_text="Scheme, host and port, such as https://bao.example.org:8200.")
    mount = forms.CharField(
        required=False, initial="secret", help_text="Where its key-value store of version 2 is. Empty: secret."
    )
    namespace = forms.CharField(required=False, help_text="Only where the server has namespaces.")
    auth = forms.ChoiceField(label="Sign in by", choices=StoreAuth.choices)
    token = _hidden(label="Token", help_text="To sign in by token.")
    role_id = _hidden(label="Role ID", help_text="To sign in by AppRole, with its secret ID.")
    secret_id = _hidden(label="Secret ID", help_text="To sign in by AppRole.")

    def __init__(self, *args: Any, store: SecretStore | None = None, **kwargs: Any) -> None:
        if store is not None:
            shown = {name: getattr(store, name) for name in stores.FIELDS}
            kwargs["initial"] = shown | dict.fromkeys(CREDENTIALS, "") | {"version": stores.tag(store)}
        super().__init__(*args, **kwargs)
        if store is not None:
            for name in CREDENTIALS:
                self.fields[name].help_text += " Empty: what is kept stays."

    def wish(self) -> dict[str, Any]:
        """What the room takes."""
        data = self.cleaned_data
        return {
            **{name: data[name] for name in stores.FIELDS},
            "credentials": {name: Secret(data[name]) for name in CREDENTIALS if data[name]},
        }


class KeptForm(Form):
    """A secret that lies in a store: its key, where it lies, and for what it is set."""

    key = forms.CharField(max_length=128, help_text="What processes know it by, such as DB_PASSWORD.")
    path = forms.CharField(max_length=400, help_text="Below the mount, such as shop/database.")
    field = forms.CharField(max_length=200, help_text="Which field of what lies there, such as password.")
    project = PlaceField(required=False, help_text="Its key. Empty: all projects.")
    environment = PlaceField(required=False, help_text="Its name. Empty: all environments.")

    def __init__(self, *args: Any, by: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by = by
        known = [one.key for one in projects.visible(by).only("key").order_by("key")[: places.SUGGESTED]]
        for name, words in (("project", known), ("environment", places.environments(by))):
            if isinstance(place := self.fields[name], PlaceField):
                place.suggest(name, words)

    def clean_project(self) -> Project | None:
        return self._found("project", projects.find)

    def clean_environment(self) -> Environment | None:
        return self._found("environment", environments.find)

    def _found(self, field: str, find: Callable[[Actor, str], T]) -> T | None:
        if not (name := self.cleaned_data[field]):
            return None
        try:
            return find(self.by, name)
        except NotFound:
            raise forms.ValidationError(f"There is no {field} {name} here.") from None

    def kept(self, store: SecretStore) -> Kept:
        return Kept(store=store, path=self.cleaned_data["path"], field=self.cleaned_data["field"])

    @property
    def scope(self) -> Scope:
        return Scope(project=self.cleaned_data["project"], environment=self.cleaned_data["environment"])
