"""An isolated execution context: where releases live."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone

from environments.models.host import Host
from projects.models import Organization, Project


class State(models.TextChoices):
    PENDING = "pending"
    PROVISIONING = "provisioning"
    RUNNING = "running"
    SLEEPING = "sleeping"
    HIBERNATING = "hibernating"
    STOPPING = "stopping"
    STOPPED = "stopped"
    ERROR = "error"
    TERMINATING = "terminating"


# What a search looks into, a line for each: name, display name, description, who made it, tags; in small letters.
WORDS = models.Func(
    *(models.F(name) for name in ("name", "display_name", "description", "created_by", "tags")),
    function="environment_words",
    output_field=models.TextField(),
)


class Environment(models.Model):
    """`state` is written by `environments.states` alone; `wanted` is the operator's wish.

    `deleted_at` is when deletion was accepted (the name is free from then on), `terminated_at` when all it had was
    gone. It inherits the configuration of `based_on`. `desired_version` rises with everything its workers should fetch
    anew.
    """

    class Kind(models.TextChoices):
        PERMANENT = "permanent"
        EPHEMERAL = "ephemeral"

    class Tier(models.TextChoices):
        DEVELOPMENT = "development"
        STAGING = "staging"
        PRODUCTION = "production"
        OTHER = "other"

    class Wanted(models.TextChoices):
        ACTIVE = "active"
        INACTIVE = "inactive"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="environments")
    project = models.ForeignKey(Project, null=True, blank=True, on_delete=models.PROTECT)
    name = models.CharField(max_length=110)
    display_name = models.CharField(max_length=100, blank=True, default="")
    description = models.TextField(blank=True, default="")
    tags = ArrayField(models.CharField(max_length=50), default=list, blank=True)
    priority = models.PositiveSmallIntegerField(default=5, validators=[MinValueValidator(1), MaxValueValidator(10)])
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.PERMANENT)
    based_on = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="heirs")
    tier = models.CharField(max_length=12, choices=Tier.choices, default=Tier.OTHER)
    protected = models.BooleanField(default=False)
    is_default = models.BooleanField(default=False)
    wanted = models.CharField(max_length=10, choices=Wanted.choices, default=Wanted.ACTIVE)
    state = models.CharField(max_length=12, choices=State.choices, default=State.PENDING)
    state_changed_at = models.DateTimeField(default=timezone.now)
    error_message = models.TextField(blank=True, default="")
    namespace = models.CharField(max_length=120, unique=True)
    provisioner = models.CharField(max_length=20, default="process")
    host = models.ForeignKey(Host, null=True, blank=True, on_delete=models.PROTECT)
    directory = models.CharField(max_length=500, blank=True, default="")
    service_first = models.PositiveIntegerField(default=0)
    service_count = models.PositiveIntegerField(default=0)
    configuration = models.JSONField(default=dict, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    settings = models.JSONField(default=dict, blank=True)
    required_secrets = ArrayField(models.CharField(max_length=128), default=list, blank=True)
    mcp_servers = models.JSONField(default=dict, blank=True)
    resources = models.JSONField(default=dict, blank=True)
    desired_version = models.BigIntegerField(default=1)
    expires_at = models.DateTimeField(null=True, blank=True)
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)
    provisioned_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    terminated_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "organization", Lower("name"), condition=Q(deleted_at__isnull=True), name="environment_name_unique"
            ),
            models.UniqueConstraint(
                fields=["organization"], condition=Q(is_default=True), name="environment_one_default"
            ),
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True) | Q(kind="ephemeral"), name="environment_ttl_only_on_ephemeral"
            ),
            models.CheckConstraint(condition=Q(priority__range=(1, 10)), name="environment_priority_range"),
            models.CheckConstraint(condition=Q(state__in=State.values), name="environment_state_known"),
            models.CheckConstraint(condition=Q(is_default=False) | Q(deleted_at__isnull=True), name="default_stays"),
        ]
        indexes = [
            models.Index(fields=["organization", "created_at", "id"], name="environment_oldest"),
            models.Index(
                F("organization"),
                F("priority").desc(),
                Lower("name"),
                F("id"),
                condition=Q(terminated_at__isnull=True),
                name="environment_by_name",
            ),
            models.Index(
                F("organization"),
                Lower("display_name"),
                condition=Q(deleted_at__isnull=True),
                name="environment_by_display_name",
            ),
            models.Index(
                fields=["organization", "state"], condition=Q(terminated_at__isnull=True), name="environment_by_state"
            ),
            GinIndex(
                F("organization"),
                OpClass(WORDS, name="gin_trgm_ops"),
                condition=Q(terminated_at__isnull=True),
                name="environment_by_words",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def title(self) -> str:
        return self.display_name or self.name


class Account(models.Model):
    """What the host holds for an environment's worker (`project` null) or for one project in it.

    `uid` is null where the host cannot separate; a uid is never given twice, hence rows stay after `removed_at`.
    """

    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="accounts")
    project = models.ForeignKey(Project, null=True, blank=True, on_delete=models.PROTECT)
    host = models.ForeignKey(Host, on_delete=models.PROTECT)
    uid = models.PositiveIntegerField(null=True, blank=True)
    prepared_at = models.DateTimeField(null=True, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["environment", "project"], nulls_distinct=False, name="account_unique"),
            models.UniqueConstraint(fields=["host", "uid"], name="account_uid_never_reused"),
        ]

    def __str__(self) -> str:
        return str(self.uid)


class Sample(models.Model):
    """What an environment's processes used at one moment: `cpu` in cores, `memory` and `storage` in bytes."""

    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="samples")
    at = models.DateTimeField(default=timezone.now)
    cpu = models.FloatField()
    memory = models.BigIntegerField()
    storage = models.BigIntegerField()

    class Meta:
        indexes = [
            models.Index(fields=["environment", "-at"], name="sample_latest"),
            models.Index(fields=["at"], name="sample_oldest"),
        ]

    def __str__(self) -> str:
        return f"{self.at}"
