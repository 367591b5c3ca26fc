"""Who may do what, where: actors, the role -> permission table, and the two questions every room asks."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from projects.errors import UNSEEN, NotAllowed, NotFound
from projects.models import AccessToken, Grant, Membership, Organization, Role, User
from projects.reasons import NOTHING, Why


class Permission(StrEnum):
    VIEW = "view"
    RELEASE = "release"  # apps' releases and artifacts
    DEPLOY = "deploy"  # plan, deploy, promote, roll back, remove, hold, cancel, retry, restart
    OPERATE = "operate"  # start, stop an environment; its worker command
    CREATE_EPHEMERAL = "create-ephemeral"
    BYPASS = "bypass"
    MANAGE_ENVIRONMENTS = "manage-environments"
    MANAGE_CHAINS = "manage-chains"
    MANAGE_PROJECTS = "manage-projects"  # projects and apps
    MANAGE_MEMBERS = "manage-members"
    MANAGE_TOKENS = "manage-tokens"
    MANAGE_OWNERS = "manage-owners"


_VIEWER = {Permission.VIEW}
_OPERATOR = _VIEWER | {
    Permission.RELEASE,
    Permission.DEPLOY,
    Permission.OPERATE,
    Permission.CREATE_EPHEMERAL,
}
_ADMIN = _OPERATOR | {
    Permission.BYPASS,
    Permission.MANAGE_ENVIRONMENTS,
    Permission.MANAGE_CHAINS,
    Permission.MANAGE_PROJECTS,
    Permission.MANAGE_MEMBERS,
    Permission.MANAGE_TOKENS,
}
PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: frozenset(_VIEWER),
    Role.OPERATOR: frozenset(_OPERATOR),
    Role.ADMIN: frozenset(_ADMIN),
    Role.OWNER: frozenset(_ADMIN | {Permission.MANAGE_OWNERS}),
}
RANK = {Role.VIEWER: 1, Role.OPERATOR: 2, Role.ADMIN: 3, Role.OWNER: 4}
WORDS = {
    Permission.VIEW: "see this",
    Permission.RELEASE: "cut releases",
    Permission.DEPLOY: "deploy here",
    Permission.OPERATE: "operate this environment",
    Permission.CREATE_EPHEMERAL: "create ephemeral environments",
    Permission.BYPASS: "bypass a gate",
    Permission.MANAGE_ENVIRONMENTS: "manage environments",
    Permission.MANAGE_CHAINS: "change the promotion chain",
    Permission.MANAGE_PROJECTS: "manage projects and apps",
    Permission.MANAGE_MEMBERS: "manage members",
    Permission.MANAGE_TOKENS: "manage access tokens",
    Permission.MANAGE_OWNERS: "manage owners",
}


def who(label: str) -> str:
    """How sentences name an actor: `owner` for `user:owner`."""
    return label.partition(":")[2] or label


@dataclass(frozen=True)
class Right:
    """One role over some projects and environments; `None` means all.

    `named`: its environments were named by somebody who may act in protected ones, so it reaches those too.
    """

    role: Role
    projects: frozenset[uuid.UUID] | None = None
    environments: frozenset[uuid.UUID] | None = None
    named: bool = False

    def reaches(self, project_id: uuid.UUID | None, environment_id: uuid.UUID | None) -> bool:
        """A thing of no project (or environment) is within reach of every right as far as that goes."""
        return (project_id is None or self.projects is None or project_id in self.projects) and (
            environment_id is None or self.environments is None or environment_id in self.environments
        )

    def covers(self, project_id: uuid.UUID | None, environment_id: uuid.UUID | None) -> bool:
        """A question that names no project (or environment) is answered only by a right over all of them."""
        return (self.projects is None or project_id in self.projects) and (
            self.environments is None or environment_id in self.environments
        )


@dataclass(frozen=True)
class Actor:
    """Who acts: `user:<name>`, `token:<name>`, `worker:<id>` or `system`."""

    label: str
    organization: Organization
    rights: tuple[Right, ...] = field(default=(), repr=False)
    user: User | None = None
    token: AccessToken | None = None
    why: Why = field(default=NOTHING, compare=False, repr=False)

    def because(self, reason: str = "", link: str = "") -> "Actor":
        """The same actor, with what they say of the change that they are about to ask for."""
        return replace(self, why=replace(self.why, reason=reason.strip(), link=link.strip()))

    def undoing(self, number: int) -> "Actor":
        """The same actor, about to take back what the event of this number tells of."""
        return replace(self, why=replace(self.why, undoes=number))

    @property
    def is_person(self) -> bool:
        return self.user is not None and self.token is None

    @property
    def is_system(self) -> bool:
        """The control plane itself, which acts only to bring things back to what somebody wished before."""
        return self.label == "system"

    @property
    def role(self) -> Role | None:
        """The strongest role held anywhere, for words on pages."""
        return max((right.role for right in self.rights), key=RANK.__getitem__, default=None)

    @property
    def visible_projects(self) -> frozenset[uuid.UUID] | None:
        """Ids of the projects the actor may see, `None` for all."""
        return _union(right.projects for right in self.rights)

    @property
    def visible_environments(self) -> frozenset[uuid.UUID] | None:
        """Ids of the environments the actor may see, `None` for all."""
        return _union(right.environments for right in self.rights)

    @property
    def sees_all(self) -> bool:
        """Whether one right reaches all projects and all environments."""
        return any(right.projects is None and right.environments is None for right in self.rights)

    def sees(self, *, project_id: uuid.UUID | None = None, environment_id: uuid.UUID | None = None) -> bool:
        """What belongs to a project and an environment is seen by one right over both, not by two over one each."""
        return project_id is environment_id is None or any(
            right.reaches(project_id, environment_id) for right in self.rights
        )


def _union(sets: Iterable[frozenset[uuid.UUID] | None]) -> frozenset[uuid.UUID] | None:
    found: frozenset[uuid.UUID] = frozenset()
    for ids in sets:
        if ids is None:
            return None
        found |= ids
    return found


def system(organization: Organization) -> Actor:
    """The control plane itself, which may do everything in one organization."""
    return Actor(label="system", organization=organization, rights=(Right(Role.OWNER),))


def of_user(user: User, organization: Organization) -> Actor:
    """A person in an organization; NotFound where they are not a member, or deactivated."""
    active = Membership.objects.filter(user=user, organization=organization, deactivated_at=None)
    if not user.is_active or not active.exists():
        raise NotFound("There is no such organization.")
    return Actor(f"user:{user.username}", organization, rights_of(user, organization), user)


def rights_of(user: User, organization: Organization) -> tuple[Right, ...]:
    grants = Grant.objects.filter(
        membership__user=user, membership__organization=organization, membership__deactivated_at=None
    )
    return tuple(right_of(grant.role, grant.project_id, grant.environment_id) for grant in grants)


def right_of(role: str, project_id: uuid.UUID | None, environment_id: uuid.UUID | None) -> Right:
    """The right that one grant gives."""
    return Right(
        Role(role),
        None if project_id is None else frozenset({project_id}),
        None if environment_id is None else frozenset({environment_id}),
        named=environment_id is not None,
    )


def of_token(token: AccessToken) -> Actor:
    """An access token: its own role and limits, never above its maker's present rights."""
    projects = frozenset(token.project_ids) or None
    environments = frozenset(token.environment_ids) or None
    limited = tuple(
        Right(
            min(Role(token.role), right.role, key=RANK.__getitem__),
            _intersection(projects, right.projects),
            _intersection(environments, right.environments),
            # A token's own limit names environments only as far as its maker may act in protected ones themselves.
            named=right.named or (environments is not None and RANK[right.role] > RANK[Role.OPERATOR]),
        )
        for right in rights_of(token.owner, token.organization)
    )
    return Actor(f"token:{token.name}", token.organization, limited, token.owner, token)


def _intersection(one: frozenset[uuid.UUID] | None, other: frozenset[uuid.UUID] | None) -> frozenset[uuid.UUID] | None:
    if one is None:
        return other
    return one if other is None else one & other


def allows(
    actor: Actor,
    permission: Permission,
    *,
    project_id: uuid.UUID | None = None,
    environment_id: uuid.UUID | None = None,
    protected: bool = False,
) -> bool:
    """Whether `actor` may. In a protected environment an operator needs a grant that names it."""
    for right in actor.rights:
        if permission not in PERMISSIONS[right.role] or not right.covers(project_id, environment_id):
            continue
        if protected and permission is not Permission.VIEW and right.role is Role.OPERATOR:
            if right.named:
                return True
            continue
        return True
    return False


def allows_somewhere(actor: Actor, *permissions: Permission) -> bool:
    """Whether there may be a thing with which `actor` may do one of these: what a list offers for its rows."""
    return any(PERMISSIONS[right.role] & {*permissions} for right in actor.rights)


def require(
    actor: Actor,
    permission: Permission,
    *,
    project_id: uuid.UUID | None = None,
    environment_id: uuid.UUID | None = None,
    protected: bool = False,
) -> None:
    """NotFound for what the actor cannot see, NotAllowed for what they see but may not do."""
    if not actor.sees(project_id=project_id, environment_id=environment_id):
        raise NotFound(UNSEEN)
    if not allows(actor, permission, project_id=project_id, environment_id=environment_id, protected=protected):
        where = " in a protected environment" if protected else ""
        raise NotAllowed(f"Your role does not let you {WORDS[permission]}{where}; ask an admin for a grant.")


def require_own(actor: Actor, *organization_ids: uuid.UUID) -> None:
    """NotFound for a row of another organization: look-ups never give one, and a room does not rely on that."""
    if any(organization_id != actor.organization.pk for organization_id in organization_ids):
        raise NotFound(UNSEEN)
