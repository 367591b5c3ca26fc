"""Which instance of an app gets its traffic: one link per app, and one address file for each service of an instance."""

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from towpath.worker import masks as hiding
from towpath.worker.layout import Layout, read_json, sync_directory, write_atomically
from towpath.worker.masks import NOTHING, Masks

INSTANCE = re.compile(r"(\d+)-(\d+)")


class Overtaken(Exception):
    """A newer deployment has been switched to meanwhile."""


@dataclass(frozen=True)
class Instance:
    """One release running (or about to run, or ending) for an app; written down before its first program starts."""

    app: str
    app_name: str
    project: str
    deployment: str
    number: int
    attempt: int
    release: str  # the name of its directory under the project's `releases`
    services: dict[str, dict[str, Any]] = field(default_factory=dict)  # name -> {"port", "stop_timeout", "health"}
    run: str = ""
    sealed: bool = False

    @property
    def name(self) -> str:
        return f"{self.number}-{self.attempt}"

    @property
    def order(self) -> tuple[int, int]:
        return self.number, self.attempt

    def program(self, service: str) -> str:
        return f"{self.app}.{self.name}.{service}"


def read_instance(value: dict[str, Any]) -> Instance:
    """What this version knows of a record that another version may have written."""
    known = {one.name for one in fields(Instance)}
    return Instance(**{name: kept for name, kept in value.items() if name in known})


class Routes:
    def __init__(self, layout: Layout) -> None:
        self.root = layout.routes
        self._masks: dict[Path, tuple[int, Masks]] = {}

    def apps(self) -> list[str]:
        return sorted(path.name for path in self.root.iterdir() if path.is_dir())

    def instances(self, app: str) -> list[Instance]:
        """All that are written down, oldest first."""
        found = []
        for path in self._instances(app).glob("*/instance.json"):
            if INSTANCE.fullmatch(path.parent.name) and (value := read_json(path)):
                found.append(read_instance(value))
        return sorted(found, key=lambda instance: instance.order)

    def current(self, app: str) -> Instance | None:
        """What the link names: the truth about which instance has the traffic."""
        try:
            name = os.path.basename(os.readlink(self.root / app / "current"))
        except OSError:
            return None
        value = read_json(self._instances(app) / name / "instance.json")
        return read_instance(value) if value else None

    def record(self, instance: Instance) -> None:
        path = self._instances(instance.app) / instance.name
        path.mkdir(parents=True, exist_ok=True)
        write_atomically(path / "instance.json", json.dumps(asdict(instance)) + "\n")

    def seal(self, instance: Instance) -> Instance:
        sealed = replace(instance, sealed=True)
        self.record(sealed)
        return sealed

    def forget(self, instance: Instance) -> None:
        shutil.rmtree(self._instances(instance.app) / instance.name, ignore_errors=True)

    def keep_masks(self, instance: Instance, masks: Masks) -> None:
        """What its services must not be heard to say, also after a restart of the worker; goes with the instance."""
        # What runs was given what was known before, too: a value that lies in a store may be another one by now.
        known = self.masks(instance).values
        every = [*known, *(one for one in masks.values if one not in known)]
        if every and len(every) > len(known):
            text = json.dumps({"masks": every}) + "\n"
            write_atomically(self._masks_file(instance), text, mode=0o600)

    def masks(self, instance: Instance) -> Masks:
        path = self._masks_file(instance)
        try:
            written = path.stat().st_mtime_ns
        except FileNotFoundError:
            self._masks.pop(path, None)
            return NOTHING
        if path not in self._masks or self._masks[path][0] != written:
            self._masks[path] = written, hiding.read(read_json(path).get("masks"))
        return self._masks[path][1]

    def _masks_file(self, instance: Instance) -> Path:
        return self._instances(instance.app) / instance.name / "masks.json"

    def next_attempt(self, app: str, number: int) -> int:
        """For an instance that no run has numbered: higher than every one there was."""
        known = [instance.attempt for instance in self.instances(app) if instance.number == number]
        highest = self._highest(app)
        return max([*known, highest[1] if highest[0] == number else 0, 0]) + 1

    def point(self, instance: Instance, service: str, port: int | None) -> None:
        """Say where a service answers; without a port its address shows the page that says so."""
        path = self._instances(instance.app) / instance.name / f"{service}.address"
        # The proxy adds the host: whoever writes here chooses a port of this machine and nothing else.
        wanted = str(port) if port else None
        try:
            present = path.read_text()
        except FileNotFoundError:
            present = None
        if wanted == present:
            return
        if wanted is None:
            path.unlink(missing_ok=True)
        else:
            write_atomically(path, wanted, mode=0o644)

    def switch(self, instance: Instance, *, above: int = 0) -> None:
        """Give the traffic to this instance: one rename, never back to an older one.

        Except from deployments up to `above`, which are given up. The one that loses the traffic cannot take it again,
        a later attempt of the same deployment can.
        """
        with self._locked(instance.app):
            highest = self._highest(instance.app)
            if instance.order < highest and highest[0] > above:
                raise Overtaken
            current = self.current(instance.app)
            if instance.order < highest and current is not None and current.order >= highest:
                highest = (current.number, current.attempt + 1)
            number, attempt = max(highest, instance.order)
            write_atomically(self.root / instance.app / "highest", f"{number}-{attempt}\n")
            link = self.root / instance.app / f".current.{os.urandom(4).hex()}"
            os.symlink(f"instances/{instance.name}", link)
            os.rename(link, self.root / instance.app / "current")
            sync_directory(self.root / instance.app)

    def close(self, app: str, *, order: tuple[int, int] | None = None) -> None:
        """Give the traffic to nobody: the app is removed. No deployment older than `order` can take it again.

        Without `order`, none that was there already can.
        """
        with self._locked(app):
            known = max([instance.order for instance in self.instances(app)], default=(0, 0))
            order = order or max(self._highest(app), known)
            if order < self._highest(app):
                raise Overtaken
            write_atomically(self.root / app / "highest", f"{order[0]}-{order[1]}\n")
            (self.root / app / "current").unlink(missing_ok=True)
            sync_directory(self.root / app)

    def releases(self, app: str) -> dict[str, dict[str, Any]]:
        """Release directories of this app by name: {"deployment", "project", "complete"}."""
        return {path.stem: read_json(path) for path in (self.root / app / "releases").glob("*.json")}

    def record_release(self, app: str, name: str, *, deployment: str, project: str, complete: bool) -> None:
        directory = self.root / app / "releases"
        directory.mkdir(parents=True, exist_ok=True)
        value = {"deployment": deployment, "project": project, "complete": complete}
        write_atomically(directory / f"{name}.json", json.dumps(value) + "\n")

    def forget_release(self, app: str, name: str) -> None:
        (self.root / app / "releases" / f"{name}.json").unlink(missing_ok=True)

    def _highest(self, app: str) -> tuple[int, int]:
        names = []
        with suppress(OSError):
            names.append((self.root / app / "highest").read_text().strip())
        with suppress(OSError):
            names.append(os.path.basename(os.readlink(self.root / app / "current")))
        matches = [match for name in names if (match := INSTANCE.fullmatch(name))]
        return max(((int(match[1]), int(match[2])) for match in matches), default=(0, 0))

    def _instances(self, app: str) -> Path:
        return self.root / app / "instances"

    @contextmanager
    def _locked(self, app: str) -> Iterator[None]:
        directory = self.root / app
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
