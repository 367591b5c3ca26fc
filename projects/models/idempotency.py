"""The first answer to a request that named an Idempotency-Key."""

from django.db import models
from django.utils import timezone


class IdempotentAnswer(models.Model):
    """`status` 0: a twin is in flight. `withheld`: the answer showed a credential once and is not repeated."""

    actor = models.CharField(max_length=200)
    method = models.CharField(max_length=8)
    path = models.CharField(max_length=500)
    key = models.CharField(max_length=200)
    body_digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    headers = models.JSONField(default=dict)
    body = models.TextField(blank=True, default="")
    withheld = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["actor", "method", "path", "key"], name="idempotent_once")]
        indexes = [models.Index(fields=["created_at"], name="idempotent_by_age")]

    def __str__(self) -> str:
        return self.key
