"""Who may do what, where: actors, the role -> permission table, and the two questions every room asks."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import reduce
from operator import or_

from projects import rights
from projects.errors import UNSEEN, NotAllowed, NotFound
from projects.models import AccessToken, Membership, Organization, Role, User
from projects.reasons import NOTHING, Why
from projects.rights import RANK as RANK
from projects.rights import Grant, Those
from projects.rights import Right as Right


class Permission(StrEnum):
    VIEW = "view"
    RELEASE = "release"  # apps' releases and artifacts
    DEPLOY = "deploy"  # plan, deploy, promote, roll back, remove, hold, cancel, retry, restart
    OPERATE = "operate"  # start, stop an environment; its worker command
    CREATE_EPHEMERAL = "create-ephemeral"
    CONFIGURE = "configure"  # variables and secrets: set, delete, restore, revoke
    REVEAL = "reveal"  # a secret's value
    BYPASS = "bypass"
    MANAGE_ENVIRONMENTS = "manage-environments"
    MANAGE_CHAINS = "manage-chains"
    MANAGE_PROJECTS = "manage-projects"  # projects and apps
    MANAGE_MEMBERS = "manage-members"
    MANAGE_TOKENS = "manage-tokens"
    MANAGE_STORES = "manage-stores"  # secret stores, and secrets that lie there
    MANAGE_OWNERS = "manage-owners"


_VIEWER = {Permission.VIEW}
_OPERATOR = _VIEWER | {
    Permission.RELEASE,
    Permission.DEPLOY,
    Permission.OPERATE,
    Permission.CREATE_EPHEMERAL,
    Permission.CONFIGURE,
}
_ADMIN = _OPERATOR | {
    Permission.REVEAL,
    Permission.BYPASS,
    Permission.MANAGE_ENVIRONMENTS,
    Permission.MANAGE_CHAINS,
    Permission.MANAGE_PROJECTS,
    Permission.MANAGE_MEMBERS,
    Permission.MANAGE_TOKENS,
    Permission.MANAGE_STORES,
}
PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: frozenset(_VIEWER),
    Role.OPERATOR: frozenset(_OPERATOR),
    Role.ADMIN: frozenset(_ADMIN),
    Role.OWNER: frozenset(_ADMIN | {Permission.MANAGE_OWNERS}),
}
WORDS = {
    Permission.VIEW: "see this",
    Permission.RELEASE: "cut releases",
    Permission.DEPLOY: "deploy here",
    Permission.OPERATE: "operate this environment",
    Permission.CREATE_EPHEMERAL: "create ephemeral environments",
    Permission.CONFIGURE: "change variables and secrets here",
    Permission.REVEAL: "reveal secrets here",
    Permission.BYPASS: "bypass a gate",
    Permission.MANAGE_ENVIRONMENTS: "manage environments",
    Permission.MANAGE_CHAINS: "change the promotion chain",
    Permission.MANAGE_PROJECTS: "manage projects and apps",
    Permission.MANAGE_MEMBERS: "manage members",
    Permission.MANAGE_TOKENS: "manage access tokens",
    Permission.MANAGE_STORES: "manage secret stores",
    Permission.MANAGE_OWNERS: "manage owners",
}


def who(label: str) -> str:
    """How sentences name an actor: `owner` for `user:owner`."""
    return label.partition(":")[2] or label


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
    def visible_projects(self) -> Those:
        """The projects the actor may see; `scopes.within` makes a condition of it."""
        return _together(self.rights)

    @property
    def visible_environments(self) -> frozenset[uuid.UUID] | None:
        """Ids of the environments the actor may see, `None` for all."""
        return _union(right.environments for right in self.rights)

    @property
    def sees_all(self) -> bool:
        """Whether those rights that reach all environments reach all projects there, private ones too."""
        return _together(right for right in self.rights if right.environments is None).everything

    def sees(self, *, project_id: uuid.UUID | None = None, environment_id: uuid.UUID | None = None) -> bool:
        """What belongs to a project and an environment is seen by one right over both, not by two over one each."""
        return project_id is environment_id is None or any(
            right.reaches(project_id, environment_id) for right in self.rights
        )


def _together(rights: Iterable[Right]) -> Those:
    return reduce(or_, (right.those for right in rights), Those(frozenset()))


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
    return Actor(f"user:{user.username}", organization, rights.of_member(user, organization), user)


def of_token(token: AccessToken, grants: Iterable[Grant] | None = None) -> Actor:
    """An access token: its own role and limits, never above its maker's present rights (see `rights.of_token`)."""
    return Actor(f"token:{token.name}", token.organization, rights.of_token(token, grants), token.owner, token)


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
        named = "the environment is protected, so ask an admin for a grant that names it"
        remedy = named if protected and permission in _OPERATOR else "ask an admin for a grant"
        raise NotAllowed(f"Your role does not let you {WORDS[permission]}; {remedy}.")


def require_own(actor: Actor, *organization_ids: uuid.UUID) -> None:
    """NotFound for a row of another organization: look-ups never give one, and a room does not rely on that."""
    if any(organization_id != actor.organization.pk for organization_id in organization_ids):
        raise NotFound(UNSEEN)
