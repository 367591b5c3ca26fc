"""The archive a release is made of, uploaded or fetched once from git."""

import uuid

from django.db import models
from django.utils import timezone

from projects.models.app import App
from projects.models.organization import Organization


class Artifact(models.Model):
    """`size` in bytes; `sha256` in hexadecimal; the bytes lie in $TOWPATH_HOME/artifacts/<sha256>."""

    class Kind(models.TextChoices):
        UPLOAD = "upload"
        GIT = "git"

    class Status(models.TextChoices):
        FETCHING = "fetching"
        STORED = "stored"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT)
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="artifacts")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    status = models.CharField(max_length=10, choices=Status.choices)
    filename = models.CharField(max_length=255, blank=True, default="")
    sha256 = models.CharField(max_length=64, blank=True, default="")
    size = models.BigIntegerField(default=0)
    git_url = models.CharField(max_length=500, blank=True, default="")
    git_ref = models.CharField(max_length=200, blank=True, default="")
    git_commit = models.CharField(max_length=64, blank=True, default="")
    reason = models.TextField(blank=True, default="")
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.filename or self.git_url
