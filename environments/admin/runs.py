"""Runs with their steps and logs; what is stuck is cancelled or tried again through the same rooms as elsewhere."""

from collections.abc import Iterable

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse

from environments import cancellations, retries
from environments.admin.acts import Act, Item, carried_out
from environments.models import LogChunk, Phase, Run, RunStep, ServiceLogChunk, Sweep
from projects.access import Actor
from projects.admin.records import Records, Rows, named, page_of


class StepsOfRun(Rows):
    model = RunStep
    fields = ("attempt", "n", "name", "phase", "detail", "exit_code", "started_at", "finished_at")


def told(run: Run) -> list[tuple[str, str]]:
    """What somebody must know before they touch a run."""
    where = run.environment.title if run.environment else "no environment"
    lines = [("Run", f"{run} of {run.app or 'no app'} in {where}"), ("Phase", Phase(run.phase).label)]
    lines.append(("Attempt", f"{run.attempt} of {run.max_attempts}"))
    return [*lines, ("Reason", run.reason)] if run.reason else lines


class OfRun(Act):
    def items(self, record: Run, actor: Actor) -> Iterable[Item]:
        yield Item(str(record.pk), told(record))


class Retry(OfRun):
    name, title, button = "retry", "Retry runs", "Retry"

    def check(self, record: Run, actor: Actor) -> None:
        retries.check(record, by=actor)

    def act(self, record: Run, item: Item, actor: Actor, *, confirm: str) -> str:
        return f"{retries.retry(record, by=actor, reason=actor.why.reason)} is queued again."


class Cancel(OfRun):
    name, title, button = "cancel", "Cancel runs", "Cancel the runs"

    def check(self, record: Run, actor: Actor) -> None:
        cancellations.check(record, by=actor)

    def act(self, record: Run, item: Item, actor: Actor, *, confirm: str) -> str:
        return f"{cancellations.cancel(record, by=actor, reason=actor.why.reason)} is asked to stop."


@admin.register(Run)
class Runs(Records):
    list_display = (
        "number", "kind", "phase", "environment", "app", "project", "attempt", "carried_by", "created_by",
        "created_at", "finished_at", "page",
    )  # fmt: skip
    list_select_related = ("environment", "app", "project", "organization")
    list_filter = (
        "phase", "kind", "carried_by", named("environment", "environment"), named("project", "project", column="key"),
        named("organization", "organization"),
    )  # fmt: skip
    search_fields = ("number", "app__name", "environment__name", "reason", "id")
    date_hierarchy = "created_at"
    ordering = ("-number",)
    hidden = ("claim_key", "specification", "inputs", "last_lines")
    inlines = (StepsOfRun,)
    actions = ("retry", "cancel")
    page = page_of("Dashboard", lambda run: reverse("run", args=[run.pk]))

    def view_on_site(self, obj: Run) -> str:
        return reverse("run", args=[obj.pk])

    @admin.action(description="Retry…")
    def retry(self, request: HttpRequest, queryset: QuerySet[Run]) -> HttpResponseBase | None:
        return carried_out(Retry(), self, request, queryset)

    @admin.action(description="Cancel…")
    def cancel(self, request: HttpRequest, queryset: QuerySet[Run]) -> HttpResponseBase | None:
        return carried_out(Cancel(), self, request, queryset)


class OfARun(Records):
    list_select_related = ("run__environment",)
    list_filter = (
        named("environment", "run__environment"),
        named("project", "run__project", column="key"),
        named("organization", "run__organization"),
    )
    search_fields = ("run__number", "run__environment__name")
    date_hierarchy = "run__created_at"


@admin.register(RunStep)
class RunSteps(OfARun):
    list_display = ("run", "attempt", "n", "name", "phase", "exit_code", "started_at", "finished_at", "page")
    search_fields = ("name", "run__number")
    page = page_of("Dashboard", lambda step: reverse("run", args=[step.run_id]))


@admin.register(LogChunk)
class LogChunks(OfARun):
    list_display = ("run", "attempt", "offset", "count", "size")
    hidden = ("lines",)  # the run's page shows them, to those who may read them


@admin.register(ServiceLogChunk)
class ServiceLogChunks(Records):
    list_display = ("environment", "app", "service", "offset", "count", "size", "at")
    list_select_related = ("environment", "app")
    list_filter = (
        named("environment", "environment"),
        named("project", "app__project", column="key"),
        named("organization", "app__organization"),
    )
    search_fields = ("service", "app__name", "environment__name")
    date_hierarchy = "at"
    hidden = ("lines",)


@admin.register(Sweep)
class Sweeps(Records):
    list_display = ("started_at", "finished_at")
    search_fields = ("freed",)
    date_hierarchy = "started_at"
