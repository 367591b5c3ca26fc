"""A group of apps, agents, teams and workflows."""

import uuid

from django.db import models
from django.db.models.functions import Upper
from django.utils import timezone

from projects.models.organization import Organization


class Visibility(models.TextChoices):
    ORG = "org"
    PRIVATE = "private"


class Project(models.Model):
    """`restrict_to_environment_id` is the only environment the project may deploy to (upper floor, hence no key).

    A private one is seen by owners and by those who have a role that names it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="projects")
    key = models.CharField(max_length=50)
    name = models.CharField(max_length=100)
    description = models.TextField(blank=True, default="")
    goals = models.TextField(blank=True, default="")
    visibility = models.CharField(max_length=7, choices=Visibility.choices, default=Visibility.ORG)
    default_model = models.CharField(max_length=200, blank=True, default="")
    settings = models.JSONField(default=dict, blank=True)
    is_default = models.BooleanField(default=False)
    restrict_to_environment_id = models.UUIDField(null=True, blank=True)
    created_by = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("organization", Upper("key"), name="project_key_unique"),
            models.UniqueConstraint(
                fields=["organization"], condition=models.Q(is_default=True), name="project_one_default"
            ),
            models.CheckConstraint(
                condition=models.Q(visibility__in=Visibility.values), name="project_visibility_known"
            ),
            models.CheckConstraint(
                condition=models.Q(is_default=False) | models.Q(visibility="org", archived_at=None),
                name="project_default_is_open",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "-created_at", "-id"], name="project_newest"),
            models.Index(
                fields=["organization", "id"], condition=models.Q(visibility="private"), name="project_private"
            ),
        ]

    def __str__(self) -> str:
        return self.key


class DeletedPrivateProject(models.Model):
    """A private project that is gone: what the log tells of it stays hidden from those who did not see it."""

    id = models.UUIDField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["organization", "id"], name="deleted_private_project")]

    def __str__(self) -> str:
        return str(self.id)
