"""What one grant reaches: a role over some projects and environments. Private projects are reached by name alone."""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db import connection

from projects.models import AccessToken, Organization, Role, User

RANK = {Role.VIEWER: 1, Role.OPERATOR: 2, Role.ADMIN: 3, Role.OWNER: 4}
Ids = frozenset[uuid.UUID]
NOTHING: Ids = frozenset()
# The ids of an organization's private projects: also of those that were deleted, of which the log still tells. Both
# indexes hold nothing but these, so that where there are none it costs next to nothing.
PRIVATE = """
ARRAY(SELECT p.id FROM projects_project p WHERE p.organization_id = m.organization_id AND p.visibility = 'private'
  UNION ALL SELECT d.id FROM projects_deletedprivateproject d WHERE d.organization_id = m.organization_id)
"""
# What is asked of each grant `g` of a membership `m`: as `of_grant` takes it.
GRANT = f"g.role, g.project_id, g.environment_id, CASE WHEN g.project_id IS NULL THEN {PRIVATE} END"
Grant = tuple[str, uuid.UUID | None, uuid.UUID | None, list[uuid.UUID] | None]
_GRANTS = f"""
SELECT {GRANT} FROM projects_membership m JOIN projects_grant g ON g.membership_id = m.id
WHERE m.user_id = %s AND m.organization_id = %s AND m.deactivated_at IS NULL ORDER BY g.id
"""


@dataclass(frozen=True)
class Those:
    """Some projects: `only` these, or where that is `None` all but those in `without`."""

    only: Ids | None = None
    without: Ids = NOTHING

    @property
    def everything(self) -> bool:
        return self.only is None and not self.without

    def __contains__(self, project_id: uuid.UUID) -> bool:
        return project_id not in self.without if self.only is None else project_id in self.only

    def __or__(self, other: "Those") -> "Those":
        if self.only is not None and other.only is not None:
            return Those(self.only | other.only)
        if self.only is None and other.only is None:
            return Those(None, self.without & other.without)
        wide, named = (self, other) if self.only is None else (other, self)
        return Those(None, wide.without - (named.only or NOTHING))


@dataclass(frozen=True)
class Right:
    """One role over some projects and environments; `None` means all, for projects all but those in `without`.

    `named`: its environments were named by somebody who may act in protected ones, so it reaches those too.
    """

    role: Role
    projects: Ids | None = None
    environments: Ids | None = None
    named: bool = False
    without: Ids = NOTHING

    @property
    def those(self) -> Those:
        return Those(self.projects, self.without)

    def reaches(self, project_id: uuid.UUID | None, environment_id: uuid.UUID | None) -> bool:
        """A thing of no project (or environment) is within reach of every right as far as that goes."""
        return (project_id is None or project_id in self.those) and (
            environment_id is None or self.environments is None or environment_id in self.environments
        )

    def covers(self, project_id: uuid.UUID | None, environment_id: uuid.UUID | None) -> bool:
        """A question that names no project (or environment) is answered only by a right over all of them.

        Private projects that somebody else's are take nothing away from such a right: it is over all that is shared.
        """
        return (self.projects is None if project_id is None else project_id in self.those) and (
            self.environments is None or environment_id in self.environments
        )


def of_grant(
    role: str, project_id: uuid.UUID | None, environment_id: uuid.UUID | None, private: list[uuid.UUID] | None = None
) -> Right:
    """The right that one grant gives; of the `private` projects it reaches none that it does not name.

    An owner reaches all of them, and with an owner somebody always does.
    """
    owns = role == Role.OWNER and project_id is environment_id is None
    return Right(
        Role(role),
        None if project_id is None else frozenset({project_id}),
        None if environment_id is None else frozenset({environment_id}),
        named=environment_id is not None,
        without=frozenset(private or ()) if project_id is None and not owns else NOTHING,
    )


def of_member(user: User, organization: Organization) -> tuple[Right, ...]:
    return tuple(of_grant(*grant) for grant in _grants(user, organization))


def of_token(token: AccessToken, grants: Iterable[Grant] | None = None) -> tuple[Right, ...]:
    """Its own role and limits, never above its maker's present rights: `grants`, where they are known already.

    It reaches a private project that it names, or that a grant of its maker names; as an owner all that they do.
    """
    projects = frozenset(token.project_ids) or None
    environments = frozenset(token.environment_ids) or None
    found = []
    for role, project_id, environment_id, private in (
        grants if grants is not None else _grants(token.owner, token.organization)
    ):
        right = of_grant(role, project_id, environment_id, private)
        lower = min(Role(token.role), right.role, key=RANK.__getitem__)
        reached = right.those if projects is None else Those(frozenset(one for one in projects if one in right.those))
        if reached.only is None and not (lower is Role.OWNER and environments is None):
            reached = Those(None, reached.without | frozenset(private or ()))
        found.append(
            Right(
                lower,
                reached.only,
                _both(environments, right.environments),
                # A token's limit names environments only as far as its maker may act in protected ones themselves.
                named=right.named or (environments is not None and RANK[right.role] > RANK[Role.OPERATOR]),
                without=reached.without,
            )
        )
    return tuple(found)


def _grants(user: User, organization: Organization) -> Iterator[Grant]:
    with connection.cursor() as cursor:
        cursor.execute(_GRANTS, [user.pk, organization.pk])
        yield from cursor.fetchall()


def _both(one: Ids | None, other: Ids | None) -> Ids | None:
    if one is None:
        return other
    return one if other is None else one & other
