"""The deployable thing inside a project."""

import uuid

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F
from django.db.models.functions import Lower, Upper
from django.utils import timezone

from projects.models.organization import Organization
from projects.models.project import Project


class App(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="apps")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="apps")
    name = models.CharField(max_length=100)
    description = models.TextField(blank=True, default="")
    repository_url = models.CharField(max_length=500, blank=True, default="")
    created_by = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint("project", Lower("name"), name="app_name_unique")]
        indexes = [
            models.Index(fields=["organization", "created_at", "id"], name="app_oldest"),
            models.Index("organization", Lower("name"), "id", name="app_by_name"),
            GinIndex(F("organization"), OpClass(Upper("name"), name="gin_trgm_ops"), name="app_by_words"),
            GinIndex(F("organization"), OpClass(Upper("description"), name="gin_trgm_ops"), name="app_by_description"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_put_away(self) -> bool:
        """Archived, alone or with its project."""
        return self.archived_at is not None or self.project.archived_at is not None
