"""The `external` provisioner: a namespace and a token only; workers join by command from other machines."""

from collections.abc import Sequence
from functools import partial

from django.db.models.functions import Now

from environments import worker_tokens
from environments.doing.progress import Progress, Step
from environments.doing.provisioners import presence
from environments.models import Endpoint, Environment
from projects.models import Project


class External:
    name = "external"

    def provision(self, environment: Environment, *, rest: bool) -> Sequence[Step]:
        return [
            Step("Namespace", partial(presence.say_namespace, environment), 10),
            Step("Worker token", partial(_token, environment), 20),
        ]

    def start(self, environment: Environment) -> Sequence[Step]:
        return [Step("Workers", partial(_workers, environment), 20)]

    def stop(self, environment: Environment) -> Sequence[Step]:
        return [Step("Services", partial(presence.await_services_stopped, environment), 60)]

    def terminate(self, environment: Environment) -> Sequence[Step]:
        return [Step("Addresses", partial(_free_addresses, environment), 20)]

    def prepare(self, environment: Environment, project: Project) -> Sequence[Step]:
        """Joined workers make what a project needs themselves."""
        return []

    def refresh(self, environment: Environment, progress: Progress) -> None:
        return


def _token(environment: Environment, progress: Progress) -> None:
    worker_tokens.give(environment)
    progress.say("Sealed; a worker joins with the command on the environment's page.")


def _workers(environment: Environment, progress: Progress) -> None:
    progress.say("Joined workers bring their live releases up again.")


def _free_addresses(environment: Environment, progress: Progress) -> None:
    freed = Endpoint.objects.filter(environment=environment, released_at=None).update(released_at=Now())
    progress.say(f"{freed} address(es) are free.")
