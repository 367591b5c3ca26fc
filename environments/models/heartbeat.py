"""When a part of the control plane last did what it is there for."""

from django.db import models


class Heartbeat(models.Model):
    """`at`, on the database's clock, is when `name` last finished a round; from its age others see that it lives."""

    class Name(models.TextChoices):
        SCHEDULER = "scheduler"
        CONTROL = "control"

    name = models.CharField(max_length=20, primary_key=True, choices=Name.choices)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
