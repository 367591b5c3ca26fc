"""`manage.py check_master_keys`: refuse to go on where what is sealed opens with none of the keys that are given."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from environments import sealing
from projects.errors import Refused


class Command(BaseCommand):
    help = "End with a sentence where something was sealed with a master key that is not given here."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            sealing.check()
        except Refused as refusal:
            raise CommandError(refusal.detail) from None
