"""A machine that environments live on."""

import uuid

from django.db import models
from django.utils import timezone

from projects.models import Organization


class Host(models.Model):
    """Installed here (`organization` null, shared by all) or joined by a worker. Endpoints answer at `address`:port."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, null=True, blank=True, on_delete=models.PROTECT)
    name = models.CharField(max_length=200)
    address = models.CharField(max_length=200)
    endpoint_first = models.PositiveIntegerField(default=0)
    endpoint_count = models.PositiveIntegerField(default=0)
    service_first = models.PositiveIntegerField(default=0)
    service_count = models.PositiveIntegerField(default=0)
    next_uid = models.PositiveIntegerField(default=0)
    isolated = models.BooleanField(default=False)
    isolation_note = models.TextField(blank=True, default="")
    lease_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name
