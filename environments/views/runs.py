"""A run's page: its head, steps and log, and cancelling and retrying it."""

import uuid
from collections.abc import Callable

from django.http import FileResponse, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from environments import cancellations, retries
from environments.models import LogChunk, Run
from environments.overview import runs as overview
from environments.runs import lookup
from environments.views import copies
from environments.views.choice import go
from environments.views.fragments import conditional, told_in_place
from projects.access import Actor
from projects.errors import NotAllowed, NotFound, Refused
from projects.views.signed_in import Visit, is_fragment, signed_in


@require_safe
@signed_in
def run(request: Visit, run_id: uuid.UUID) -> HttpResponse:
    found = lookup.find(request.actor, run_id)
    q = request.GET.get("q", "")[:200].replace("\0", "")
    context = overview.page(found, attempt=_attempt(request, found), q=q) | _offers(found, request.actor)
    return render(request, "run/page.html", context)


@require_safe
@signed_in
@conditional
def part(request: Visit, run_id: uuid.UUID, part: str) -> HttpResponse:
    found = lookup.find(request.actor, run_id)
    if part == "head":
        return render(request, "run/_head.html", overview.facts(found) | _offers(found, request.actor))
    if part in ("steps", "attempts", "following"):
        attempt = _attempt(request, found) or found.attempt
        return render(request, f"run/_{part}.html", overview.steps(found, attempt=attempt))
    raise NotFound("There is no such part of the page.")


@require_safe
@signed_in
def log(request: Visit, run_id: uuid.UUID) -> HttpResponseBase:
    """One attempt's whole log as text."""
    found = lookup.find(request.actor, run_id)
    attempt = _attempt(request, found) or found.attempt
    chunks = LogChunk.objects.filter(run=found, attempt=attempt).order_by("offset")
    with copies.written(reader=request.actor.label, what="logs") as copy:
        for chunk in chunks.iterator(chunk_size=50):
            copy.writelines(f"{line['at']} {line['text']}\n".encode() for line in chunk.lines)
    response = FileResponse(copy, content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="run-{found.number}-attempt-{attempt}.log"'
    return response


@require_POST
@signed_in
def cancellation(request: Visit, run_id: uuid.UUID) -> HttpResponse:
    found = lookup.find(request.actor, run_id)
    refusal, status = "", 200
    try:
        cancellations.cancel(found, by=request.actor, reason=request.actor.why.reason)
    except Refused as refused:
        refusal, status = told_in_place(request, refused)
    if not is_fragment(request):
        return go(request, "run", run_id)
    again = lookup.find(request.actor, run_id)
    context = overview.facts(again) | _offers(again, request.actor) | {"refusal": refusal}
    return render(request, "run/_head.html", context, status=status)


@require_POST
@signed_in
def retry(request: Visit, run_id: uuid.UUID) -> HttpResponse:
    again = retries.retry(lookup.find(request.actor, run_id), by=request.actor, reason=request.actor.why.reason)
    return go(request, "run", again.pk)


def _offers(run: Run, actor: Actor) -> dict[str, str | None]:
    """What speaks against stopping and repeating it: nothing where one may, `None` where one never may."""
    return {
        "cancel_why": _why_not(cancellations.check, run, actor),
        "retry_why": _why_not(retries.check, run, actor),
    }


def _why_not(check: Callable[..., None], run: Run, actor: Actor) -> str | None:
    try:
        check(run, by=actor)
    except (NotAllowed, NotFound):
        return None
    except Refused as refused:
        return refused.detail
    return ""


def _attempt(request: Visit, run: Run) -> int | None:
    asked = request.GET.get("attempt", "")
    return int(asked) if asked.isdecimal() and len(asked) < 10 and 1 <= int(asked) <= run.attempt else None
