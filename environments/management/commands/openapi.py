"""Write docs/openapi.json from the code, or check that it is current."""

import json
from argparse import ArgumentParser
from functools import partial
from pathlib import Path
from typing import Any, cast

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.http import HttpResponse
from django.urls import get_resolver


class Command(BaseCommand):
    help = "Write docs/openapi.json; with --check only compare."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = settings.BASE_DIR / "docs" / "openapi.json"
        text = document()
        if not options["check"]:
            path.write_text(text)
            self.stdout.write(f"{path.relative_to(settings.BASE_DIR)} written.")
        elif not path.exists() or path.read_text() != text:
            raise CommandError("docs/openapi.json is not current; run `manage.py openapi` and commit it.")


def document() -> str:
    """The OpenAPI document as it is served, sorted."""
    match = get_resolver().resolve("/api/v1/openapi.json")
    view = cast("partial[HttpResponse]", match.func)
    api = view.keywords["api"]
    schema = api.get_openapi_schema(path_prefix="/api/v1/")
    # Statuses are numbers in Python and names in JSON; sorting wants them alike.
    return json.dumps(json.loads(json.dumps(schema, default=str)), indent=2, sort_keys=True) + "\n"
