"""What somebody may do where, in words."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from environments import seen
from projects import scopes
from projects.access import Actor
from projects.models import AccessToken, Grant, Invitation, Project, Role

UNSEEN = "one that you do not see"


@dataclass(frozen=True)
class Names:
    """The names of projects and environments, by id, as far as the reader sees them."""

    projects: dict[uuid.UUID, str]
    environments: dict[uuid.UUID, str]


def names(actor: Actor, projects: Iterable[uuid.UUID], environments: Iterable[uuid.UUID]) -> Names:
    """Two statements, however many rights are told with them."""
    wanted = Project.objects.filter(organization=actor.organization, pk__in=set(projects))
    wanted = wanted.filter(scopes.within(actor, project="pk"))
    places = seen.environments(actor, terminating=True).filter(pk__in=set(environments))
    return Names(
        dict(wanted.values_list("pk", "name")),
        {pk: display or name for pk, name, display in places.values_list("pk", "name", "display_name")},
    )


def of_grants(actor: Actor, grants: Iterable[Grant | Invitation]) -> Names:
    grants = list(grants)
    return names(
        actor,
        (grant.project_id for grant in grants if grant.project_id),
        (grant.environment_id for grant in grants if grant.environment_id),
    )


def of_tokens(actor: Actor, tokens: Iterable[AccessToken]) -> Names:
    tokens = list(tokens)
    return names(
        actor,
        (one for token in tokens for one in token.project_ids),
        (one for token in tokens for one in token.environment_ids),
    )


def of_grant(grant: Grant | Invitation, names: Names, *, also: bool = False) -> str:
    """One grant as a sentence: `May deploy Shop to production.`"""
    projects = None if grant.project_id is None else [names.projects.get(grant.project_id, UNSEEN)]
    places = None if grant.environment_id is None else [names.environments.get(grant.environment_id, UNSEEN)]
    return f"May {'also ' if also else ''}{words(grant.role, projects, places)}."


def of_token(token: AccessToken, names: Names) -> str:
    """A token's own limits; what its maker may not do (any more), it may not either."""
    projects = [names.projects.get(one, UNSEEN) for one in token.project_ids] or None
    places = [names.environments.get(one, UNSEEN) for one in token.environment_ids] or None
    return f"May {words(token.role, projects, places)}."


def words(role: str, projects: list[str] | None, environments: list[str] | None) -> str:
    """What a role lets do in these projects and environments, `None` for all; tested against `access.allows`."""
    apps = "" if projects is None else together(projects)
    places = "" if environments is None else together(environments)
    everywhere = not apps and not places
    if role == Role.VIEWER:
        if everywhere:
            return "see everything"
        return f"see {apps} in {places}" if apps and places else f"see {apps or places} and everything there"
    if role == Role.OPERATOR:
        if places:
            return f"deploy {apps or 'everything'} to {places}"
        if apps:
            return f"cut releases of {apps} and deploy in every environment that is not protected"
        return "cut releases, and deploy and operate in every environment that is not protected"
    if everywhere:
        if role == Role.OWNER:
            return "do everything"
        return "do everything but make, change and remove owners"
    if apps and places:
        return f"deploy {apps} to {places} and bypass the gates there"
    if places:
        return f"manage {places} and deploy everything there"
    return f"manage {apps} and deploy in every environment, protected ones too"


def together(names: list[str]) -> str:
    """`a, b and c`"""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
