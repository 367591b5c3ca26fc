"""A form in the house's look, which can say what a room refused."""

from typing import Any

from django import forms

from projects.errors import Refused


def sentence(refusal: Refused) -> str:
    """What a refusal says, without the names that fields have in the API."""
    messages = [str(error["message"]) for error in refusal.errors if error.get("message")]
    told = " ".join(message if message.endswith(".") else f"{message}." for message in messages)
    return told[:1].upper() + told[1:] if told else refusal.detail


class Form(forms.Form):
    """Django's form with the house's classes, and a way to say what a room refused."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if not isinstance(field.widget, forms.HiddenInput | forms.CheckboxInput | forms.CheckboxSelectMultiple):
                field.widget.attrs.setdefault("class", "input")

    def refuse(self, refusal: Refused) -> None:
        """Put a refusal beside the fields it is about, else above the form."""
        told = False
        for error in refusal.errors:
            name = str(error.get("field", "")).partition(".")[0]
            if name in self.fields:
                self.add_error(name, str(error["message"]))
                told = True
        if not told:
            self.add_error(None, sentence(refusal))
