"""What is shown of a resolution to everybody who may see it: secrets, and what is built from them, as dots."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from environments.resolving import references
from environments.resolving.problems import Problem, unresolvable
from environments.resolving.references import Malformed, Reference
from environments.resolving.resolution import Resolution

DOTS = "••••••••"


def masked(found: Resolution) -> dict[str, str]:
    """Every key with its value or dots; Unresolvable where one has none. No secret is opened, except for what one
    refers to."""
    if found.problems:
        raise unresolvable(list(found.problems.values()))
    values = {key: one.value for key, one in found.winners.items()}
    values.update(found.built)
    values.update(dict.fromkeys(found.masked, DOTS))
    return values


def filled(found: Resolution, name: str, tree: Any, values: Mapping[str, str]) -> Any:
    """A tree of JSON whose texts may refer to keys: `values` is what stands for each of these.

    A text in which dots stand for a secret is dots as a whole, lest its length or its rest tell of the secret.
    """
    problems: list[Problem] = []
    made = _filled(found, name, tree, values, problems)
    if problems:
        raise unresolvable(problems)
    return made


def _filled(found: Resolution, name: str, tree: Any, values: Mapping[str, str], problems: list[Problem]) -> Any:
    if isinstance(tree, dict):
        return {key: _filled(found, f"{name}.{key}", part, values, problems) for key, part in tree.items()}
    if isinstance(tree, list):
        return [_filled(found, f"{name}[{n}]", part, values, problems) for n, part in enumerate(tree)]
    if not isinstance(tree, str) or "{{" not in tree:
        return tree
    try:
        parts = list(references.parts(tree))
    except Malformed as error:
        problems.append(Problem(name, "malformed", str(error)))
        return tree
    if any(isinstance(part, Reference) and values.get(part.key) == DOTS for part in parts):
        return DOTS
    return "".join(part if isinstance(part, str) else _value(found, name, part, values, problems) for part in parts)


def _value(
    found: Resolution, name: str, reference: Reference, values: Mapping[str, str], problems: list[Problem]
) -> str:
    winner = found.winners.get(reference.key)
    if winner is None:
        problems.append(
            Problem(name, "unresolved", f"{name} refers to {reference}, which is set nowhere here", str(reference))
        )
        return ""
    if reference.kind and reference.kind != winner.kind:
        sentence = f"{name} refers to {reference}, but {reference.key} is a {winner.kind}"
        problems.append(Problem(name, "unresolved", sentence, str(reference)))
        return ""
    return values[reference.key]


def merged(layers: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """From weak to strong: what bears a name replaces whole what bore it before."""
    whole: dict[str, Any] = {}
    for one in layers:
        whole |= one
    return whole


def tag(*parts: object) -> str:
    """An entity tag over what decides an answer."""
    whole = "\n".join(map(str, parts))
    return f'"{hashlib.sha256(whole.encode()).hexdigest()[:32]}"'
