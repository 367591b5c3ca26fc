"""Environments, the hosts and users they have, and the workers in them."""

from django.contrib import admin
from django.urls import reverse

from environments.models import (
    Account,
    AgentEnvironment,
    Environment,
    Heartbeat,
    Host,
    Integration,
    Sample,
    SecretStore,
    TeamEnvironment,
    Worker,
    WorkerToken,
)
from projects.admin.records import Records, named, page_of

BY_ENVIRONMENT = named("environment", "environment")
BY_PROJECT_OF_ENVIRONMENT = named("project", "environment__project", column="key")


@admin.register(Environment)
class Environments(Records):
    list_display = (
        "name", "organization", "state", "wanted", "tier", "protected", "provisioner", "host", "created_at",
        "terminated_at", "page",
    )  # fmt: skip
    list_select_related = ("organization", "host")
    list_filter = (
        "state", "kind", "tier", "protected", "provisioner", ("terminated_at", admin.EmptyFieldListFilter),
        named("project", "project", column="key"), named("organization", "organization"),
    )  # fmt: skip
    search_fields = ("name", "display_name", "namespace", "id")
    date_hierarchy = "created_at"
    # People put credentials into it, though they should not.
    hidden = ("mcp_servers",)
    page = page_of("Dashboard", lambda environment: reverse("environment", args=[environment.pk]))

    def view_on_site(self, obj: Environment) -> str:
        return reverse("environment", args=[obj.pk])


@admin.register(TeamEnvironment)
class TeamEnvironments(Records):
    list_display = ("team", "environment")
    list_select_related = ("team", "environment")
    list_filter = (BY_ENVIRONMENT, BY_PROJECT_OF_ENVIRONMENT, named("team", "team"))
    search_fields = ("team__name", "environment__name")


@admin.register(AgentEnvironment)
class AgentEnvironments(Records):
    list_display = ("agent", "environment")
    list_select_related = ("agent", "environment")
    list_filter = (BY_ENVIRONMENT, BY_PROJECT_OF_ENVIRONMENT, named("agent", "agent"))
    search_fields = ("agent__name", "environment__name")


@admin.register(SecretStore)
class SecretStores(Records):
    """Where secrets lie that are not kept here; never what it is asked with."""

    list_display = ("name", "organization", "address", "auth", "probed_at", "probe_code", "created_at", "deleted_at")
    list_select_related = ("organization",)
    list_filter = ("auth", ("deleted_at", admin.EmptyFieldListFilter), named("organization", "organization"))
    search_fields = ("name", "address", "id")
    date_hierarchy = "created_at"
    hidden = ("credentials",)


@admin.register(Integration)
class Integrations(Records):
    """What work is given access to elsewhere: keys of secrets, and never a value."""

    list_display = (
        "name", "type", "organization", "probed_at", "probe_code", "probed_in", "created_at", "updated_at", "page",
    )  # fmt: skip
    list_select_related = ("organization", "probed_in")
    list_filter = ("type", "probe_code", named("environment", "probed_in"), named("organization", "organization"))
    search_fields = ("name", "description", "id")
    date_hierarchy = "created_at"
    page = page_of("Dashboard", lambda integration: reverse("integration", args=[integration.pk]))

    def view_on_site(self, obj: Integration) -> str:
        return reverse("integration", args=[obj.pk])


@admin.register(Host)
class Hosts(Records):
    list_display = ("name", "id", "address", "organization", "isolated", "lease_until", "created_at")
    list_select_related = ("organization",)
    list_filter = ("isolated", named("organization", "organization"))
    search_fields = ("name", "id", "address")
    date_hierarchy = "created_at"


@admin.register(Account)
class Accounts(Records):
    list_display = ("environment", "project", "host", "uid", "prepared_at", "removed_at", "created_at")
    list_select_related = ("environment", "project", "host")
    list_filter = (
        ("removed_at", admin.EmptyFieldListFilter),
        BY_ENVIRONMENT,
        named("project", "project", column="key"),
        named("organization", "environment__organization"),
    )
    search_fields = ("environment__name", "project__key", "uid")
    date_hierarchy = "created_at"


@admin.register(Sample)
class Samples(Records):
    list_display = ("environment", "at", "cpu", "memory", "storage")
    list_select_related = ("environment",)
    list_filter = (
        BY_ENVIRONMENT,
        BY_PROJECT_OF_ENVIRONMENT,
        named("organization", "environment__organization"),
    )
    search_fields = ("environment__name",)
    date_hierarchy = "at"


@admin.register(Worker)
class Workers(Records):
    list_display = (
        "hostname", "environment", "kind", "version", "status", "tasks_processed", "last_heartbeat_at", "lease_until",
        "ended_at", "end_reason", "page",
    )  # fmt: skip
    list_select_related = ("environment",)
    list_filter = (
        "kind", "status", ("ended_at", admin.EmptyFieldListFilter), BY_ENVIRONMENT, BY_PROJECT_OF_ENVIRONMENT,
        named("organization", "organization"),
    )  # fmt: skip
    search_fields = ("hostname", "environment__name", "id")
    date_hierarchy = "registered_at"
    hidden = ("session_digest",)
    page = page_of("Dashboard", lambda worker: reverse("environment", args=[worker.environment_id]))


@admin.register(WorkerToken)
class WorkerTokens(Records):
    list_display = ("environment", "kind", "hint", "created_at", "revoked_at")
    list_select_related = ("environment",)
    list_filter = (
        "kind",
        BY_ENVIRONMENT,
        BY_PROJECT_OF_ENVIRONMENT,
        named("organization", "environment__organization"),
    )
    search_fields = ("environment__name",)
    date_hierarchy = "created_at"
    hidden = ("sealed", "digest")


@admin.register(Heartbeat)
class Heartbeats(Records):
    list_display = ("name", "at")
    search_fields = ("name",)
