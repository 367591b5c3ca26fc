"""Processes that execute the runs of one environment, and the tokens that let them register."""

import uuid

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper
from django.utils import timezone

from environments.models.environment import Environment
from environments.models.host import Host
from projects.models import Organization


class Worker(models.Model):
    """One registered process. Alive while `lease_until` lies ahead on the database's clock."""

    class Kind(models.TextChoices):
        BUILTIN = "builtin"
        JOINED = "joined"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT)
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="workers")
    host = models.ForeignKey(Host, null=True, blank=True, on_delete=models.PROTECT)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    hostname = models.CharField(max_length=255)
    version = models.CharField(max_length=40, blank=True, default="")
    session_digest = models.CharField(max_length=64, unique=True)
    status = models.CharField(max_length=20, default="idle")
    tasks_processed = models.PositiveIntegerField(default=0)
    system_info = models.JSONField(default=dict)
    metadata = models.JSONField(default=dict)
    lease_until = models.DateTimeField()
    last_heartbeat_at = models.DateTimeField()
    registered_at = models.DateTimeField(default=timezone.now)
    lost_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["environment"],
                condition=Q(kind="builtin", ended_at__isnull=True),
                name="worker_one_builtin",
            )
        ]
        indexes = [
            models.Index(fields=["environment", "-registered_at"], name="worker_latest"),
            models.Index(fields=["organization", "-registered_at", "-id"], name="worker_newest"),
            GinIndex(F("organization"), OpClass(Upper("hostname"), name="gin_trgm_ops"), name="worker_by_hostname"),
        ]

    def __str__(self) -> str:
        return self.hostname


class WorkerToken(models.Model):
    """It can only register, as a worker of its kind. Sealed at rest; found by its digest."""

    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="worker_tokens")
    kind = models.CharField(max_length=10, choices=Worker.Kind.choices, default=Worker.Kind.JOINED)
    sealed = models.BinaryField()
    digest = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=8)
    created_at = models.DateTimeField(default=timezone.now)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["environment", "kind"], name="worker_token_one_of_a_kind")]

    def __str__(self) -> str:
        return self.hint
