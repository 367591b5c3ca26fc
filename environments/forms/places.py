"""Places that are typed by name, since there may be a hundred thousand."""

import uuid
from collections.abc import Sequence

from django import forms

from environments import lifecycle
from environments.overview.choices import choices
from projects.access import Actor
from projects.errors import NotFound

SUGGESTED = 50


class PlaceField(forms.CharField):
    """A place that is typed by name, with the first of those that are known to choose from."""

    suggestions: Sequence[str] = ()

    def suggest(self, name: str, words: Sequence[str]) -> None:
        """`name` is the field's own, which names the list of words, too."""
        self.suggestions = words
        self.widget.attrs |= {"list": f"known-{name}", "autocomplete": "off"}


def environments(by: Actor) -> list[str]:
    """The names of the first ones to choose from."""
    return [one.name for one in choices(by, limit=SUGGESTED)]


def environment(by: Actor, name: str) -> uuid.UUID:
    """The one that is meant; an error beside the field where there is none."""
    try:
        return lifecycle.find(by, name).id
    except NotFound:
        raise forms.ValidationError(f"There is no environment {name} here.") from None
