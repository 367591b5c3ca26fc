"""Variables and secrets: a key in a scope, and every value it has had."""

import uuid

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper
from django.utils import timezone

from environments.models.environment import Environment
from environments.models.integration import Integration
from environments.models.secret_store import SecretStore
from projects.models import Agent, App, Organization, Project, Team


class EntryKind(models.TextChoices):
    VARIABLE = "variable"
    SECRET = "secret"


class VariableType(models.TextChoices):
    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    JSON = "json"
    URL = "url"


class Entry(models.Model):
    """A variable or a secret in one scope: whichever of the five scope columns are set name it; none is the
    organization. Scope, key and kind never change. `within` is the project that the scope lies in, for who may see it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="entries")
    kind = models.CharField(max_length=8, choices=EntryKind.choices)
    key = models.CharField(max_length=128)
    project = models.ForeignKey(Project, null=True, blank=True, on_delete=models.PROTECT, related_name="entries")
    app = models.ForeignKey(App, null=True, blank=True, on_delete=models.PROTECT, related_name="entries")
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.PROTECT, related_name="entries")
    agent = models.ForeignKey(Agent, null=True, blank=True, on_delete=models.PROTECT, related_name="entries")
    environment = models.ForeignKey(
        Environment, null=True, blank=True, on_delete=models.PROTECT, related_name="entries"
    )
    within = models.ForeignKey(Project, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    description = models.TextField(blank=True, default="")
    write_only = models.BooleanField(default=False)
    rotate_on = models.DateField(null=True, blank=True)
    # Until every slot that it reaches knows whether what runs there has been overtaken.
    unsettled = models.BooleanField(default=False)
    # The integration that it comes from, as long as that is enabled in this scope: nobody changes it by hand.
    integration = models.ForeignKey(
        Integration, null=True, blank=True, on_delete=models.PROTECT, related_name="entries", db_index=False
    )
    current = models.OneToOneField("EntryVersion", null=True, on_delete=models.PROTECT, related_name="+")
    deleted_at = models.DateTimeField(null=True, blank=True)
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "project", "app", "team", "agent", "environment", "key"],
                condition=Q(deleted_at__isnull=True),
                nulls_distinct=False,
                name="entry_key_unique",
            ),
            models.CheckConstraint(
                condition=Q(project=None, app=None, team=None)
                | Q(project=None, app=None, agent=None)
                | Q(project=None, team=None, agent=None)
                | Q(app=None, team=None, agent=None),
                name="entry_scope_known",
            ),
            models.CheckConstraint(
                condition=Q(key__regex=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$"), name="entry_key_is_a_name"
            ),
            models.CheckConstraint(
                condition=Q(kind="secret") | Q(write_only=False, rotate_on=None), name="entry_variable_is_plain"
            ),
            models.CheckConstraint(
                condition=Q(integration=None)
                | (
                    Q(kind="variable", deleted_at=None, project=None, app=None)
                    & (
                        Q(environment__isnull=False, team=None, agent=None)
                        | Q(environment=None, team__isnull=False, agent=None)
                        | Q(environment=None, team=None, agent__isnull=False)
                    )
                ),
                name="entry_of_integration_holds",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "created_at", "id"], name="entry_oldest"),
            models.Index(F("organization"), Upper("key"), F("id"), name="entry_by_key"),
            models.Index(fields=["environment", "organization"], name="entry_by_environment"),
            models.Index(
                fields=["integration", "id"], condition=Q(integration__isnull=False), name="entry_by_integration"
            ),
            models.Index(fields=["updated_at"], condition=Q(unsettled=True), name="entry_unsettled"),
            models.Index(
                fields=["organization", "rotate_on"], condition=Q(rotate_on__isnull=False), name="entry_to_rotate"
            ),
        ]

    def __str__(self) -> str:
        return self.key


class EntryVersion(models.Model):
    """One value that an entry has had, or that it was deleted; it never changes.

    A variable's is `value`, a secret's is `sealed`, or lies in a `store` at a `path` in a `field`. Revoking is written
    once; destroying takes the ciphertext away.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    deleted = models.BooleanField(default=False)
    type = models.CharField(max_length=8, choices=VariableType.choices, default=VariableType.TEXT)
    value = models.TextField(blank=True, default="")
    sealed = models.BinaryField(null=True)
    store = models.ForeignKey(SecretStore, null=True, blank=True, on_delete=models.PROTECT, related_name="versions")
    path = models.CharField(max_length=400, blank=True, default="")
    field = models.CharField(max_length=200, blank=True, default="")
    refers = models.BooleanField(default=False)
    note = models.TextField(blank=True, default="")
    restores = models.PositiveIntegerField(null=True, blank=True)
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.CharField(max_length=200, blank=True, default="")
    destroyed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["entry", "number"], name="entry_version_number_unique"),
            models.CheckConstraint(
                condition=Q(store=None, path="", field="")
                | (Q(store__isnull=False, sealed=None, value="", refers=False) & ~Q(path="") & ~Q(field="")),
                name="entry_version_lies_in_one_place",
            ),
        ]

    def __str__(self) -> str:
        return f"v{self.number}"
