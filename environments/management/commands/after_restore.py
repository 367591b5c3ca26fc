"""Make a restored database the one of this installation: run by `make restore`, or by hand after another one."""

import uuid
from typing import Any

from django.core.management.base import BaseCommand

from environments.delivery import promotions
from environments.doing import rehoming
from environments.models import Slot, State
from projects import access, organizations
from projects.errors import Refused
from projects.models import Organization


class Command(BaseCommand):
    help = (
        "After a restore: begin a new epoch of events, take over the old machine's environments, deploy what was live."
    )

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--from", dest="former", type=uuid.UUID, help="the installation that the backup is of")
        parser.add_argument("--taken-at", default="", help="when the backup was made")

    def handle(self, *args: Any, **options: Any) -> None:
        count = organizations.begin_new_epoch()
        self.stdout.write(f"{count} organization{'' if count == 1 else 's'}: pages and streams begin anew.")
        former, taken_at = options["former"], options["taken_at"]
        if former is None:
            return
        here = list(Slot.objects.filter(placement=former, live__isnull=False).values_list("pk", flat=True))
        rehoming.rehome(former)
        for organization in Organization.objects.order_by("created_at", "id"):
            rehoming.tell(organization, taken_at=taken_at)
        queued, left = 0, []
        for slot in _live(here):
            try:
                _bring_back(slot, taken_at)
                queued += 1
            except Refused as refusal:
                left.append(f"{slot.app.name} in {slot.environment.title}: {refusal.detail}")
        if queued:
            self.stdout.write(f"{queued} of {len(here)} live releases are deployed again when Towpath is started.")
        for line in left:
            self.stdout.write(f"Not deployed again: {line}")


def _live(ids: list[uuid.UUID]) -> Any:
    live = Slot.objects.filter(pk__in=ids).select_related(
        "app__project", "app__organization", "environment__host", "live__release"
    )
    # What waits in a stopped environment waits on; its cell says what to do once it is started.
    return live.filter(environment__state=State.RUNNING).order_by("environment__name", "app__name", "id")


def _bring_back(slot: Slot, taken_at: str) -> None:
    """Its directory is not in the backup: the same release is fetched and built again, with the same address."""
    assert slot.live is not None
    promotions.promote(
        by=access.system(slot.app.organization),
        environment=slot.environment,
        app=slot.app,
        release=slot.live.release,
        reason=f"Brought back from the backup of {taken_at}.",
        confirm=slot.environment.name,
    )
