"""Two small pages: is this meant, and what is shown once and never again."""

from collections.abc import Callable

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from environments.views import undoing
from environments.views.choice import query
from projects import events
from projects.credentials import Secret
from projects.errors import Refused, status
from projects.views.signed_in import Visit


def confirm(
    request: Visit,
    act: Callable[[], object],
    *,
    heading: str,
    sentence: str,
    done: str,
    to: str,
    back: str = "",
) -> HttpResponse:
    """Ask on GET and act on POST, offering to undo what can be undone; a refusal is told on the same page."""
    context = {"heading": heading, "sentence": sentence, "back": back or to}
    if request.method != "POST":
        return render(request, "confirm.html", context)
    try:
        with events.noted() as made:
            act()
    except Refused as refused:
        if getattr(refused, "code", "") in {"not-found", "not-allowed"}:
            raise
        return render(request, "confirm.html", {**context, "refusal": refused.detail}, status=status(refused))
    undoing.done(request, done, made)
    return HttpResponseRedirect(to + query(request))


def shown_once(request: Visit, *, heading: str, sentence: str, secret: Secret, back: str) -> HttpResponse:
    """A credential; the door that shows it is never cached."""
    context = {"heading": heading, "sentence": sentence, "secret": secret.reveal(), "back": back}
    return render(request, "shown_once.html", context)
