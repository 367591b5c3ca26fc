"""The `towpath` command: finds the command by its name and loads only that one, so that starting stays quick."""

import importlib
import sys

from towpath import __version__

# `exec` runs before every step and service: it must not pay for what the others import.
COMMANDS = {
    ("exec",): "towpath.worker.execution",
    ("worker", "start"): "towpath.worker.start",
    ("worker", "prepare"): "towpath.worker.prepare",
    ("worker", "prepare-project"): "towpath.worker.prepare_project",
}
USAGE = """Usage: towpath [--version] COMMAND [OPTIONS]

  worker start   Join an environment: carry out its runs and keep its services on this machine.

Run `towpath worker start --help` for its options.
"""


def main() -> None:
    arguments = sys.argv[1:]
    for words, module in COMMANDS.items():
        if tuple(arguments[: len(words)]) == words:
            importlib.import_module(module).main(arguments[len(words) :])
            return
    if arguments == ["--version"]:
        print(f"towpath {__version__}")
        return
    wants_help = not arguments or arguments in (["--help"], ["worker"], ["worker", "--help"])
    print(USAGE, end="", file=sys.stdout if wants_help else sys.stderr)
    sys.exit(0 if wants_help and arguments else 2)
