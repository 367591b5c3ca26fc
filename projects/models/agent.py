"""Something that works by itself: a model with a prompt, or a command, run in an environment by its worker."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F
from django.db.models.functions import Lower, Upper
from django.utils import timezone

from projects.models.organization import Organization
from projects.models.project import Project
from projects.models.team import Team


class Agent(models.Model):
    """It has at most one team, and works for the projects it is assigned to."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="agents")
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.PROTECT, related_name="agents")
    name = models.CharField(max_length=100)
    description = models.TextField(blank=True, default="")
    model_id = models.CharField(max_length=200, blank=True, default="")
    runtime = models.CharField(max_length=100, blank=True, default="")
    runner_name = models.CharField(max_length=100, blank=True, default="")
    capabilities = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    configuration = models.JSONField(default=dict, blank=True)
    llm_config = models.JSONField(default=dict, blank=True)
    system_prompt = models.TextField(blank=True, default="")
    command = models.TextField(blank=True, default="")
    mcp_servers = models.JSONField(default=dict, blank=True)
    required_secrets = models.JSONField(default=list, blank=True)
    projects = models.ManyToManyField(Project, blank=True, related_name="agents")
    created_by = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "organization", Lower("name"), condition=models.Q(archived_at=None), name="agent_name_unique"
            )
        ]
        indexes = [
            models.Index(fields=["organization", "created_at", "id"], name="agent_oldest"),
            models.Index("organization", Lower("name"), "id", name="agent_by_name"),
            GinIndex(F("organization"), OpClass(Upper("name"), name="gin_trgm_ops"), name="agent_by_words"),
        ]

    def __str__(self) -> str:
        return self.name
