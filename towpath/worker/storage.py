"""What an environment's releases and logs take on disk, weighed now and then by the uid that may look."""

import json
import threading
from contextlib import suppress

from towpath.worker import programs
from towpath.worker.lines import output_of
from towpath.worker.programs import Program
from towpath.worker.session import now
from towpath.worker.supervisors import Supervisor, bounded, whole
from towpath.worker.worksite import Worksite

EVERY = 120.0
SOON = 10.0  # after something was deployed or taken away
LONGEST = 60.0


class Storage:
    def __init__(self, worksite: Worksite) -> None:
        self.worksite = worksite
        self.weighed_at = 0.0
        self.weights: dict[str, int] = {}
        self.busy = False

    def bytes(self, supervisors: dict[str, Supervisor]) -> int:
        """The last known sum; a new weighing goes on beside."""
        changed = max(self.worksite.last_turn.values(), default=0.0) > self.weighed_at
        if supervisors and not self.busy and now() - self.weighed_at > (SOON if changed else EVERY):
            self.busy, self.weighed_at = True, now()
            threading.Thread(target=self._weigh, args=(dict(supervisors),), name="storage", daemon=True).start()
        return bounded(sum(self.weights.values()))

    def _weigh(self, supervisors: dict[str, Supervisor]) -> None:
        try:
            for project, supervisor in supervisors.items():
                # One project's trouble leaves the others their turn, and the project can write into what is read here.
                with suppress(Exception), self.worksite.weighing:
                    self.weights[project] = weigh(project, supervisor)
        finally:
            self.busy = False


def weigh(project: str, supervisor: Supervisor) -> int:
    paths = [str(supervisor.layout.releases), str(supervisor.layout.logs)]
    program = Program(programs.helper("measure", project), {"kind": "measure", "paths": paths})
    output = output_of(supervisor.layout, program.name)["out"]
    found = [""]
    programs.run_job(supervisor, program, timeout=LONGEST, at_end=lambda: found.extend(output.read()))
    return read(found[-1])


def read(line: str) -> int:
    """The bytes of a weighing's last line, which the project itself could have written."""
    return bounded(whole(json.loads(line)["bytes"]))
