"""A group of apps."""

import uuid

from django.db import models
from django.db.models.functions import Upper
from django.utils import timezone

from projects.models.organization import Organization


class Project(models.Model):
    """`restrict_to_environment_id` is the only environment the project may deploy to (upper floor, hence no key)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="projects")
    key = models.CharField(max_length=50)
    name = models.CharField(max_length=100)
    description = models.TextField(blank=True, default="")
    is_default = models.BooleanField(default=False)
    restrict_to_environment_id = models.UUIDField(null=True, blank=True)
    created_by = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("organization", Upper("key"), name="project_key_unique"),
            models.UniqueConstraint(
                fields=["organization"], condition=models.Q(is_default=True), name="project_one_default"
            ),
        ]
        indexes = [models.Index(fields=["organization", "-created_at", "-id"], name="project_newest")]

    def __str__(self) -> str:
        return self.key
