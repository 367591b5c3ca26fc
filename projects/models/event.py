"""One row in the ordered log: what happened, by whom, about what."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F, Q
from django.db.models.fields.json import KT
from django.db.models.functions import Upper
from django.utils import timezone


class EventCounter(models.Model):
    """The last number given in an organization; a trigger on the event table takes the next one."""

    organization_id = models.UUIDField(primary_key=True)
    last = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.last)


class Event(models.Model):
    """No foreign keys: the log outlives what it tells of. Live pages listen to `subjects`: `environment:<id>`."""

    id = models.BigAutoField(primary_key=True)
    organization_id = models.UUIDField()
    number = models.BigIntegerField(default=0, editable=False)
    kind = models.CharField(max_length=60)
    actor = models.CharField(max_length=200)
    object = models.JSONField(default=dict)
    project_id = models.UUIDField(null=True)
    environment_id = models.UUIDField(null=True)
    app_id = models.UUIDField(null=True)
    subjects = ArrayField(models.CharField(max_length=60), default=list)
    data = models.JSONField(default=dict)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization_id", "number"], name="event_number_unique")]
        indexes = [
            models.Index(fields=["organization_id", "environment_id", "number"], name="event_by_environment"),
            models.Index(fields=["organization_id", "project_id", "number"], name="event_by_project"),
            models.Index(fields=["organization_id", "app_id", "number"], name="event_by_app"),
            # Who was a member here once and may come back: asked by name, and hardly ever.
            models.Index(
                F("organization_id"), F("object__name"), condition=Q(kind="member.removed"), name="event_of_the_removed"
            ),
            # Kept up to date at once: putting it off would make one commit in thousands wait for all of them.
            GinIndex(
                F("organization_id"),
                *(OpClass(Upper(one), name="gin_trgm_ops") for one in (KT("object__name"), KT("data__app"), "actor")),
                name="event_by_words",
                fastupdate=False,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.kind}"
