"""What people type about members, invitations and access tokens, before the rooms judge it."""

import uuid
from datetime import UTC, datetime, time, timedelta
from typing import Any, cast

from django import forms
from django.utils import timezone

from environments.forms import places
from environments.forms.form import Form
from environments.forms.places import PlaceField
from projects import lifecycle as projects
from projects.access import RANK, Actor, Permission, allows
from projects.errors import NotFound, Refused
from projects.models import Project, Role

USUAL = timedelta(days=90)


class _Placed(Form):
    """A role in some places."""

    role = forms.ChoiceField()

    def __init__(self, *args: Any, by: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by = by
        highest = Role.OWNER if allows(by, Permission.MANAGE_OWNERS) else Role.ADMIN
        roles = [(role.value, role.label) for role in Role if RANK[role] <= RANK[highest]]
        cast(forms.ChoiceField, self.fields["role"]).choices = roles
        known = {
            "project": [one.key for one in projects.visible(by).only("key").order_by("key")[: places.SUGGESTED]],
            "environment": places.environments(by),
        }
        for field, words in known.items():
            for name in (field, f"{field}s"):
                if isinstance(place := self.fields.get(name), PlaceField):
                    place.suggest(name, words)

    def _project(self, name: str) -> Project:
        try:
            return projects.find(self.by, name)
        except NotFound:
            raise forms.ValidationError(f"There is no project {name} here.") from None


class GrantForm(_Placed):
    project = PlaceField(required=False, help_text="Its key. Empty: all projects.")
    environment = PlaceField(
        required=False, help_text="Its name. Empty: all environments, for operators those that are not protected."
    )

    def clean_project(self) -> Project | None:
        name = self.cleaned_data["project"]
        return self._project(name) if name else None

    def clean_environment(self) -> uuid.UUID | None:
        name = self.cleaned_data["environment"]
        return places.environment(self.by, name) if name else None

    def wish(self) -> dict[str, Any]:
        """What the rooms take."""
        data = self.cleaned_data
        return {"role": data["role"], "project": data["project"], "environment_id": data["environment"]}


class InvitationForm(GrantForm):
    email = forms.EmailField(required=False, label="Email")

    def __init__(self, *args: Any, mails: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].help_text = (
            "The link is mailed there, too."
            if mails
            else "To know whose it is. Nothing is mailed: no server is set up."
        )

    def wish(self) -> dict[str, Any]:
        return {**super().wish(), "email": self.cleaned_data["email"]}


class TokenForm(_Placed):
    name = forms.CharField(max_length=100, help_text="What it is for, such as ci.")
    projects = PlaceField(required=False, help_text="Keys, separated by commas. Empty: all.")
    environments = PlaceField(required=False, help_text="Names, separated by commas. Empty: all.")
    until = forms.DateField(
        required=False,
        label="Works until",
        initial=lambda: timezone.now().date() + USUAL,
        help_text="The end of that day, UTC. Empty: no end.",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    field_order = ("name", "role", "projects", "environments", "until")

    def wish(self) -> dict[str, Any]:
        """What the room takes."""
        data, until = self.cleaned_data, self.cleaned_data["until"]
        return {
            "name": data["name"],
            "role": data["role"],
            "project_ids": data["projects"],
            "environment_ids": data["environments"],
            "expires_at": datetime.combine(until, time.max, tzinfo=UTC) if until else None,
        }

    def refuse(self, refusal: Refused) -> None:
        refusal.errors = [
            {**error, "field": "until"} if error.get("field") == "expires_at" else error for error in refusal.errors
        ]
        super().refuse(refusal)

    def clean_projects(self) -> list[uuid.UUID]:
        return [self._project(name).id for name in _listed(self.cleaned_data["projects"])]

    def clean_environments(self) -> list[uuid.UUID]:
        return [places.environment(self.by, name) for name in _listed(self.cleaned_data["environments"])]


class PasswordForm(Form):
    present = forms.CharField(
        label="Present password", strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )
    password = forms.CharField(
        label="New password",
        strip=False,
        help_text="At least 10 characters.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


def _listed(text: str) -> list[str]:
    return list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
