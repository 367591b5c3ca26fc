"""Which rows an actor sees of what belongs to a project and an environment at once, as conditions on a statement.

Rights are not taken apart: one over (P1, E1) and one over (P2, E2) do not show what P1 has in E2. An actor with a right
over everything adds no condition, and what belongs to a project alone is asked of `Actor.visible_projects`.
"""

import uuid
from typing import Any

from django.db.models import Q

from projects.access import Actor

Ids = frozenset[uuid.UUID]


def rows(actor: Actor, *, project: str, environment: str, lacking: tuple[str, ...] = ()) -> Q:
    """`project` and `environment` are a model's fields; those in `lacking` may be empty, which hides nothing."""
    if actor.sees_all:
        return Q()
    found = Q(pk__in=())
    for projects, environments in _merged(actor):
        found |= _among(project, projects, project in lacking) & _among(
            environment, environments, environment in lacking
        )
    if not actor.rights and {project, environment} <= {*lacking}:
        found |= Q((f"{project}__isnull", True), (f"{environment}__isnull", True))
    return found


def _among(field: str, ids: Ids | None, lacking: bool) -> Q:
    if ids is None:
        return Q()
    among = Q((f"{field}__in", ids))
    return among | Q((f"{field}__isnull", True)) if lacking else among


def clause(actor: Actor, *, project: str, environment: str, lacking: tuple[str, ...] = ()) -> str:
    """The same for a written statement, with `values`; the names are expressions in it, never somebody's words."""
    if actor.sees_all:
        return "TRUE"
    found = ["FALSE"]
    for number, (projects, environments) in enumerate(_merged(actor)):
        parts = ["TRUE"]
        if projects is not None:
            none = f"{project} IS NULL OR " if project in lacking else ""
            parts.append(f"({none}{project} = ANY(%(seen_projects_{number})s::uuid[]))")
        if environments is not None:
            none = f"{environment} IS NULL OR " if environment in lacking else ""
            parts.append(f"({none}{environment} = ANY(%(seen_environments_{number})s::uuid[]))")
        found.append(f"({' AND '.join(parts)})")
    if not actor.rights and {project, environment} <= {*lacking}:
        found.append(f"({project} IS NULL AND {environment} IS NULL)")
    return f"({' OR '.join(found)})"


def values(actor: Actor) -> dict[str, Any]:
    """What every `clause` of this actor names."""
    if actor.sees_all:
        return {}
    named: dict[str, Any] = {}
    for number, (projects, environments) in enumerate(_merged(actor)):
        named |= {f"seen_projects_{number}": list(projects or ())}
        named |= {f"seen_environments_{number}": list(environments or ())}
    return named


def _merged(actor: Actor) -> list[tuple[Ids | None, Ids | None]]:
    """The rights as pairs, those over the same environments as one, then those over the same projects."""
    by_environments: dict[Ids | None, Ids | None] = {}
    for right in actor.rights:
        by_environments[right.environments] = _both(
            by_environments.get(right.environments, frozenset()), right.projects
        )
    by_projects: dict[Ids | None, Ids | None] = {}
    for environments, projects in by_environments.items():
        by_projects[projects] = _both(by_projects.get(projects, frozenset()), environments)
    return list(by_projects.items())


def _both(one: Ids | None, other: Ids | None) -> Ids | None:
    return None if one is None or other is None else one | other
