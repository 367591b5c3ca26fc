"""What configuration a proposal would pin, how that differs from what runs, and what a release still lacks."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from environments.models import ConfigurationChoice, Deployment, Environment
from environments.resolving import pins, resolution, types
from environments.resolving.candidates import Candidate
from environments.resolving.problems import Unresolvable
from environments.resolving.resolution import Resolution, Target
from environments.sealing import Unreadable
from projects import patterns
from projects.models import App, Release

DOTS = "••••••••"


@dataclass(frozen=True)
class Chosen:
    """What would be pinned, and in words what of it is not what was asked for."""

    resolution: Resolution
    kept_current: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unmet:
    """A key that a release requires, or that is set and has no value: `why` ends a sentence that begins with it."""

    key: str
    kind: str
    type: str
    why: str


def choose(
    app: App, environment: Environment, *, choice: str, live: Deployment | None, source: Deployment | None
) -> Chosen:
    """`source` is the deployment whose values are taken up, for `of_deployment`.

    A version that was revoked since is never taken up again: what holds now stands in its place.
    """
    if choice == ConfigurationChoice.LATEST:
        return Chosen(now(app, environment))
    found = of_deployment(live if choice == ConfigurationChoice.PINNED else source)
    revoked = [one for one in found.winners.values() if one.revoked]
    if not revoked:
        return Chosen(found)
    latest, kept = now(app, environment), []
    for old in revoked:
        new = latest.winners.get(old.key)
        if new is not None and not new.revoked:
            found.winners[old.key] = new
            kept.append(f"kept current: {old.key} v{new.number}, v{old.number} is revoked")
    return Chosen(found, tuple(kept))


def now(app: App, environment: Environment) -> Resolution:
    """What holds for an app there at this moment."""
    return resolution.resolve(
        Target(
            organization_id=environment.organization_id,
            environment_id=environment.pk,
            project_id=app.project_id,
            app_id=app.pk,
        )
    )


def of_deployment(deployment: Deployment | None) -> Resolution:
    """What it pinned; nothing of no deployment."""
    if deployment is None or not deployment.pins:
        return resolution.EMPTY
    return pins.pinned(deployment.organization_id, deployment.pins)


def changes(before: Resolution, after: Resolution, *, then: Resolution | None = None) -> list[dict[str, Any]]:
    """`[{key, before, after, masked, before_version, after_version}]` by key for what differs, also through what a
    value refers to; secrets and what is built from them as dots, `None` for "not given".

    With `then`, what an earlier deployment ran with, also `then` and `then_version`, and the keys that differ from it.
    """
    told = []
    times = {"before": before, "after": after} | ({"then": then} if then is not None else {})
    for key in sorted(set().union(*(each.winners for each in times.values()))):
        if len({each.trace(key) for each in times.values()}) > 1:
            told.append(
                {
                    "key": key,
                    **{name: _shown(each, key) for name, each in times.items()},
                    **{f"{name}_version": _version(each, key) for name, each in times.items()},
                    "masked": any(key in each.masked for each in times.values()),
                }
            )
    return told


def overtaken(live: Deployment, latest: Resolution) -> list[str]:
    """The keys whose values are not those that `live` runs with."""
    pinned = of_deployment(live)
    keys = pinned.winners.keys() | latest.winners.keys()
    return sorted(key for key in keys if pinned.trace(key) != latest.trace(key))


def unmet(release: Release | None, found: Resolution, *, secrets: Iterable[str] = ()) -> list[Unmet]:
    """What would keep a process of this release from what it needs; empty if and only if all of it is injected.

    `secrets` are names that the environment requires of everything that runs in it.
    """
    wanted = required(release)
    for name in secrets:
        wanted.setdefault(name, {"name": name, "kind": "secret", "type": "text", "pattern": ""})
    values, broken = _injected(found)
    told = [Unmet(key, _kind(found, key), "text", why) for key, why in broken.items()]
    for name, asked in wanted.items():
        if name not in broken and (why := _why(found, name, asked, values)):
            told.append(Unmet(name, asked["kind"], asked["type"], why))
    return sorted(told, key=lambda one: one.key)


def _injected(found: Resolution) -> tuple[Mapping[str, str], dict[str, str]]:
    """What a worker would be given now, and by key why it would not: the very look that a claim takes."""
    try:
        return found.environ(), {}
    except Unresolvable as refusal:
        broken = {error["field"]: error["message"].rstrip(".") for error in refusal.errors}
    except Unreadable as refusal:
        return {}, {key: refusal.detail.rstrip(".") for key, one in found.winners.items() if one.is_secret}
    values: dict[str, str] = {}
    for key in found.winners:
        with suppress(Unresolvable):
            values |= found.environ([key])
    return values, broken


def required(release: Release | None) -> dict[str, dict[str, str]]:
    """By name: `{name, kind, type, pattern}` of all that the manifest says the release needs."""
    asked: Mapping[str, Any] = (release.manifest.get("requires") or {}) if release else {}
    return {
        each["name"]: {**each, "kind": kind}
        for kind, part in (("variable", "variables"), ("secret", "secrets"))
        for each in asked.get(part, ())
    }


def _why(found: Resolution, name: str, asked: Mapping[str, str], values: Mapping[str, str]) -> str:
    winner = found.winners.get(name)
    if winner is None:
        return f"the {asked['kind']} is not set"
    if asked["kind"] == "secret" and name not in found.masked:
        return "is set as a variable, but has to be a secret"
    value = values[name]
    if sentence := types.problem(value, asked["type"]):
        return sentence.rstrip(".")
    if asked["pattern"] and not patterns.fits(asked["pattern"], value):
        return f"does not match the pattern {asked['pattern']}"
    return ""


def _kind(found: Resolution, key: str) -> str:
    return found.winners[key].kind if key in found.winners else "variable"


def _shown(found: Resolution, key: str) -> str | None:
    if key not in found.winners:
        return None
    if key in found.masked:
        return DOTS
    problem = found.problems.get(key)
    return f"({problem.sentence})" if problem else found.environ([key])[key]


def _version(found: Resolution, key: str) -> int | None:
    winner: Candidate | None = found.winners.get(key)
    return winner.number if winner else None
