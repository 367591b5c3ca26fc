"""An endpoint's fixed port leads, through one link, to whatever instance has the traffic."""

import os

from towpath.worker.host import Host
from towpath.worker.layout import Layout
from towpath.worker.specification import Specification


class Endpoints:
    """A joined worker makes the links for its own proxy; elsewhere the control plane makes them with the endpoint."""

    def __init__(self, layout: Layout, host: Host) -> None:
        self.layout = layout
        self.host = host

    def make(self, specification: Specification) -> None:
        if self.host.builtin or not self.host.endpoints_directory:
            return
        directory = self.host.endpoints_directory
        directory.mkdir(mode=0o755, exist_ok=True)
        for service, port in specification.endpoints.items():
            target = str(self.layout.routes / specification.app / "current" / f"{service}.address")
            link = directory / str(port)
            if link.is_symlink() and os.readlink(link) == target:
                continue
            fresh = directory / f".{port}.{os.urandom(4).hex()}"
            os.symlink(target, fresh)
            os.rename(fresh, link)

    def free(self, app: str) -> None:
        if self.host.builtin or not self.host.endpoints_directory or not self.host.endpoints_directory.is_dir():
            return
        ours = str(self.layout.routes / app) + os.sep
        for link in self.host.endpoints_directory.iterdir():
            if link.is_symlink() and os.readlink(link).startswith(ours):
                link.unlink()
