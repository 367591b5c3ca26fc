"""Choose the ports that services listen on, from the environment's own stretch."""

import random
import threading

from towpath.worker.host import Host, is_free
from towpath.worker.routes import Routes


class PortsUsedUp(Exception):
    pass


class Ports:
    """A port belongs to an instance from the moment it is chosen until the instance is forgotten."""

    def __init__(self, host: Host, routes: Routes) -> None:
        self.host = host
        self.routes = routes
        self._choosing = threading.Lock()
        self._promised: set[int] = set()
        # By lot: another installation may have the same range, and a port is not in use before its service is up.
        self._last = host.service_first - 1 + random.randrange(host.service_count or 1)

    def choose(self, count: int) -> list[int]:
        with self._choosing:
            taken = self._promised | {
                int(service["port"])
                for app in self.routes.apps()
                for instance in self.routes.instances(app)
                for service in instance.services.values()
                if service.get("port")
            }
            first, length = self.host.service_first, self.host.service_count
            # Go on after the last one: a port that was just given up may still have callers.
            ahead = [first + (self._last + 1 - first + n) % length for n in range(length)] if length else []
            found: list[int] = []
            for port in ahead:
                if len(found) == count:
                    break
                if port not in taken and is_free(port):
                    found.append(port)
            if len(found) < count:
                raise PortsUsedUp("Every port of this environment's range is in use on its host")
            if found:
                self._last = found[-1]
            self._promised |= set(found)
            return found

    def written_down(self, ports: list[int]) -> None:
        """The instance's record speaks for these now."""
        with self._choosing:
            self._promised -= set(ports)
