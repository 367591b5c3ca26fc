"""`manage.py rotate_master_key`: wrap every organization's key by a new master key, beside everything that runs."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from environments import sealing
from projects.errors import Refused


class Command(BaseCommand):
    help = (
        "Draw a new master key, put it first in the master key file and wrap every data key by it. It can be stopped "
        "and begun again. Where TOWPATH_MASTER_KEYS gives the keys, put the new one first there and call this."
    )

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--go-on", action="store_true", help="draw no new key: finish what was begun")
        parser.add_argument(
            "--forget",
            action="store_true",
            help="afterwards take the older keys out of the file: older backups need them",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with sealing.rotating():
                self.rotate(begin=not options["go_on"], forget=options["forget"])
        except Refused as refusal:
            raise CommandError(refusal.detail) from None

    def rotate(self, *, begin: bool, forget: bool) -> None:
        sealing.check()
        if begin and (file := sealing.draw()):
            self.stdout.write(f"A new master key stands first in {file}.")
        done = 0
        for done, of_all in sealing.rewrap():
            self.stdout.write(f"  {done} of {of_all} organizations")
        self.stdout.write(f"Done: {done} organizations are sealed by the newest master key.")
        if not forget:
            self.stdout.write("The older keys stay where they are until you call this with --go-on --forget.")
        elif sealing.forget() is None:
            raise CommandError("The keys come from TOWPATH_MASTER_KEYS; take the older ones out of it yourself.")
        else:
            self.stdout.write("The older keys are gone from the file. Keep them as long as you keep older backups.")
