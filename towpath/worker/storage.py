"""What an environment's releases and logs take on disk, weighed now and then by the uid that may look."""

import json
import threading
import time

from towpath.worker import programs
from towpath.worker.lines import output_of
from towpath.worker.programs import Program
from towpath.worker.supervisors import Supervisor, SupervisorAway
from towpath.worker.worksite import Worksite

EVERY = 120.0


class Storage:
    def __init__(self, worksite: Worksite) -> None:
        self.worksite = worksite
        self.weighed_at = 0.0
        self.weights: dict[str, int] = {}
        self.busy = False

    def bytes(self, supervisors: dict[str, Supervisor]) -> int:
        """The last known sum; a new weighing goes on beside."""
        soon = min(EVERY, 10.0) if not any(self.weights.values()) else EVERY
        if supervisors and not self.busy and time.monotonic() - self.weighed_at > soon:
            self.busy, self.weighed_at = True, time.monotonic()
            threading.Thread(target=self._weigh, args=(dict(supervisors),), name="storage", daemon=True).start()
        return sum(self.weights.values())

    def _weigh(self, supervisors: dict[str, Supervisor]) -> None:
        try:
            for project, supervisor in supervisors.items():
                paths = [str(supervisor.layout.releases), str(supervisor.layout.logs)]
                program = Program(programs.helper("measure", project), {"kind": "measure", "paths": paths})
                found: list[str] = []
                output = output_of(supervisor.layout, program.name)["out"]
                programs.run_job(
                    supervisor,
                    program,
                    timeout=60,
                    at_end=lambda: found.extend(output.read()),  # noqa: B023
                )
                if found:
                    self.weights[project] = int(json.loads(found[-1])["bytes"])
        except (SupervisorAway, OSError, ValueError, KeyError, TypeError):
            return
        finally:
            self.busy = False
