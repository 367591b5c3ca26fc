"""A credential for scripts and CI, hashed at rest, never above its maker's present rights."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from projects.models.membership import Role
from projects.models.organization import Organization
from projects.models.user import User


class AccessToken(models.Model):
    """`project_ids` and `environment_ids` narrow the token; empty means all. `made_by`: no person, but their token."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="tokens")
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="tokens")
    made_by = models.ForeignKey("self", on_delete=models.PROTECT, related_name="made", null=True, blank=True)
    name = models.CharField(max_length=100)
    role = models.CharField(max_length=10, choices=Role.choices)
    project_ids = ArrayField(models.UUIDField(), default=list, blank=True)
    environment_ids = ArrayField(models.UUIDField(), default=list, blank=True)
    digest = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=8)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "organization",
                Lower("name"),
                condition=models.Q(revoked_at__isnull=True),
                name="access_token_name_unique",
            ),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="access_token_role_known"),
        ]

    def __str__(self) -> str:
        return self.name
