"""Plans, deployments, slots, holds and addresses; promotion, rollback and the lifting of holds through the rooms."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse

from environments.admin.acts import Act, Item, carried_out
from environments.delivery import deployments, holds
from environments.models import Deployment, DeploymentKind, Endpoint, Environment, Hold, Plan, Slot
from environments.planning import plans, stages
from projects import events
from projects.access import Actor
from projects.admin.records import Records, named, page_of
from projects.errors import Conflict
from projects.models import Release

BY_ENVIRONMENT = named("environment", "environment")
BY_PROJECT = named("project", "app__project", column="key")
BY_ORGANIZATION = named("organization", "organization")


def told(plan: Plan) -> list[tuple[str, str]]:
    """What it would do; of variables the names alone."""
    now = plan.from_release.version if plan.from_release else "nothing"
    after = plan.release.version if plan.release else "nothing"
    lines = [
        ("App", str(plan.app)),
        ("Environment", plan.environment.title + (", protected" if plan.environment.protected else "")),
        ("Release", f"{now} now, {after} afterwards"),
    ]
    if plan.changes:
        versions = ", ".join(change["version"] for change in plan.changes)
        lines.append(("Taken back" if plan.changes[0]["taken_back"] else "Arrives", versions))
    if plan.configuration_changes:
        lines.append(("Variables that change", ", ".join(change["key"] for change in plan.configuration_changes)))
    return lines


class Planned(Act):
    """A plan is made, shown with its gates, and carried out only if it is still the one that was seen."""

    kind: DeploymentKind

    @abstractmethod
    def wishes(self, slot: Slot) -> Iterable[tuple[Environment, Release | None]]:
        """Where to, and what; no release where the plan finds it itself."""

    def items(self, record: Slot, actor: Actor) -> Iterator[Item]:
        for environment, release in self.wishes(record):
            with transaction.atomic():
                plan = self._propose(record, environment, release, actor)
                transaction.set_rollback(True)
            yield Item(
                f"{record.pk}:{environment.pk}",
                told(plan),
                gates=plan.gates,
                blocked=plan.blocked,
                seen=plan.digest,
                confirm=environment.name if environment.protected else "",
            )

    def act(self, record: Slot, item: Item, actor: Actor, *, confirm: str) -> str:
        for environment, release in self.wishes(record):
            if item.key == f"{record.pk}:{environment.pk}":
                deployment = self._deploy(record, environment, release, actor, item.seen, confirm)
                return f"{deployment} of {record.app} is on its way in {environment.title}."
        raise Conflict("The chain was changed meanwhile; look again.")

    @events.operation
    def _deploy(
        self,
        slot: Slot,
        environment: Environment,
        release: Release | None,
        actor: Actor,
        seen: str,
        confirm: str,
    ) -> Deployment:
        plan = self._propose(slot, environment, release, actor)
        return deployments.carry_out(plan, by=actor, seen=seen, confirm=confirm or None)

    def _propose(self, slot: Slot, environment: Environment, release: Release | None, actor: Actor) -> Plan:
        return plans.propose(
            by=actor,
            app=slot.app,
            environment=environment,
            kind=self.kind,
            release=release,
            reason=actor.why.reason,
            link=actor.why.link,
        )


class Promote(Planned):
    name, title, button, kind = "promote", "Promote to the next stage", "Promote", DeploymentKind.PROMOTION

    def wishes(self, slot: Slot) -> Iterator[tuple[Environment, Release | None]]:
        if slot.live is None or slot.live.release is None:
            raise Conflict(f"Nothing of {slot.app} is live in {slot.environment.title} that could be promoted.")
        chain = stages.applying(slot.app.project, slot.organization)
        here = stages.standing(chain, slot.environment)
        if here is None or here + 1 >= len(chain):
            raise Conflict(f"No stage comes after {slot.environment.title} in the chain.")
        release, after = slot.live.release, stages.environments_of(chain[here + 1])
        there = Slot.objects.filter(app=slot.app, environment__in=after, live__release=release)
        arrived = set(there.values_list("environment", flat=True))
        if arrived >= {environment.pk for environment in after}:
            raise Conflict(f"{release} is live already in {', '.join(environment.title for environment in after)}.")
        for environment in after:
            if environment.pk not in arrived:
                yield environment, release


class RollBack(Planned):
    name, title, button, kind = "roll_back", "Roll back", "Roll back", DeploymentKind.ROLLBACK

    def wishes(self, slot: Slot) -> Iterator[tuple[Environment, Release | None]]:
        yield slot.environment, None


class Lift(Act):
    name, title, button = "lift", "Lift holds", "Lift the holds"

    def check(self, record: Hold, actor: Actor) -> None:
        if record.lifted_at is not None:
            raise Conflict("It is lifted already.")

    def items(self, record: Hold, actor: Actor) -> Iterator[Item]:
        yield Item(str(record.pk), [("Held", str(record.slot)), ("By", record.created_by), ("Why", record.reason)])

    def act(self, record: Hold, item: Item, actor: Actor, *, confirm: str) -> str:
        holds.lift(holds.find(actor, record.pk), by=actor, reason=actor.why.reason)
        return f"The hold of {record.slot} is lifted."


@admin.register(Slot)
class Slots(Records):
    list_display = ("app", "environment", "project", "live", "target", "condition", "live_since", "page")
    list_select_related = (
        "app__project", "environment", "organization", "live__release", "target__release", "placement",
    )  # fmt: skip
    list_filter = ("condition", ("live", admin.EmptyFieldListFilter), BY_ENVIRONMENT, BY_PROJECT, BY_ORGANIZATION)
    search_fields = ("app__name", "environment__name", "id")
    date_hierarchy = "created_at"
    actions = ("promote", "roll_back")
    hidden = ("services",)  # with the last line that each wrote, which the dashboard shows to those who may read it
    page = page_of("Dashboard", lambda slot: reverse("app", args=[slot.app_id]))

    @admin.display(ordering="app__project__key")
    def project(self, slot: Slot) -> str:
        return slot.app.project.key

    def view_on_site(self, obj: Slot) -> str:
        return reverse("app", args=[obj.app_id])

    @admin.action(description="Promote to the next stage…")
    def promote(self, request: HttpRequest, queryset: QuerySet[Slot]) -> HttpResponseBase | None:
        return carried_out(Promote(), self, request, queryset)

    @admin.action(description="Roll back…")
    def roll_back(self, request: HttpRequest, queryset: QuerySet[Slot]) -> HttpResponseBase | None:
        return carried_out(RollBack(), self, request, queryset)


@admin.register(Plan)
class Plans(Records):
    list_display = (
        "kind", "app", "environment", "from_release", "release", "blocked", "created_by", "created_at", "expires_at",
        "page",
    )  # fmt: skip
    list_select_related = ("app", "environment", "from_release", "release")
    list_filter = ("kind", "blocked", BY_ENVIRONMENT, BY_PROJECT, BY_ORGANIZATION)
    search_fields = ("app__name", "environment__name", "release__version", "id")
    date_hierarchy = "created_at"
    hidden = ("configuration_changes",)  # the values of variables, before and after
    page = page_of("Dashboard", lambda plan: reverse("app", args=[plan.app_id]))


@admin.register(Deployment)
class Deployments(Records):
    list_display = (
        "number", "kind", "app", "environment", "previous_release", "release", "phase", "bypass", "created_by",
        "created_at", "page",
    )  # fmt: skip
    list_select_related = ("app", "environment", "previous_release", "release", "run")
    list_filter = ("kind", "run__phase", "bypass", BY_ENVIRONMENT, BY_PROJECT, BY_ORGANIZATION)
    search_fields = ("app__name", "environment__name", "release__version", "id")
    date_hierarchy = "created_at"
    hidden = ("pins",)
    page = page_of("Dashboard", lambda deployment: reverse("run", args=[deployment.run.pk]))

    @admin.display(ordering="run__phase")
    def phase(self, deployment: Deployment) -> str:
        return deployment.run.get_phase_display()

    def view_on_site(self, obj: Deployment) -> str:
        return reverse("run", args=[obj.run.pk])


@admin.register(Hold)
class Holds(Records):
    list_display = ("slot", "reason", "created_by", "created_at", "lifted_by", "lifted_at", "page")
    list_select_related = ("slot__app", "slot__environment", "organization")
    list_filter = (
        ("lifted_at", admin.EmptyFieldListFilter),
        named("environment", "slot__environment"),
        named("project", "slot__app__project", column="key"),
        BY_ORGANIZATION,
    )
    search_fields = ("slot__app__name", "slot__environment__name", "reason")
    date_hierarchy = "created_at"
    actions = ("lift",)
    page = page_of("Dashboard", lambda hold: reverse("app", args=[hold.slot.app_id]))

    @admin.action(description="Lift…")
    def lift(self, request: HttpRequest, queryset: QuerySet[Hold]) -> HttpResponseBase | None:
        return carried_out(Lift(), self, request, queryset)


@admin.register(Endpoint)
class Endpoints(Records):
    list_display = ("url", "app", "service", "environment", "host", "linked_at", "released_at", "created_at", "page")
    list_select_related = ("app", "environment", "host")
    list_filter = (("released_at", admin.EmptyFieldListFilter), BY_ENVIRONMENT, BY_PROJECT, BY_ORGANIZATION)
    search_fields = ("app__name", "environment__name", "service", "port")
    date_hierarchy = "created_at"
    page = page_of("Dashboard", lambda endpoint: reverse("environment", args=[endpoint.environment_id]))
