"""Write docs/states.md from the transition table, or check that it is current."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from environments.models import State
from environments.states import STATUS, TRANSITIONS

HEAD = """# The states of an environment

Generated from `environments/states.py` by `manage.py states_doc`. `status` is what the REST API shows; a running
environment is `active` as soon as a worker is alive in it. Dotted arrows are not offered yet: nothing can ask for them.
"""


class Command(BaseCommand):
    help = "Write docs/states.md; with --check only compare."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = settings.BASE_DIR / "docs" / "states.md"
        if not options["check"]:
            path.write_text(document())
            self.stdout.write(f"{path.relative_to(settings.BASE_DIR)} written.")
        elif not path.exists() or path.read_text() != document():
            raise CommandError("docs/states.md is not current; run `manage.py states_doc` and commit it.")


def document() -> str:
    return "\n".join([HEAD, *_diagram(), "", *_states(), "", *_transitions(), ""])


def _diagram() -> list[str]:
    arrows = [f"    {t.source} {'-->' if t.offered else '-.->'} {t.target}" for t in TRANSITIONS]
    return ["```mermaid", "flowchart LR", *(f"    {state}([{state.label}])" for state in State), *arrows, "```"]


def _states() -> list[str]:
    rows = [f"| {state} | {STATUS[state]} |" for state in State]
    return ["| state | status |", "|---|---|", *rows]


def _transitions() -> list[str]:
    rows = [f"| {t.source} | {t.target} | {t.why} | {'yes' if t.offered else 'not yet'} |" for t in TRANSITIONS]
    return ["| from | to | because | offered |", "|---|---|---|---|", *rows]
