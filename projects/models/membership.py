"""Who belongs to an organization, and what each may do where."""

import uuid

from django.db import models
from django.utils import timezone

from projects.models.organization import Organization
from projects.models.project import Project
from projects.models.user import User


class Role(models.TextChoices):
    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"
    OWNER = "owner"


class Membership(models.Model):
    """Deactivated it keeps its grants and gives none of them."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    created_at = models.DateTimeField(default=timezone.now)
    deactivated_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "user"], name="membership_unique")]

    def __str__(self) -> str:
        return f"{self.user} in {self.organization}"


class Grant(models.Model):
    """One role, in one project or all, in one environment or all (`environment_id` points to the upper floor)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="grants")
    role = models.CharField(max_length=10, choices=Role.choices)
    project = models.ForeignKey(Project, null=True, blank=True, on_delete=models.CASCADE)
    environment_id = models.UUIDField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["membership", "role", "project", "environment_id"],
                nulls_distinct=False,
                name="grant_unique",
            ),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="grant_role_known"),
        ]

    def __str__(self) -> str:
        return self.role
