"""Named shell steps with inputs, run in an environment by its worker."""

import uuid

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F
from django.db.models.functions import Lower, Upper
from django.utils import timezone

from projects.models.organization import Organization
from projects.models.project import Project


class Workflow(models.Model):
    """`inputs` is `{name: {n, type, required, default, options, description}}`, `steps` as in a manifest."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="workflows")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="workflows")
    name = models.CharField(max_length=100)
    description = models.TextField(blank=True, default="")
    inputs = models.JSONField(default=dict, blank=True)
    steps = models.JSONField(default=list)
    created_by = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "project", Lower("name"), condition=models.Q(archived_at=None), name="workflow_name_unique"
            )
        ]
        indexes = [
            models.Index(fields=["organization", "created_at", "id"], name="workflow_oldest"),
            models.Index("organization", Lower("name"), "id", name="workflow_by_name"),
            GinIndex(F("organization"), OpClass(Upper("name"), name="gin_trgm_ops"), name="workflow_by_words"),
        ]

    def __str__(self) -> str:
        return self.name
