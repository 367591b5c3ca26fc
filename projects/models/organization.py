"""The tenant: everything belongs to exactly one organization."""

import uuid

from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone


class Organization(models.Model):
    """`event_epoch` begins an event's id; a restore raises it, so that stale cursors are told to reset."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100)
    event_epoch = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(Lower("name"), name="organization_name_unique")]

    def __str__(self) -> str:
        return self.name
