"""Give a new installation its organization, owner, access token and first environment; do nothing a second time."""

import json
import os
import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from environments import lifecycle
from projects import access, events, organizations, tokens
from projects.models import Organization, Role, User

ORGANIZATION = "Main"
USERNAME = "owner"


class Command(BaseCommand):
    help = "Make the organization, its owner, an access token and the default environment, once."

    def handle(self, *args: Any, **options: Any) -> None:
        record: Path = settings.TOWPATH_HOME / "first-run.json"
        url = settings.TOWPATH_PUBLIC_URL or f"http://{settings.TOWPATH_BIND}"
        if Organization.objects.exists():
            if record.exists():
                # Another address than the last time: the rest stays as it was.
                write(record, json.loads(record.read_text()) | {"url": url})
            self.stdout.write("There is an organization already; nothing to do.")
            return
        begin(url, record)
        self.stdout.write(f"The organization {ORGANIZATION} was made; how to sign in is in {record}.")


@events.operation
def begin(url: str, record: Path) -> None:
    """All of it or nothing, so that a run that was interrupted can be repeated.

    How to sign in is written down before anything is kept: what is kept in the end is what was written last.
    """
    password = secrets.token_urlsafe(15)
    owner = User(username=USERNAME, is_staff=True, is_superuser=True)
    owner.set_password(password)
    owner.save()
    organization = organizations.create(name=ORGANIZATION, owner=owner)
    actor = access.of_user(owner, organization)
    lifecycle.begin(organization, by=actor)
    _, secret = tokens.create(by=actor, name="first-run", role=Role.OWNER)
    write(record, {"url": url, "username": USERNAME, "password": password, "access_token": secret.reveal()})


def write(path: Path, record: dict[str, str]) -> None:
    """Only the one who runs the installation may read it."""
    partial = path.with_suffix(".partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(record, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
