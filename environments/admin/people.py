"""Grants and invitations, which name environments: their names are known on this floor."""

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest

from environments.admin.events import ByEnvironment
from environments.models import Environment
from projects.admin.records import Records, named
from projects.models import Grant, Invitation

BY_PROJECT = named("project", "project", column="key")


class Placed(Records):
    """A role in a project and an environment, each of which may be all."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        places = Environment.objects.filter(pk=OuterRef("environment_id"))
        found: QuerySet[Any] = super().get_queryset(request).annotate(place=Subquery(places.values("name")))
        return found

    @admin.display(ordering="place")
    def environment(self, record: Any) -> str | None:
        name: str | None = record.place
        return name


@admin.register(Grant)
class Grants(Placed):
    list_display = ("membership", "role", "project", "environment")
    list_select_related = ("membership__user", "membership__organization", "project")
    list_filter = ("role", named("organization", "membership__organization"), BY_PROJECT, ByEnvironment)
    search_fields = ("membership__user__username", "project__key", "environment_id")


@admin.register(Invitation)
class Invitations(Placed):
    list_display = (
        "__str__", "organization", "role", "project", "environment", "invited_by", "created_at", "expires_at",
        "accepted_by", "revoked_at",
    )  # fmt: skip
    list_select_related = ("organization", "project", "invited_by", "accepted_by")
    list_filter = (
        "role", ("accepted_at", admin.EmptyFieldListFilter), ("revoked_at", admin.EmptyFieldListFilter),
        named("organization", "organization"), BY_PROJECT, ByEnvironment,
    )  # fmt: skip
    search_fields = ("email", "invited_by__username", "accepted_by__username")
    date_hierarchy = "created_at"
    hidden = ("digest",)
