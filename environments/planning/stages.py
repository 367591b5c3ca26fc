"""Which promotion chain applies, and where an environment stands in it."""

from collections.abc import Sequence

from django.db.models import F, OuterRef, Prefetch, Q, Subquery, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from environments.models import Chain, Environment, Stage, StageEnvironment
from projects.access import Actor
from projects.models import Organization, Project

OUTSIDE = 32_767


def applying_chain(project: Project | None, organization: Organization) -> Chain | None:
    """The project's own chain, else the organization's default, else nothing."""
    return (
        Chain.objects.filter(Q(project=project) | Q(project=None), organization=organization)
        .order_by(F("project_id").asc(nulls_last=True))
        .first()
    )


def applying(project: Project | None, organization: Organization) -> list[Stage]:
    """The stages of the chain that applies, in order, each with its environments: three statements, any size."""
    chain = applying_chain(project, organization)
    return [] if chain is None else stages_of(chain)


def stages_of(chain: Chain) -> list[Stage]:
    places = StageEnvironment.objects.select_related("environment").order_by("position", "id")
    return list(chain.stages.order_by("position").prefetch_related(Prefetch("places", places)))


def environments_of(stage: Stage) -> list[Environment]:
    return [place.environment for place in stage.places.all()]


def standing(stages: Sequence[Stage], environment: Environment) -> int | None:
    """The index of the stage in which the environment stands, `None` where it stands outside."""
    for index, stage in enumerate(stages):
        if any(place.environment_id == environment.id for place in stage.places.all()):
            return index
    return None


def before(stages: Sequence[Stage], environment: Environment) -> Stage | None:
    """The stage a promotion into the environment comes from, `None` for the first stage and outside the chain."""
    index = standing(stages, environment)
    return stages[index - 1] if index else None


def place(chain: Chain | None, *, of: str) -> Combinable:
    """To order rows by where their environment (the column `of`) stands in the chain; others come last."""
    places = StageEnvironment.objects.filter(chain=chain, environment=OuterRef(of)).values("stage__position")
    return Coalesce(Subquery(places[:1]), Value(OUTSIDE))


def told(environment: Environment, *, to: Actor) -> str:
    """Its title to those who see it; to others, who meet it only as a place in a chain, no more than that."""
    return environment.title if to.sees(environment_id=environment.id) else "an environment you do not see"
