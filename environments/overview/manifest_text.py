"""A release's checked manifest as somebody would write it: YAML without what goes without saying."""

from typing import Any

import yaml

from projects.manifests import HEALTH_WITHIN, STEP_TIMEOUT, STOP_TIMEOUT


class _Dumper(yaml.SafeDumper):
    """Lists set in, and text of several lines as it is."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def write(manifest: dict[str, Any]) -> str:
    """Text that `manifests.parse` reads as the same manifest."""
    told: dict[str, Any] = {}
    if manifest.get("steps"):
        told["steps"] = [step(one) for one in manifest["steps"]]
    if manifest.get("services"):
        told["services"] = [_service(service) for service in manifest["services"]]
    return dumped(told)


def dumped(told: dict[str, Any]) -> str:
    return yaml.dump(told, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)


def step(step: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"name": step["name"], "run": step["run"]}
    if step["timeout"] != STEP_TIMEOUT:
        told["timeout"] = _duration(step["timeout"])
    if step["env"]:
        told["env"] = step["env"]
    if step["once"]:
        told["once"] = True
    return told


def _service(service: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"name": service["name"], "run": service["run"]}
    if not service["port"]:
        told["port"] = False
    if service["env"]:
        told["env"] = service["env"]
    if service["stop_timeout"] != STOP_TIMEOUT:
        told["stop_timeout"] = _duration(service["stop_timeout"])
    health = _health(service["health"])
    if health:
        told["health"] = health
    return told


def _health(health: dict[str, Any] | None) -> dict[str, Any]:
    if health is None:
        return {}
    told: dict[str, Any] = {}
    if health["type"] == "http":
        told["http"] = health["path"]
    elif health["type"] == "command":
        told["command"] = health["run"]
    if health["within"] != HEALTH_WITHIN:
        told["within"] = _duration(health["within"])
    return told


def _duration(seconds: int) -> str:
    for size, unit in ((3600, "h"), (60, "m")):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
