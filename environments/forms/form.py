"""A form in the house's look, which can say what a room refused."""

from collections.abc import Mapping
from typing import Any

from django import forms

from projects import errors
from projects.errors import Refused
from projects.limits import TooMany


def sentence(refusal: Refused) -> str:
    """What a refusal says, without the names that fields have in the API."""
    told = " ".join(_whole(error) for error in refusal.errors if error.get("message"))
    return told or refusal.detail


# A message that begins with one of these says it of its field.
SAID_OF_IT = {"is", "must", "cannot"}


def _whole(error: Mapping[str, Any]) -> str:
    """The message as a sentence that stands alone."""
    message = str(error["message"])
    if message.partition(" ")[0] in SAID_OF_IT:
        message = f"{str(error['field']).rpartition('.')[2].replace('_', ' ')} {message}"
    return message[:1].upper() + message[1:] + ("" if message.endswith(".") else ".")


class BoundField(forms.BoundField):
    """A field that has the focus where it is the first of its form that is wrong."""

    @property
    def first_wrong(self) -> bool:
        wrong = self.form.errors
        return next((name for name in self.form.fields if name in wrong), "") == self.name and not self._told_above

    @property
    def _told_above(self) -> bool:
        return bool(self.form.non_field_errors())

    def build_widget_attrs(self, attrs: Any, widget: forms.Widget | None = None) -> Any:
        attrs = super().build_widget_attrs(attrs, widget)
        if self.form.errors:
            attrs["autofocus"] = self.first_wrong and not self.use_fieldset
        return attrs


class Form(forms.Form):
    """Django's form with the house's classes, and a way to say what a room refused."""

    bound_field_class = BoundField
    # The fields of the API that have another name here.
    called: Mapping[str, str] = {}
    refused_with = 422

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if not isinstance(field.widget, forms.HiddenInput | forms.CheckboxInput | forms.CheckboxSelectMultiple):
                field.widget.attrs.setdefault("class", "input")

    @property
    def status(self) -> int:
        """The HTTP status of a page that shows it."""
        return self.refused_with if self.errors else 200

    def refuse(self, refusal: Refused) -> None:
        """Put a refusal beside the fields it is about, else above the form; who must wait gets a page that says so."""
        if isinstance(refusal, TooMany):
            raise refusal
        self.refused_with = errors.status(refusal)
        told = False
        for error in refusal.errors:
            name, part = self._place(str(error.get("field", "")))
            if name in self.fields:
                self.add_error(name, _beside(part, error))
                told = True
        if not told:
            self.add_error(None, sentence(refusal))

    def _place(self, field: str) -> tuple[str, str]:
        """The field here, and the part of it that is meant."""
        for theirs, ours in self.called.items():
            if f"{field}.".startswith(f"{theirs}."):
                return ours, field[len(theirs) + 1 :]
        name, _, part = field.partition(".")
        return name, part


def _beside(part: str, error: Mapping[str, Any]) -> str:
    """The message beside its field, with the part of the field that it is about: `line 2, steps[0].run: is missing`."""
    line = f"line {error['line']}" if error.get("line") else ""
    message = str(error["message"])
    return f"{', '.join(filter(None, [line, part]))}: {message.removeprefix(f'{line}: ')}" if part else message
