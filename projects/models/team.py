"""A group of agents, which share configuration."""

import uuid

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F
from django.db.models.functions import Lower, Upper
from django.utils import timezone

from projects.models.organization import Organization
from projects.models.project import Project


class Team(models.Model):
    """It works for the projects it is assigned to."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="teams")
    name = models.CharField(max_length=100)
    description = models.TextField(blank=True, default="")
    configuration = models.JSONField(default=dict, blank=True)
    mcp_servers = models.JSONField(default=dict, blank=True)
    required_secrets = models.JSONField(default=list, blank=True)
    projects = models.ManyToManyField(Project, blank=True, related_name="teams")
    created_by = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "organization", Lower("name"), condition=models.Q(archived_at=None), name="team_name_unique"
            )
        ]
        indexes = [
            models.Index(fields=["organization", "created_at", "id"], name="team_oldest"),
            models.Index("organization", Lower("name"), "id", name="team_by_name"),
            GinIndex(F("organization"), OpClass(Upper("name"), name="gin_trgm_ops"), name="team_by_words"),
        ]

    def __str__(self) -> str:
        return self.name
