"""`manage.py reset_password NAME`: print a link by which this person sets a new password."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from projects import names, passwords
from projects.credentials import Secret
from projects.models import User


class Command(BaseCommand):
    help = "Print a link by which this person sets a new password, once, within a day."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("name", help="the user name")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(names.same("username", options["name"])).first()
        if user is None:
            raise CommandError(f"Nobody is called {options['name']}.")
        if not user.is_active:
            raise CommandError(
                f"{user.username} is inactive in this installation and cannot sign in; no link was made."
            )
        self.stdout.write(address(passwords.make_link_by_console(user)))


def address(link: Secret) -> str:
    """The whole link, as somebody types it who knows no more than where the installation is."""
    ident, _, token = link.reveal().partition("/")
    root: str = settings.TOWPATH_PUBLIC_URL or settings.INSTALLATION.url
    return root + reverse("password-link", args=[ident, token])
