"""What work is given access to elsewhere: an account at a service, with its settings and keys of secrets."""

import uuid

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone

from environments.models.environment import Environment
from projects.models import Organization


class IntegrationType(models.TextChoices):
    GITHUB = "github", "GitHub"
    GITLAB = "gitlab", "GitLab"
    SLACK = "slack", "Slack"
    HTTP = "http", "HTTP"
    POSTGRESQL = "postgresql", "PostgreSQL"
    REDIS = "redis", "Redis"


class Integration(models.Model):
    """`settings` are plain, `secrets` hold for each credential the KEY of a secret, and never a value: which secret
    that is, is resolved where the integration is enabled. The type never changes.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="integrations")
    name = models.CharField(max_length=64)
    type = models.CharField(max_length=12, choices=IntegrationType.choices)
    description = models.TextField(blank=True, default="")
    settings = models.JSONField(default=dict)
    secrets = models.JSONField(default=dict)
    probed_at = models.DateTimeField(null=True, blank=True)
    probe_code = models.CharField(max_length=32, blank=True, default="")
    probe_error = models.TextField(blank=True, default="")
    probed_in = models.ForeignKey(Environment, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(F("organization"), Lower("name"), name="integration_name_unique"),
            # What other rows refer to together, so that they are of the same organization.
            models.UniqueConstraint(fields=["organization", "id"], name="integration_of_organization"),
            models.CheckConstraint(
                condition=Q(probed_at__isnull=False) | Q(probe_code="", probe_error="", probed_in=None),
                name="integration_probe_has_a_time",
            ),
        ]
        indexes = [models.Index(fields=["organization", "created_at", "id"], name="integration_oldest")]

    def __str__(self) -> str:
        return self.name

    @property
    def connected(self) -> bool:
        """Whether it answered as it should when it was asked the last time."""
        return self.probed_at is not None and not self.probe_code
