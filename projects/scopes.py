"""Which rows an actor sees of what belongs to a project and an environment at once, as conditions on a statement.

Rights are not taken apart: one over (P1, E1) and one over (P2, E2) do not show what P1 has in E2. An actor with a right
over everything adds no condition. What belongs to a project alone is asked for by `within`.
"""

from typing import Any

from django.db.models import Q

from projects.access import Actor
from projects.rights import Ids, Those


def within(actor: Actor, *, project: str, lacking: bool = False) -> Q:
    """What belongs to a project that the actor sees, whatever the environment; `project` is a model's field.

    With `lacking` also what belongs to none. (A condition that is always true is empty, and `Q(x) | Q()` is `Q(x)`.)
    """
    return _of_projects(project, actor.visible_projects, lacking=lacking)


def within_clause(actor: Actor, *, project: str) -> str:
    """The same for a written statement, with `values`."""
    return _in_projects(project, actor.visible_projects, "within", lacking=False)


def rows(actor: Actor, *, project: str, environment: str, lacking: tuple[str, ...] = ()) -> Q:
    """`project` and `environment` are a model's fields; those in `lacking` may be empty, which hides nothing."""
    if actor.sees_all:
        return Q()
    found = Q(pk__in=())
    for projects, environments in _merged(actor):
        found |= _of_projects(project, projects, project in lacking) & _among(
            environment, environments, environment in lacking
        )
    if not actor.rights and {project, environment} <= {*lacking}:
        found |= Q((f"{project}__isnull", True), (f"{environment}__isnull", True))
    return found


def _of_projects(field: str, those: Those, lacking: bool) -> Q:
    if those.only is None and those.without:
        return ~Q((f"{field}__in", those.without))
    return _among(field, those.only, lacking)


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
        parts = [_in_projects(project, projects, str(number), project in lacking)]
        if environments is not None:
            none = f"{environment} IS NULL OR " if environment in lacking else ""
            parts.append(f"({none}{environment} = ANY(%(seen_environments_{number})s::uuid[]))")
        found.append(f"({' AND '.join(parts)})")
    if not actor.rights and {project, environment} <= {*lacking}:
        found.append(f"({project} IS NULL AND {environment} IS NULL)")
    return f"({' OR '.join(found)})"


def _in_projects(project: str, those: Those, number: str, lacking: bool) -> str:
    if those.everything:
        return "TRUE"
    if those.only is None:
        return f"({project} IS NULL OR {project} <> ALL(%(hidden_projects_{number})s::uuid[]))"
    none = f"{project} IS NULL OR " if lacking else ""
    return f"({none}{project} = ANY(%(seen_projects_{number})s::uuid[]))"


def values(actor: Actor) -> dict[str, Any]:
    """What every `clause` and `within_clause` of this actor names."""
    if actor.sees_all:
        return {}
    named: dict[str, Any] = _projects("within", actor.visible_projects)
    for number, (projects, environments) in enumerate(_merged(actor)):
        named |= _projects(str(number), projects)
        named |= {f"seen_environments_{number}": list(environments or ())}
    return named


def _projects(number: str, those: Those) -> dict[str, Any]:
    return {
        f"seen_projects_{number}": list(those.only or ()),
        f"hidden_projects_{number}": list(those.without),
    }


def _merged(actor: Actor) -> list[tuple[Those, Ids | None]]:
    """The rights as pairs, those over the same environments as one, then those over the same projects."""
    by_environments: dict[Ids | None, Those] = {}
    for right in actor.rights:
        known = by_environments.get(right.environments, Those(frozenset()))
        by_environments[right.environments] = known | right.those
    by_projects: dict[Those, Ids | None] = {}
    for environments, projects in by_environments.items():
        by_projects[projects] = _both(by_projects.get(projects, frozenset()), environments)
    return list(by_projects.items())


def _both(one: Ids | None, other: Ids | None) -> Ids | None:
    return None if one is None or other is None else one | other
