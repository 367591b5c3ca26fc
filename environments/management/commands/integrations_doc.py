"""Write docs/integrations.md from the catalogue, or check that it is current."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from environments.configuration.catalogue import CATALOGUE, Field
from environments.models import IntegrationType

HEAD = """# Integrations

Generated from `environments/configuration/catalogue.py` by `manage.py integrations_doc`.

An integration says how processes reach a service: plain settings, and for each credential the key of a secret that is
set already. It holds no secret itself. Where it is enabled, in an environment, for a team or for an agent, it sets the
variables below: a setting as it is, a credential as a reference such as `{{.secret.CI_TOKEN}}`, which is resolved
there. They hold, are inherited, explained, pinned and masked like any other variable, but are changed by the
integration alone. A key that is set in that scope by hand is never taken over: enabling is refused until it is deleted.

A probe really asks the service with the secrets of one environment, waits about 8 seconds, and as long again where a
credential lies in a secret store, and is kept with its time and what was wrong. It goes to public addresses and to what
`TOWPATH_EGRESS_ALLOW` names, and sends no credential in the open to anything else.
"""


class Command(BaseCommand):
    help = "Write docs/integrations.md; with --check only compare."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = settings.BASE_DIR / "docs" / "integrations.md"
        if not options["check"]:
            path.write_text(document())
            self.stdout.write(f"{path.relative_to(settings.BASE_DIR)} written.")
        elif not path.exists() or path.read_text() != document():
            raise CommandError("docs/integrations.md is not current; run `manage.py integrations_doc` and commit it.")


def document() -> str:
    return "\n".join([HEAD, *(line for kind in IntegrationType for line in _kind(kind))])


def _kind(kind: IntegrationType) -> list[str]:
    told = CATALOGUE[kind]
    return [
        f"## {kind.label} (`{kind.value}`)",
        "",
        f"{told.sentence} A probe {told.asks}.",
        "",
        "| field | injected as | what it is |",
        "|---|---|---|",
        *(_row(field) for field in told.fields),
        "",
    ]


def _row(field: Field) -> str:
    where = f"`{'secrets' if field.credential else 'settings'}.{field.name}`"
    name = f"`{field.documented}`" if field.variable else ""
    needed = f" `{field.default}` unless given." if field.default else "" if field.required else " Optional."
    among = f" One of {', '.join(f'`{one}`' for one in field.choices)}." if field.choices else ""
    secret = "The key of a secret. " if field.credential else ""
    return f"| {where} | {name} | {secret}{field.label}. {field.help}{among}{needed} |"
