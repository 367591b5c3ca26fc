"""`manage.py create_organization NAME --owner USER`: one more organization in this installation."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from environments import lifecycle
from environments.management.commands.reset_password import address
from projects import access, events, memberships, names, organizations, passwords
from projects.errors import Refused
from projects.models import Organization, User


class Command(BaseCommand):
    help = "Make an organization with its first environment. An owner who is new gets a link to set a password."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("name")
        parser.add_argument("--owner", required=True, help="the user name of its owner")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            organization, owner, new = begin(options["name"], options["owner"])
        except Refused as refusal:
            raise CommandError(refusal.detail) from None
        self.stdout.write(f"The organization {organization.name} was made; its owner is {owner.username}.")
        if new:
            self.stdout.write("They set their password within a day at")
            self.stdout.write(address(passwords.make_link_by_console(owner)))


@events.operation
def begin(name: str, username: str) -> tuple[Organization, User, bool]:
    """All of it or nothing; the last says whether the owner was made, too."""
    owner = User.objects.filter(names.same("username", username)).first()
    new = owner is None
    if owner is None:
        owner = memberships.make_user(username, None)
    made = organizations.create(name=name, owner=owner)
    lifecycle.begin(made, by=access.of_user(owner, made))
    return made, owner, new
