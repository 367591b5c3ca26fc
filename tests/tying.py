"""Processes that tests start and that must not outlive them, however the tests end."""

import shutil


def tied(command: list[str], *, stop: str = "TERM") -> list[str]:
    """The command, told to end when whoever starts it is killed."""
    return ["setpriv", "--pdeathsig", stop, *command] if shutil.which("setpriv") else command
