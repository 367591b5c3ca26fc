"""The specification of a run as it comes over the wire, read once into values."""

from dataclasses import dataclass
from typing import Any

from towpath.worker import masks
from towpath.worker.layout import safe_name
from towpath.worker.masks import NOTHING, Masks


@dataclass(frozen=True)
class Health:
    kind: str  # "http", "tcp" or "command"
    within: float
    path: str = "/"
    run: str = ""


@dataclass(frozen=True)
class Service:
    name: str
    run: str
    wants_port: bool
    env: dict[str, str]
    stop_timeout: int
    health: Health | None


@dataclass(frozen=True)
class Step:
    n: int
    name: str
    run: str
    timeout: float
    env: dict[str, str]
    once: bool = False  # it must not be repeated
    begun: bool = False  # such a one, in an earlier attempt


@dataclass(frozen=True)
class Artifact:
    id: str
    url: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Specification:
    """One run, or (with no run) what an app is to be in this environment."""

    run: str
    attempt: int
    action: str
    app: str
    app_name: str
    project: str
    deployment: str
    number: int
    version: str
    artifact: Artifact | None
    steps: list[Step]
    services: list[Service]
    env: dict[str, str]
    endpoints: dict[str, int]
    reuse: str | None
    keep: list[str]
    service: str | None
    masks: Masks = NOTHING  # what must not be seen in anything that is said about it
    unresolvable: str = ""  # why it has no configuration to run with: a value that was pinned is revoked
    traceparent: str = ""  # the trace of whoever asked for the run; what is said about it belongs there

    @property
    def once_begun(self) -> list[str]:
        """Steps that have begun in an earlier attempt and must not be repeated."""
        return [step.name for step in self.steps if step.begun]


def read(value: dict[str, Any]) -> Specification:
    deployment = value.get("deployment") or {}
    artifact = value.get("artifact")
    return Specification(
        run=safe_name(str(value.get("id") or "none")),
        attempt=int(value.get("attempt") or 0),
        action=str(value.get("action") or "deploy"),
        app=safe_name(str(value["app"]["id"])),
        app_name=str(value["app"]["name"]),
        project=safe_name(str(value["project"]["key"])),
        deployment=safe_name(str(deployment["id"])) if deployment else "",
        number=int(deployment.get("number") or 0),
        version=str((value.get("release") or {}).get("version") or ""),
        artifact=Artifact(str(artifact["id"]), str(artifact["url"]), str(artifact["sha256"]), int(artifact["size"]))
        if artifact
        else None,
        steps=[read_step(n, step) for n, step in enumerate(value.get("steps") or [], start=1)],
        services=[read_service(service) for service in value.get("services") or []],
        env=read_env(value.get("env")),
        endpoints={str(name): int(endpoint["port"]) for name, endpoint in (value.get("endpoints") or {}).items()},
        reuse=safe_name(str(value["reuse"])) if value.get("reuse") else None,
        keep=[str(deployment_id) for deployment_id in value.get("keep") or []],
        service=str(value["service"]) if value.get("service") else None,
        masks=masks.read(value.get("masks")),
        unresolvable=str(value.get("unresolvable") or ""),
        traceparent=str(value.get("traceparent") or ""),
    )


def read_step(n: int, value: dict[str, Any]) -> Step:
    return Step(
        int(value.get("n") or n),
        str(value["name"]),
        str(value["run"]),
        float(value.get("timeout") or 600),
        read_env(value.get("env")),
        bool(value.get("once")),
        bool(value.get("begun")),
    )


def read_service(value: dict[str, Any]) -> Service:
    health = value.get("health")
    return Service(
        name=safe_name(str(value["name"])),
        run=str(value["run"]),
        wants_port=value.get("port", True) is not False,
        env=read_env(value.get("env")),
        stop_timeout=int(value.get("stop_timeout") or 10),
        health=Health(
            kind=str(health["type"]),
            within=float(health.get("within") or 60),
            path=str(health.get("path") or "/"),
            run=str(health.get("run") or ""),
        )
        if health
        else None,
    )


def read_env(value: dict[str, Any] | None) -> dict[str, str]:
    return {str(name): str(content) for name, content in (value or {}).items()}
