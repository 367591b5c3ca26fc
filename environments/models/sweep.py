"""One nightly sweep: when it was, and what it freed."""

from django.db import models


class Sweep(models.Model):
    """`freed`: `{<organization id>: {"runs", "services", "bytes", "events"}}`; at work until `finished_at` is set."""

    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    freed = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["-started_at"], name="sweep_newest")]

    def __str__(self) -> str:
        return f"{self.started_at}"
