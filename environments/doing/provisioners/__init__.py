"""The drivers that make an environment real."""

from environments.doing.progress import StepFailed
from environments.doing.provisioners.contract import Provisioner
from environments.doing.provisioners.external import External
from environments.doing.provisioners.process import Process
from environments.models import Environment

DRIVERS: dict[str, Provisioner] = {driver.name: driver for driver in (Process(), External())}


def driver_of(environment: Environment) -> Provisioner:
    try:
        return DRIVERS[environment.provisioner]
    except KeyError:
        raise StepFailed(f"There is no provisioner {environment.provisioner!r} in this installation.") from None
