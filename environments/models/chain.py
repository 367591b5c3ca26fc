"""The ordered stages a release travels through."""

import uuid

from django.db import models
from django.utils import timezone

from environments.models.environment import Environment
from projects.models import Organization, Project


class Chain(models.Model):
    """The organization's default (`project` null) or one project's own."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="chains")
    project = models.ForeignKey(Project, null=True, blank=True, on_delete=models.PROTECT)
    name = models.CharField(max_length=100)
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "project"], nulls_distinct=False, name="chain_unique")
        ]

    def __str__(self) -> str:
        return self.name


class Stage(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    chain = models.ForeignKey(Chain, on_delete=models.CASCADE, related_name="stages")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=100)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["chain", "position"], deferrable=models.Deferrable.DEFERRED, name="stage_position_unique"
            )
        ]

    def __str__(self) -> str:
        return self.name


class StageEnvironment(models.Model):
    """An environment stands in one stage of a chain at most."""

    chain = models.ForeignKey(Chain, on_delete=models.CASCADE)
    stage = models.ForeignKey(Stage, on_delete=models.CASCADE, related_name="places")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="places")
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["chain", "environment"], name="environment_once_in_a_chain"),
        ]

    def __str__(self) -> str:
        return f"{self.stage}: {self.environment}"
