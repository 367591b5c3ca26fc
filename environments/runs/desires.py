"""What workers should fetch anew has a version that rises; a bell tells them."""

import uuid

from django.db.models import F

from environments.models import Environment
from projects import bell


def raise_version(environment_id: uuid.UUID) -> None:
    """After commit the environment's workers fetch what is desired."""
    Environment.objects.filter(pk=environment_id).update(desired_version=F("desired_version") + 1)
    bell.ring(bell.WORKERS, environment=environment_id)


def version(environment_id: uuid.UUID) -> int:
    return Environment.objects.values_list("desired_version", flat=True).get(pk=environment_id)
