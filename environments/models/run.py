"""One piece of work with steps and logs. The row is the queue; `environments.runs` alone writes its phase."""

import uuid

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Upper
from django.utils import timezone

from environments.models.deployment import Deployment
from environments.models.environment import Environment
from environments.models.host import Host
from environments.models.worker import Worker
from projects.models import Agent, App, Artifact, Organization, Project, Workflow


class Phase(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ERRORED = "errored"
    CANCELLED = "cancelled"


UNFINISHED = (Phase.QUEUED, Phase.RUNNING)


class RunKind(models.TextChoices):
    PROVISION = "provision"
    START = "start"
    STOP = "stop"
    TERMINATE = "terminate"
    PREPARE = "prepare"
    DEPLOY = "deploy"
    RESTART = "restart"
    FETCH = "fetch"
    WORKFLOW = "workflow"
    AGENT = "agent"


LIFECYCLE_KINDS = (RunKind.PROVISION, RunKind.START, RunKind.STOP, RunKind.TERMINATE)
# What a worker does once, in a directory of its own, with the configuration that holds at that moment.
ERRAND_KINDS = (RunKind.WORKFLOW, RunKind.AGENT)
WORKER_KINDS = (RunKind.DEPLOY, RunKind.RESTART, *ERRAND_KINDS)


class Run(models.Model):
    """`attempt` is the fencing number; a run waits until the one it comes `after` has succeeded.

    `specification` holds what the asking room decided (never a secret), `inputs` what a workflow or agent was given.
    `ends` keeps how the attempts before
    the present one ended, `{"1": "cancelled", "2": "lost"}`. Times of claim, lease and finish come from
    the database's clock. `traceparent` is the trace of whoever asked for it.
    """

    class CarriedBy(models.TextChoices):
        CONTROL = "control"
        WORKER = "worker"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.BigIntegerField(
        db_default=Func(Value("run_number"), function="nextval"), unique=True, editable=False
    )
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT)
    environment = models.ForeignKey(Environment, null=True, blank=True, on_delete=models.PROTECT, related_name="runs")
    project = models.ForeignKey(Project, null=True, blank=True, on_delete=models.PROTECT)
    app = models.ForeignKey(App, null=True, blank=True, on_delete=models.PROTECT, related_name="runs")
    deployment = models.OneToOneField(Deployment, null=True, blank=True, on_delete=models.PROTECT, related_name="run")
    artifact = models.ForeignKey(Artifact, null=True, blank=True, on_delete=models.PROTECT)
    workflow = models.ForeignKey(Workflow, null=True, blank=True, on_delete=models.PROTECT, related_name="runs")
    agent = models.ForeignKey(Agent, null=True, blank=True, on_delete=models.PROTECT, related_name="runs")
    inputs = models.JSONField(default=dict, db_default={}, blank=True)
    service = models.CharField(max_length=63, blank=True, default="")
    kind = models.CharField(max_length=10, choices=RunKind.choices)
    carried_by = models.CharField(max_length=10, choices=CarriedBy.choices)
    phase = models.CharField(max_length=10, choices=Phase.choices, default=Phase.QUEUED)
    attempt = models.PositiveSmallIntegerField(default=0)
    max_attempts = models.PositiveSmallIntegerField(default=3)
    priority = models.PositiveSmallIntegerField(default=5)
    after = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="followers")
    host = models.ForeignKey(Host, null=True, blank=True, on_delete=models.PROTECT)
    not_before = models.DateTimeField(null=True, blank=True)
    worker = models.ForeignKey(Worker, null=True, blank=True, on_delete=models.PROTECT, related_name="runs")
    claimant = models.CharField(max_length=200, blank=True, default="")
    claim_key = models.CharField(max_length=100, blank=True, default="")
    lease_until = models.DateTimeField(null=True, blank=True)
    cancel_asked_at = models.DateTimeField(null=True, blank=True)
    cancel_asked_by = models.CharField(max_length=200, blank=True, default="")
    sealed_at = models.DateTimeField(null=True, blank=True)
    deadline_at = models.DateTimeField(null=True, blank=True)
    timeout_seconds = models.PositiveIntegerField(default=3600)
    specification = models.JSONField(default=dict)
    reason = models.TextField(blank=True, default="")
    last_lines = models.JSONField(default=list)
    ends = models.JSONField(default=dict, db_default={})
    log_size = models.PositiveIntegerField(default=0)
    traceparent = models.CharField(max_length=55, blank=True, default="", db_default="")
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["environment", "app"],
                condition=Q(kind="deploy", phase__in=UNFINISHED),
                name="run_one_deployment_at_a_time",
            ),
            models.UniqueConstraint(
                fields=["environment"],
                condition=Q(kind__in=LIFECYCLE_KINDS, phase__in=UNFINISHED),
                name="run_one_lifecycle_at_a_time",
            ),
            models.CheckConstraint(condition=Q(phase__in=Phase.values), name="run_phase_known"),
        ]
        indexes = [
            models.Index(
                fields=["carried_by", "-priority", "created_at", "id"],
                condition=Q(phase="queued"),
                name="run_queue",
            ),
            models.Index(fields=["lease_until"], condition=Q(phase="running"), name="run_leases"),
            models.Index(fields=["organization", "-created_at", "-id"], name="run_newest"),
            models.Index(fields=["finished_at"], name="run_ended"),
            models.Index(fields=["environment", "-created_at", "-id"], name="run_newest_by_environment"),
            models.Index(
                fields=["workflow", "-created_at", "-id"],
                condition=Q(workflow__isnull=False),
                name="run_newest_of_workflow",
            ),
            models.Index(
                fields=["agent", "-created_at", "-id"], condition=Q(agent__isnull=False), name="run_newest_of_agent"
            ),
            models.Index(fields=["organization", "finished_at"], condition=Q(log_size__gt=0), name="run_logs_by_age"),
            GinIndex(F("organization"), OpClass(Upper("reason"), name="gin_trgm_ops"), name="run_by_reason"),
        ]

    def __str__(self) -> str:
        return f"#{self.number} {self.kind}"


class RunStep(models.Model):
    """`phase` is pending, running, succeeded, failed, skipped or cancelled."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="steps")
    attempt = models.PositiveSmallIntegerField()
    n = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=100)
    phase = models.CharField(max_length=10, default="pending")
    detail = models.TextField(blank=True, default="")
    exit_code = models.IntegerField(null=True, blank=True)
    once = models.BooleanField(default=False)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["attempt", "n"]
        constraints = [models.UniqueConstraint(fields=["run", "attempt", "n"], name="run_step_unique")]

    def __str__(self) -> str:
        return self.name


class LogChunk(models.Model):
    """Lines of one attempt, `[{at, step, stream, text}]`, beginning at line `offset` (from 0). `size` in bytes."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="log_chunks")
    attempt = models.PositiveSmallIntegerField()
    offset = models.PositiveIntegerField()
    count = models.PositiveIntegerField()
    size = models.PositiveIntegerField()
    lines = models.JSONField()

    class Meta:
        ordering = ["attempt", "offset"]
        constraints = [models.UniqueConstraint(fields=["run", "attempt", "offset"], name="log_chunk_unique")]

    def __str__(self) -> str:
        return f"{self.offset}+{self.count}"


class ServiceLogChunk(models.Model):
    """Lines a live service wrote, `[{at, stream, text}]`, beginning at line `offset` of that deployment's service.

    `written` counts the bytes that the app's service wrote in the environment so far, these lines included, over all
    its deployments: by it is known what is too old to be kept.
    """

    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="service_logs")
    app = models.ForeignKey(App, on_delete=models.CASCADE)
    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE)
    service = models.CharField(max_length=63)
    offset = models.PositiveIntegerField()
    count = models.PositiveIntegerField()
    size = models.PositiveIntegerField()
    written = models.BigIntegerField(default=0)
    lines = models.JSONField()
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["deployment", "service", "offset"], name="service_log_chunk_unique")
        ]
        indexes = [
            models.Index(fields=["environment", "app", "service", "-id"], name="service_log_latest"),
            models.Index(fields=["at"], name="service_log_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.service} {self.offset}+{self.count}"
