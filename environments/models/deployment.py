"""Plans, the deployments they became, and the slot that everything about an app in an environment locks."""

import uuid

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper
from django.utils import timezone

from environments.models.environment import Environment
from environments.models.host import Host
from projects.models import App, Organization, Release


class DeploymentKind(models.TextChoices):
    DEPLOY = "deploy"
    PROMOTION = "promotion"
    ROLLBACK = "rollback"
    REDEPLOY = "redeploy"
    REMOVAL = "removal"


class ConfigurationChoice(models.TextChoices):
    """Which values a deployment runs with: those of now, those of what is live there, or those of an earlier one."""

    LATEST = "latest"
    PINNED = "pinned"
    OF_DEPLOYMENT = "of_deployment"


class Plan(models.Model):
    """A stored proposal. `gates` is `[{code, passed, sentence, fix_url}]`; `digest` covers all that was decided."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT)
    app = models.ForeignKey(App, on_delete=models.PROTECT)
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT)
    kind = models.CharField(max_length=10, choices=DeploymentKind.choices)
    release = models.ForeignKey(Release, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    from_release = models.ForeignKey(Release, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    returns_to = models.ForeignKey("Deployment", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    configuration = models.CharField(
        max_length=13, choices=ConfigurationChoice.choices, default=ConfigurationChoice.LATEST
    )
    configuration_from = models.ForeignKey(
        "Deployment", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    bypass = models.BooleanField(default=False)
    lift_hold = models.BooleanField(default=False)
    reason = models.TextField(blank=True, default="")
    link = models.CharField(max_length=500, blank=True, default="")
    changes = models.JSONField(default=list)
    configuration_changes = models.JSONField(default=list)
    gates = models.JSONField(default=list)
    blocked = models.BooleanField()
    digest = models.CharField(max_length=64)
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="plan_oldest")]

    def __str__(self) -> str:
        return f"{self.kind} {self.release or ''}"


class Deployment(models.Model):
    """Immutable (a trigger refuses updates): intent and pins. Its outcome is its run's.

    `number` rises within the slot. `returns_to` is the deployment whose directory a rollback goes back to.
    `pins` is `[[key, version id]]`, what its configuration came to when it was planned, and `pins_digest` is over them.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT)
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="deployments")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="deployments")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=DeploymentKind.choices)
    release = models.ForeignKey(Release, null=True, blank=True, on_delete=models.PROTECT, related_name="deployments")
    previous_release = models.ForeignKey(Release, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    returns_to = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    plan = models.OneToOneField(Plan, on_delete=models.PROTECT, related_name="deployment")
    bypass = models.BooleanField(default=False)
    configuration = models.CharField(
        max_length=13, choices=ConfigurationChoice.choices, default=ConfigurationChoice.LATEST
    )
    pins = models.JSONField(default=list)
    pins_digest = models.CharField(max_length=64, blank=True, default="")
    reason = models.TextField(blank=True, default="")
    link = models.CharField(max_length=500, blank=True, default="")
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["app", "environment", "number"], name="deployment_number_unique"),
            models.CheckConstraint(
                condition=Q(release__isnull=False) | Q(kind="removal"), name="deployment_names_a_release"
            ),
        ]
        indexes = [models.Index(fields=["organization", "-created_at", "-id"], name="deployment_newest")]

    def __str__(self) -> str:
        return f"{self.kind} {self.release or ''}"


class Slot(models.Model):
    """One app in one environment. `overtaken` is how many keys would have other values than what runs has.

    `services`, as last observed: `[{name, state, pid, port, restarts, exit, line}]`.

    `astray_since`: from when on something else was observed than what should be live.
    """

    class Condition(models.TextChoices):
        OK = "ok"
        DEGRADED = "degraded"
        DRIFTED = "drifted"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT)
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="slots")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="slots")
    target = models.ForeignKey(Deployment, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    live = models.ForeignKey(Deployment, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    previous = models.ForeignKey(Deployment, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    observed = models.ForeignKey(Deployment, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    observed_at = models.DateTimeField(null=True, blank=True)
    observed_by = models.UUIDField(null=True, blank=True)
    live_since = models.DateTimeField(null=True, blank=True)
    services = models.JSONField(default=list)
    overtaken = models.PositiveIntegerField(default=0)
    condition = models.CharField(max_length=10, choices=Condition.choices, default=Condition.OK)
    condition_reason = models.TextField(blank=True, default="")
    condition_since = models.DateTimeField(null=True, blank=True)
    astray_since = models.DateTimeField(null=True, blank=True)
    placement = models.ForeignKey(Host, null=True, blank=True, on_delete=models.PROTECT)
    last_number = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "environment"], name="slot_unique")]
        indexes = [models.Index(fields=["environment", "app"], name="slot_by_environment")]

    def __str__(self) -> str:
        return f"{self.app} in {self.environment}"


class Hold(models.Model):
    """Tokens and automation keep their hands off this slot until someone lifts it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT)
    slot = models.ForeignKey(Slot, on_delete=models.PROTECT, related_name="holds")
    reason = models.TextField(blank=True, default="")
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)
    lifted_by = models.CharField(max_length=200, blank=True, default="")
    lifted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["slot"], condition=Q(lifted_at__isnull=True), name="hold_one_at_a_time")
        ]

    def __str__(self) -> str:
        return self.reason


class Endpoint(models.Model):
    """(environment, app, service): one address for life; released by removal or termination.

    `linked_at`: since when the proxy of this installation's machine has a file for it; none once that is taken away.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT)
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="endpoints")
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="endpoints")
    service = models.CharField(max_length=63)
    host = models.ForeignKey(Host, on_delete=models.PROTECT)
    port = models.PositiveIntegerField()
    linked_at = models.DateTimeField(null=True, blank=True)
    released_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["environment", "app", "service"],
                condition=Q(released_at__isnull=True),
                name="endpoint_unique",
            ),
            models.UniqueConstraint(
                fields=["host", "port"], condition=Q(released_at__isnull=True), name="endpoint_port_unique"
            ),
        ]
        indexes = [
            models.Index(
                fields=["host"],
                condition=Q(released_at__isnull=False, linked_at__isnull=False),
                name="endpoint_to_close",
            ),
            models.Index(
                fields=["organization", "-created_at", "-id"],
                condition=Q(released_at__isnull=True),
                name="endpoint_newest",
            ),
            models.Index(
                fields=["organization", "port"], condition=Q(released_at__isnull=True), name="endpoint_by_port"
            ),
            GinIndex(F("organization"), OpClass(Upper("service"), name="gin_trgm_ops"), name="endpoint_by_service"),
        ]

    def __str__(self) -> str:
        return self.url

    @property
    def url(self) -> str:
        return f"http://{self.host.address}:{self.port}"
