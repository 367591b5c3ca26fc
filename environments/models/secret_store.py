"""Where secrets may lie that are not kept here: an OpenBao or HashiCorp Vault server."""

import uuid

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone

from projects.models import Organization


class StoreAuth(models.TextChoices):
    TOKEN = "token", "Token"
    APPROLE = "approle", "AppRole"


class SecretStore(models.Model):
    """How to read from one: `credentials` are sealed for this row, its address and its way to sign in.

    A deleted one keeps its row, because versions that name it never change; its credentials are gone.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="secret_stores")
    name = models.CharField(max_length=64)
    address = models.CharField(max_length=400)
    mount = models.CharField(max_length=200, default="secret")
    namespace = models.CharField(max_length=200, blank=True, default="")
    auth = models.CharField(max_length=8, choices=StoreAuth.choices)
    credentials = models.BinaryField(null=True)
    probed_at = models.DateTimeField(null=True, blank=True)
    probe_code = models.CharField(max_length=32, blank=True, default="")
    probe_error = models.TextField(blank=True, default="")
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                F("organization"), Lower("name"), condition=Q(deleted_at__isnull=True), name="secret_store_name_unique"
            ),
            models.CheckConstraint(
                condition=Q(deleted_at__isnull=True, credentials__isnull=False)
                | Q(deleted_at__isnull=False, credentials__isnull=True),
                name="secret_store_has_credentials",
            ),
        ]
        indexes = [models.Index(fields=["organization", "created_at", "id"], name="secret_store_oldest")]

    def __str__(self) -> str:
        return self.name
