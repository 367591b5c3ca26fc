"""A link by which somebody becomes a member, kept as a digest of its secret."""

import uuid

from django.db import models
from django.utils import timezone

from projects.models.membership import Role
from projects.models.organization import Organization
from projects.models.project import Project
from projects.models.user import User


class Invitation(models.Model):
    """Open until it is accepted, revoked or expired. `invited_by` must still be allowed to give it when it is used."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="invitations")
    invited_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="invited")
    role = models.CharField(max_length=10, choices=Role.choices)
    project = models.ForeignKey(Project, null=True, blank=True, on_delete=models.CASCADE)
    environment_id = models.UUIDField(null=True, blank=True)
    email = models.EmailField(blank=True, default="")
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="accepted")
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="invitation_role_known"),
            models.CheckConstraint(
                condition=models.Q(accepted_at__isnull=True) | models.Q(revoked_at__isnull=True),
                name="invitation_ends_once",
            ),
        ]
        indexes = [models.Index(fields=["organization", "created_at", "id"], name="invitation_oldest")]

    def __str__(self) -> str:
        return self.email or "somebody"
