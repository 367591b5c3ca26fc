"""REST: what wishes about deliveries carry, and what is told of plans, deployments and holds."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from ninja import Schema
from pydantic import Field

from environments.api.schemas.runs import PhaseName
from projects.rest.shapes import Wish

ConfigurationName = Literal["latest", "pinned", "of_deployment"]
CONFIGURATION = (
    "Values of now (default for deploy and promotion), of what is live there, or of an earlier deployment (default for "
    "a rollback)."
)
KindName = Literal["deploy", "promotion", "rollback", "redeploy", "removal"]
CONFIRM = "The environment's name (with environment_ids the stage's); required where it is protected."


class Said(Wish):
    """What every wish may carry."""

    confirm: str | None = Field(None, description=CONFIRM)


class PlanIn(Said):
    kind: KindName | None = Field(
        None, description="Omitted: redeploy of what is live, promotion into a later stage, else deploy."
    )
    app_id: UUID | None = None
    release_id: UUID | None = None
    environment_id: UUID
    to_deployment_id: UUID | None = None
    configuration: ConfigurationName | None = Field(None, description=CONFIGURATION)
    bypass: bool = False
    lift_hold: bool = False


class DeploymentIn(Said):
    plan_id: UUID


class PromotionIn(Said):
    app_id: UUID | None = None
    release_id: UUID | None = Field(None, description="Omitted: what is live in the previous stage.")
    environment_id: UUID | None = None
    environment_ids: list[UUID] | None = Field(None, description="Environments of one stage: all or none.")
    configuration: ConfigurationName | None = Field(None, description=CONFIGURATION)
    bypass: bool = False
    lift_hold: bool = False
    dry_run: bool = False


class RollbackIn(Said):
    app_id: UUID
    environment_id: UUID
    release_id: UUID | None = None
    to_deployment_id: UUID | None = None
    configuration: ConfigurationName | None = Field(None, description=CONFIGURATION)
    dry_run: bool = False


class RemovalIn(Said):
    app_id: UUID
    environment_id: UUID
    dry_run: bool = False


class RestartIn(Wish):
    app_id: UUID
    service: str


class HoldIn(Wish):
    app_id: UUID
    environment_id: UUID


class ChangeOut(Schema):
    release_id: UUID
    version: str
    commit: str
    notes: str
    changes: list[str]
    link: str
    created_by: str
    created_at: datetime
    taken_back: bool


class ValueChangeOut(Schema):
    """`then`: what the earlier deployment ran with, where its values are taken up; a secret's value is dots."""

    key: str
    before: str | None
    after: str | None
    then: str | None = None
    before_version: int | None = None
    after_version: int | None = None
    then_version: int | None = None
    masked: bool = False


class GateOut(Schema):
    code: str
    passed: bool
    sentence: str
    fix_url: str


class PlanOut(Schema):
    id: UUID
    kind: KindName
    app_id: UUID
    release_id: UUID | None
    version: str
    from_release_id: UUID | None
    from_version: str
    environment_id: UUID
    to_deployment_id: UUID | None
    configuration: ConfigurationName
    bypass: bool
    lift_hold: bool
    reason: str
    link: str
    changes: list[ChangeOut]
    configuration_changes: list[ValueChangeOut]
    gates: list[GateOut]
    blocked: bool
    digest: str
    created_by: str
    created_at: datetime
    expires_at: datetime


class DeploymentOut(Schema):
    """`pins_digest`: over the keys and versions it runs with, and over no value."""

    id: UUID
    number: int
    configuration: ConfigurationName
    pins_digest: str
    kind: KindName
    app_id: UUID
    release_id: UUID | None
    version: str
    environment_id: UUID
    plan_id: UUID
    phase: PhaseName
    reason: str
    link: str
    bypass: bool
    previous_release_id: UUID | None
    to_deployment_id: UUID | None
    run_id: UUID
    created_by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class DeploymentsOut(Schema):
    deployments: list[DeploymentOut]


class PlansOut(Schema):
    plans: list[PlanOut]


class HoldOut(Schema):
    id: UUID
    app_id: UUID
    environment_id: UUID
    reason: str
    created_by: str
    created_at: datetime
