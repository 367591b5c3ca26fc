"""How an app is doing where it is live: in order, degraded, or something else is there than should be."""

from datetime import datetime, timedelta
from typing import Any

from environments import statuses
from environments.models import Environment, Slot
from projects import access, events

ASTRAY_FOR = timedelta(seconds=30)
SHAKY_FOR = timedelta(seconds=60)  # after a restart a service must run this long to count as recovered
WORDS = {
    "crash-looping": "keeps crashing",
    "unhealthy": "does not answer its health check",
    "backoff": "ended and is being started again",
    "stopped": "does not run",
    "unknown": "cannot be seen, because its supervisor does not answer",
}
Condition = Slot.Condition


def judge(slot: Slot, environment: Environment, *, now: datetime, gone: bool) -> None:
    """Set the condition of a live slot from what was just observed; a change is an event.

    `gone`: the directory it runs from is not on the host any more.
    """
    for service in slot.services:
        if service.get("restarted_at") == now.isoformat():
            _record("service.restarted", slot, environment, service=service["name"], **_last_words(service))
    if gone:
        slot.astray_since = None
        version = slot.live.release.version if slot.live and slot.live.release else "The live release"
        _set(slot, environment, Condition.DEGRADED, f"The directory of {version} is gone; deploy it again.", now=now)
    elif slot.observed_id != slot.live_id:
        _astray(slot, environment, now=now)
    else:
        slot.astray_since = None
        troubled = [service for service in slot.services if _trouble(service, now=now)]
        if troubled:
            worst = min(troubled, key=lambda service: list(WORDS).index(_state(service)))
            _set(slot, environment, Condition.DEGRADED, _sentence(worst), now=now, **_last_words(worst))
        else:
            _set(slot, environment, Condition.OK, "", now=now)


def rest(slot: Slot) -> None:
    """Nothing is wrong with services that are stopped on purpose."""
    slot.condition, slot.condition_reason, slot.condition_since, slot.astray_since = Condition.OK, "", None, None


def look_of(slot: Slot) -> tuple[Any, ...]:
    """What of a slot a page shows as words and shapes: measurements left out."""
    services = [(one["name"], one["state"], one.get("restarts"), one.get("pid")) for one in slot.services]
    return slot.observed_id, slot.condition, slot.condition_reason, services


def _astray(slot: Slot, environment: Environment, *, now: datetime) -> None:
    if slot.astray_since is None:
        slot.astray_since = now
    if now - slot.astray_since < ASTRAY_FOR:
        return
    if slot.observed_id is None:
        reason = "Nothing of it runs on its host."
    else:
        reason = f"Deployment {slot.observed.number if slot.observed else '?'} runs there, which is not the live one."
    _set(slot, environment, Condition.DRIFTED, reason, now=now)


def _trouble(service: dict[str, Any], *, now: datetime) -> bool:
    if service.get("state") in WORDS:
        return True
    restarted = service.get("restarted_at")
    return isinstance(restarted, str) and now - datetime.fromisoformat(restarted) < SHAKY_FOR


def _state(service: dict[str, Any]) -> str:
    return service["state"] if service["state"] in WORDS else "backoff"


def _sentence(service: dict[str, Any]) -> str:
    told = WORDS.get(service["state"], "ended and was started again")
    exit_words = f" ({service['exit']})" if service.get("exit") else ""
    trouble = f": {service['trouble'].rstrip('.')}." if service.get("trouble") else "."
    line = f" {statuses.LAST_LINE}{service['line']}" if service.get("line") else ""
    return f"{service['name']} {told}{exit_words}{trouble}{line}"


def _last_words(service: dict[str, Any]) -> dict[str, Any]:
    return {"exit": service.get("exit") or "", "line": service.get("line") or "", "state": service["state"] or ""}


def _set(
    slot: Slot, environment: Environment, condition: Condition, reason: str, *, now: datetime, **words: Any
) -> None:
    """An event when the condition changes; the reason may grow more precise without one."""
    before = Condition(slot.condition)
    slot.condition_reason = reason
    if before == condition:
        return
    slot.condition, slot.condition_since = condition, None if condition == Condition.OK else now
    kind = {Condition.OK: "app.recovered", Condition.DEGRADED: "app.degraded", Condition.DRIFTED: "app.drifted"}
    _record(kind[condition], slot, environment, reason=reason, **words)


def _record(kind: str, slot: Slot, environment: Environment, **data: Any) -> None:
    live = slot.live
    events.record(
        kind,
        by=access.system(environment.organization),
        object={"kind": "app", "id": slot.app_id, "name": slot.app.name},
        project_id=slot.app.project_id,
        environment_id=environment.pk,
        app_id=slot.app_id,
        app=slot.app.name,
        environment=environment.title,
        version=live.release.version if live and live.release else "",
        **data,
    )
