"""Tell everybody who follows the events that the database was restored."""

from typing import Any

from django.core.management.base import BaseCommand

from projects import organizations


class Command(BaseCommand):
    help = "After a restore: end every remembered place in the events, so that pages and streams begin anew."

    def handle(self, *args: Any, **options: Any) -> None:
        count = organizations.begin_new_epoch()
        self.stdout.write(f"{count} organization{'' if count == 1 else 's'}: pages and streams begin anew.")
