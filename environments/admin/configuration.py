"""Variables and secrets, and their versions: who set what when; never a value that could be a secret's."""

from django.contrib import admin
from django.urls import reverse

from environments.models import DataKey, Entry, EntryVersion
from projects.admin.records import Records, named, page_of


@admin.register(Entry)
class Entries(Records):
    list_display = (
        "key", "kind", "organization", "within", "app", "team", "agent", "environment", "integration", "write_only",
        "rotate_on", "deleted_at", "updated_at", "page",
    )  # fmt: skip
    list_select_related = ("organization", "within", "app", "team", "agent", "environment", "integration")
    list_filter = (
        "kind", "write_only", ("deleted_at", admin.EmptyFieldListFilter), named("environment", "environment"),
        named("project", "within", column="key"), named("app", "app"), named("integration", "integration"),
        named("organization", "organization"),
    )  # fmt: skip
    search_fields = ("key", "description", "id")
    date_hierarchy = "created_at"
    page = page_of("Dashboard", lambda entry: reverse("configuration-entry", args=[entry.pk]))

    def view_on_site(self, obj: Entry) -> str:
        return reverse("configuration-entry", args=[obj.pk])


@admin.register(EntryVersion)
class EntryVersions(Records):
    list_display = (
        "entry", "kind", "number", "type", "deleted", "restores", "created_by", "created_at", "revoked_at",
        "destroyed_at", "page",
    )  # fmt: skip
    list_select_related = ("entry",)
    list_filter = (
        "entry__kind", "deleted", ("revoked_at", admin.EmptyFieldListFilter),
        named("environment", "entry__environment"), named("project", "entry__within", column="key"),
        named("organization", "entry__organization"),
    )  # fmt: skip
    search_fields = ("entry__key", "note", "created_by", "id")
    date_hierarchy = "created_at"
    # Values are for those who may see their scope, on the key's page.
    hidden = ("value", "sealed")
    page = page_of("Dashboard", lambda version: reverse("configuration-entry", args=[version.entry_id]))

    @admin.display(ordering="entry__kind")
    def kind(self, version: EntryVersion) -> str:
        return version.entry.kind


@admin.register(DataKey)
class DataKeys(Records):
    list_display = ("organization", "wrapped_by", "created_at", "wrapped_at")
    list_select_related = ("organization",)
    list_filter = (named("organization", "organization"),)
    search_fields = ("wrapped_by", "organization__name")
    date_hierarchy = "created_at"
    hidden = ("wrapped",)
