"""How many keys of what runs have been overtaken: by another value, by one that came or went, by a revocation."""

import uuid
from collections.abc import Iterable

from django.db.models import Q, QuerySet

from environments.models import Entry, Environment, Slot
from environments.planning import pinning
from environments.runs import hints
from projects import events

# So many slots in one transaction: their rows are locked while they are compared.
BATCH = 50


def settle_all() -> int:
    """Take up every entry that was changed since it was last looked at; answers how many."""
    done = 0
    while (entry := Entry.objects.filter(unsettled=True).order_by("updated_at").first()) is not None:
        _settle(entry)
        done += 1
    return done


def _settle(entry: Entry) -> None:
    reached = list(_reached(entry).order_by("id").values_list("pk", flat=True))
    for begin in range(0, len(reached), BATCH):
        look_at(reached[begin : begin + BATCH])
    # Whoever has changed it meanwhile wants another look.
    Entry.objects.filter(pk=entry.pk, updated_at=entry.updated_at).update(unsettled=False)


@events.operation
def look_at(slots: Iterable[uuid.UUID]) -> None:
    """Compare what runs in these slots with what holds now, and tell whoever looks at them of a difference."""
    # Locked first and read afterwards: what is being switched at this moment is compared with what it becomes.
    locked = Slot.objects.filter(pk__in=list(slots)).order_by("id").select_for_update(no_key=True)
    held = list(locked.values_list("pk", flat=True))
    for slot in Slot.objects.filter(pk__in=held).select_related("live", "app", "environment").order_by("id"):
        if slot.live is None:
            continue
        count = len(pinning.overtaken(slot.live, pinning.now(slot.app, slot.environment)))
        if count != slot.overtaken:
            Slot.objects.filter(pk=slot.pk).update(overtaken=count)
            subjects = [f"environment:{slot.environment_id}", f"app:{slot.app_id}"]
            hints.ring(slot.organization_id, subjects, project_id=slot.app.project_id)


def of_environment(environment: Environment) -> list[uuid.UUID]:
    """The slots in it and in all that inherit from it."""
    return list(
        Slot.objects.filter(live__isnull=False, environment__in=_line(environment.pk)).values_list("pk", flat=True)
    )


def _reached(entry: Entry) -> QuerySet[Slot]:
    where = Q(organization=entry.organization_id)
    if entry.team_id or entry.agent_id:  # no app takes values from those
        where &= Q(pk__in=())
    if entry.app_id:
        where &= Q(app=entry.app_id)
    elif entry.project_id:
        where &= Q(app__project=entry.project_id)
    if entry.environment_id:
        where &= Q(environment__in=_line(entry.environment_id))
    return Slot.objects.filter(where)


def _line(environment_id: uuid.UUID) -> set[uuid.UUID]:
    found, born = {environment_id}, {environment_id}
    while born:
        heirs = Environment.objects.filter(based_on__in=born, deleted_at=None).values_list("pk", flat=True)
        born = set(heirs) - found
        found |= born
    return found
