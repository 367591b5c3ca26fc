"""The page of a settings form, whatever it is about."""

import uuid
from collections.abc import Callable

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from environments.forms.settings import SettingsForm
from environments.views.choice import go
from environments.views.undoing import done
from projects import events
from projects.errors import Refused
from projects.versions import ChangedMeanwhile
from projects.views.signed_in import Visit


def settings_page(
    request: Visit,
    form: SettingsForm,
    *,
    save: Callable[[str], object],
    now: Callable[[], SettingsForm],
    of: str,
    place: str,
    ident: uuid.UUID,
    above: list[dict[str, str]],
    heading: str = "",
) -> HttpResponse:
    """The settings of what is called `of` and has the page `place`, below the crumbs `above`.

    `save` is given the version that was seen. Where it is not the present one, the form tells how it differs from
    `now`, and saving it once more is meant.
    """
    if _saved(request, form, save, now):
        return go(request, place, ident)
    back = reverse(place, args=[ident])
    context = {"form": form, "heading": heading or f"Settings of {of}", "button": "Save", "back": back}
    context["crumbs"] = [*above, {"word": of, "url": back}]
    return render(request, "form.html", context, status=form.status)


def _saved(request: Visit, form: SettingsForm, save: Callable[[str], object], now: Callable[[], SettingsForm]) -> bool:
    """Whether what was typed is saved, with an offer to undo it; if not, the form says why."""
    if request.method != "POST" or not form.is_valid():
        return False
    try:
        with events.noted() as made:
            save(form.cleaned_data["version"])
    except Refused as refused:
        form.refuse(refused)
        if isinstance(refused, ChangedMeanwhile):
            form.compare_with(now())
        return False
    done(request, "Saved.", made)
    return True
