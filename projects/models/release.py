"""An immutable version of an app (a trigger refuses every update)."""

import uuid

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F
from django.db.models.functions import Upper
from django.utils import timezone

from projects.models.app import App
from projects.models.artifact import Artifact
from projects.models.organization import Organization


class Release(models.Model):
    """`manifest` is the checked form of `projects.manifests`: steps, services, requires. `serial` orders by cutting."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    serial = models.BigIntegerField()
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT)
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="releases")
    version = models.CharField(max_length=64)
    commit = models.CharField(max_length=64, blank=True, default="")
    notes = models.TextField(blank=True, default="")
    changes = models.JSONField(default=list)
    link = models.CharField(max_length=500, blank=True, default="")
    manifest = models.JSONField()
    artifact = models.ForeignKey(Artifact, null=True, blank=True, on_delete=models.PROTECT)
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["app", "version"], name="release_version_unique"),
            models.UniqueConstraint(fields=["app", "serial"], name="release_serial_unique"),
        ]
        indexes = [
            models.Index(fields=["organization", "-created_at", "-id"], name="release_newest"),
            GinIndex(F("organization"), OpClass(Upper("version"), name="gin_trgm_ops"), name="release_by_version"),
            models.Index(
                F("organization"), OpClass(Upper("commit"), name="text_pattern_ops"), name="release_by_commit"
            ),
        ]

    def __str__(self) -> str:
        return self.version
