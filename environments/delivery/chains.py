"""Promotion chains: which stages a release travels through, and which environments stand in each."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from environments import hosts, lifecycle
from environments.models import Chain, Environment, Stage, StageEnvironment
from environments.planning.stages import environments_of, stages_of
from projects import access, events, names, retired, scopes
from projects.access import Actor, Permission
from projects.errors import Conflict, Invalid, NotFound
from projects.models import Project
from projects.versions import ChangedMeanwhile

MOST_STAGES = 20
MOST_ENVIRONMENTS = 50
FIRST = (("Development", "development"), ("Staging", "staging"), ("Production", "production"))
PROTECTED = "production"


class ChainExists(Conflict):
    code = "chain-exists"


@events.operation
def begin(*, by: Actor) -> Chain:
    """The first chain in one click: development, staging, and a production that is protected."""
    access.require(by, Permission.MANAGE_CHAINS)
    for title, name in FIRST:
        if not lifecycle.visible(by).filter(names.same("name", name)).exists():
            _made(name, by=by, display_name=title)
    stages = [{"name": title, "environments": [name]} for title, name in FIRST]
    chain = create(by=by, name="Default", stages=stages)
    # What stood there before is protected too, or nothing is begun: that is what the click has promised. Not sooner:
    # by now the chain has locked all three in their order.
    for found in lifecycle.visible(by).filter(names.same("name", PROTECTED), protected=False):
        lifecycle.update(found, by=by, protected=True)
    return chain


@events.operation
def create(
    *,
    by: Actor,
    name: str,
    stages: Sequence[Mapping[str, Any]],
    project: Project | None = None,
    create_missing: bool = False,
) -> Chain:
    """The organization's default chain, or the own one of `project`; `stages` is `[{name, environments: [...]}]`.

    Environments are named by name or id. With `create_missing` those that do not exist yet are created.
    """
    access.require(by, Permission.MANAGE_CHAINS, project_id=project.id if project else None)
    if project is not None:
        retired.check_project(project)
    places = _checked(stages, by=by, create_missing=create_missing)
    try:
        with transaction.atomic():
            chain = Chain.objects.create(
                organization=by.organization, project=project, name=_name(name, "name"), created_by=by.label
            )
    except IntegrityError:
        whose = f"{project.key} has" if project else "The organization has"
        raise ChainExists(f"{whose} a promotion chain already; change that one.") from None
    _write(chain, places)
    _record("chain.created", chain, by=by)
    return chain


@events.operation
def update(
    chain: Chain,
    *,
    by: Actor,
    name: str | None = None,
    stages: Sequence[Mapping[str, Any]] | None = None,
    create_missing: bool = False,
    seen: str | None = None,
) -> Chain:
    """Change what is given; `stages` replaces all of them. Nothing that runs is touched by it.

    With `seen`, the version that the one who asks has looked at, nothing newer is overwritten.
    """
    access.require(by, Permission.MANAGE_CHAINS, project_id=chain.project_id)
    chain = locked(chain)
    if seen is not None:
        check_seen(chain, seen)
    before = chain.name, [(stage.name, environments_of(stage)) for stage in stages_of(chain)]
    chain.name = chain.name if name is None else _name(name, "name")
    places = before[1] if stages is None else _checked(stages, by=by, create_missing=create_missing)
    if (chain.name, places) == before:
        return chain
    chain.save(update_fields=["name", "updated_at"])
    if places != before[1]:
        chain.stages.all().delete()
        _write(chain, places)
    written = [{"name": stage, "environments": [str(each.id) for each in placed]} for stage, placed in before[1]]
    _record("chain.updated", chain, by=by, before={"name": before[0], "stages": written})
    return chain


def version(chain: Chain) -> str:
    """Another one as soon as anybody changes the stages."""
    return _version(stages_of(chain))


def versions(found: Iterable[Chain]) -> dict[uuid.UUID, str]:
    """The same of several, in one statement."""
    stages: dict[uuid.UUID, list[Stage]] = {chain.pk: [] for chain in found}
    for stage in Stage.objects.filter(chain__in=stages).order_by("position"):
        stages[stage.chain_id].append(stage)
    return {ident: _version(of) for ident, of in stages.items()}


def _version(stages: Sequence[Stage]) -> str:
    return ",".join(str(stage.id) for stage in stages)


def check_seen(chain: Chain, seen: str) -> None:
    """Raise ChangedMeanwhile where the stages are not those any more that somebody has looked at."""
    if seen != version(chain):
        raise ChangedMeanwhile(
            "Somebody changed this chain meanwhile. Here it is as it stands now; repeat your change."
        )


@events.operation
def delete(chain: Chain, *, by: Actor) -> None:
    """The environments stay; the apps follow the organization's default chain, if there is one."""
    access.require(by, Permission.MANAGE_CHAINS, project_id=chain.project_id)
    chain = locked(chain)
    _record("chain.deleted", chain, by=by)
    Chain.objects.filter(pk=chain.pk).delete()


def visible(actor: Actor) -> QuerySet[Chain]:
    """Oldest first; a project's own chain to those who see the project."""
    found = Chain.objects.filter(organization=actor.organization).select_related("project")
    found = found.filter(scopes.within(actor, project="project", lacking=True))
    return found.order_by("created_at", "id")


def find(actor: Actor, ident: str | uuid.UUID) -> Chain:
    """By id, or by name regardless of case where only one bears it."""
    try:
        found = list(visible(actor).filter(pk=uuid.UUID(str(ident))))
    except ValueError:
        found = list(visible(actor).filter(names.same("name", str(ident)))[:2])
    if len(found) != 1:
        raise NotFound("There is no such chain.")
    return found[0]


def locked(chain: Chain) -> Chain:
    """The chain as it is now, held until the operation ends; NotFound where it was deleted meanwhile."""
    found = Chain.objects.select_for_update(no_key=True).filter(pk=chain.pk).first()
    if found is None:
        raise NotFound("There is no such chain any more.")
    return found


def _checked(
    stages: Sequence[Mapping[str, Any]], *, by: Actor, create_missing: bool
) -> list[tuple[str, list[Environment]]]:
    """Names resolved to environments; every complaint names its place, `stages[1].environments`."""
    if not stages:
        raise Invalid.field("stages", "a chain has at least one stage.")
    if len(stages) > MOST_STAGES:
        raise Invalid.field("stages", f"a chain has at most {MOST_STAGES} stages.")
    checked: list[tuple[str, list[Environment]]] = []
    seen_stages: set[str] = set()
    seen: set[uuid.UUID] = set()
    for index, stage in enumerate(stages):
        title = _name(str(stage.get("name") or ""), f"stages[{index}].name")
        if title.casefold() in seen_stages:
            raise Invalid.field(f"stages[{index}].name", f"two stages are called {title}.")
        seen_stages.add(title.casefold())
        field = f"stages[{index}].environments"
        named = list(stage.get("environments") or [])
        if not 0 < len(named) <= MOST_ENVIRONMENTS:
            raise Invalid.field(field, f"a stage holds 1 to {MOST_ENVIRONMENTS} environments.")
        found = [_environment(str(each), field, by=by, create_missing=create_missing) for each in named]
        for environment in found:
            if environment.id in seen:
                raise Invalid.field(field, f"{environment.title} stands in this chain twice.")
            seen.add(environment.id)
        checked.append((title, found))
    _hold(checked)
    return checked


def _hold(checked: Sequence[tuple[str, Sequence[Environment]]]) -> None:
    """A deletion locks the row too and then looks for chains: one of the two comes first and the other is refused."""
    named = [environment.id for _, found in checked for environment in found]
    rows = Environment.objects.select_for_update(no_key=True).filter(pk__in=named).order_by("id")
    gone = {environment.id for environment in rows if environment.deleted_at is not None}
    for index, (_, found) in enumerate(checked):
        for environment in found:
            if environment.id in gone:
                raise Invalid.field(f"stages[{index}].environments", f"{environment.title} is being deleted.")


def _environment(ident: str, field: str, *, by: Actor, create_missing: bool) -> Environment:
    try:
        environment = lifecycle.find(by, ident)
    except NotFound:
        if not create_missing:
            raise Invalid.field(field, f"there is no environment {ident}; create it, or say create_missing.") from None
        try:
            return _made(ident, by=by)
        except (Conflict, Invalid) as refusal:
            told = f"{ident}: {' '.join(str(error['message']) for error in refusal.errors) or refusal.detail}"
            about = [{"field": field, "message": told}]
            raise type(refusal)(f"{field}: {told}", code=refusal.code, errors=about) from None
    if environment.kind != Environment.Kind.PERMANENT:
        raise Invalid.field(field, f"{environment.title} is ephemeral; a stage holds permanent environments.")
    return environment


def _made(name: str, *, by: Actor, **fields: Any) -> Environment:
    """What a chain creates, however it is asked to: where its name says production, it is protected from the start."""
    production = lifecycle.tier_of(name) == Environment.Tier.PRODUCTION
    return lifecycle.create(by=by, name=name, protected=production, provisioner=hosts.usual_provisioner(), **fields)


def _write(chain: Chain, places: Sequence[tuple[str, Sequence[Environment]]]) -> None:
    made = Stage.objects.bulk_create(
        [Stage(chain=chain, position=index, name=title) for index, (title, _) in enumerate(places)]
    )
    StageEnvironment.objects.bulk_create(
        StageEnvironment(chain=chain, stage=stage, environment=environment, position=position)
        for stage, (_, environments) in zip(made, places, strict=True)
        for position, environment in enumerate(environments)
    )


def _name(name: str, field: str) -> str:
    name = " ".join(name.split())
    if not 0 < len(name) <= 100:
        raise Invalid.field(field, "1 to 100 characters.")
    return name


def _record(kind: str, chain: Chain, *, by: Actor, **data: Any) -> None:
    stages = stages_of(chain)
    events.record(
        kind,
        by=by,
        object={"kind": "chain", "id": chain.id, "name": chain.name},
        project_id=chain.project_id,
        # By their own names alone: the log of the organization is also for those who do not see each environment.
        stages=[stage.name for stage in stages],
        version=_version(stages),
        **data,
    )
