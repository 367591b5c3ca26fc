"""The key that everything sealed of one organization is sealed with, itself wrapped by a master key."""

from django.db import models
from django.utils import timezone

from projects.models import Organization


class DataKey(models.Model):
    """`wrapped_by` names the master key that opens `wrapped`; the data key inside never changes."""

    organization = models.OneToOneField(Organization, primary_key=True, on_delete=models.PROTECT, related_name="+")
    wrapped = models.BinaryField()
    wrapped_by = models.CharField(max_length=16)
    created_at = models.DateTimeField(default=timezone.now)
    wrapped_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["wrapped_by", "organization"], name="data_key_by_master")]

    def __str__(self) -> str:
        return self.wrapped_by
