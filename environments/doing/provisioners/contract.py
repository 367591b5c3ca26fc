"""What a provisioner must be able to do; every driver passes tests/environments/test_provisioners.py."""

from collections.abc import Sequence
from typing import Protocol

from environments.doing.progress import Progress, Step
from environments.models import Environment
from projects.models import Project


class Provisioner(Protocol):
    """It answers with steps and carries nothing out by itself.

    Every step is repeatable: carried out twice, after a crash in its middle too, it leaves what carrying it out once
    leaves. A step says no by `StepFailed` and keeps to its timeout. `rest` asks for an environment that has all it
    needs and runs nothing.
    """

    @property
    def name(self) -> str: ...

    def provision(self, environment: Environment, *, rest: bool) -> Sequence[Step]:
        """From nothing, or from whatever an earlier try left, to an environment that can be deployed to."""
        ...

    def start(self, environment: Environment) -> Sequence[Step]:
        """Bring up the worker and the releases that were live when it was stopped."""
        ...

    def stop(self, environment: Environment) -> Sequence[Step]:
        """Stop every service and process; keep directories, users, addresses and releases."""
        ...

    def terminate(self, environment: Environment) -> Sequence[Step]:
        """Undo everything that provisioning, preparing and deploying made, also where only a part of it was made."""
        ...

    def prepare(self, environment: Environment, project: Project) -> Sequence[Step]:
        """Make what a project needs before its first deployment here, and open the addresses that were allocated."""
        ...

    def refresh(self, environment: Environment, progress: Progress) -> None:
        """The installation has just started: make what runs agree with how it is today. Quick where nothing changed."""
        ...
