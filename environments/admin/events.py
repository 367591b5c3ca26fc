"""The ordered log of what happened. It names environments and projects by id alone: it outlives both."""

import uuid
from typing import Any

from django.contrib import admin
from django.db.models import Q

from environments.models import Environment
from projects.admin.records import Named, Records
from projects.models import Event, Organization, Project


class Outlived(Named):
    """By name of what may be there still, by id of what is gone."""

    among: Any = None

    def condition(self, given: str) -> Q:
        try:
            return Q(**{self.path: uuid.UUID(given)})
        except ValueError:
            known = self.among.objects.filter(**{f"{self.column}__iexact": given})
            return Q(**{f"{self.path}__in": known.values("pk")})


class ByEnvironment(Outlived):
    title = parameter_name = "environment"
    path, among = "environment_id", Environment


class ByProject(Outlived):
    title = parameter_name = "project"
    path, column, among = "project_id", "key", Project


class ByOrganization(Outlived):
    title = parameter_name = "organization"
    path, among = "organization_id", Organization


@admin.register(Event)
class Events(Records):
    list_display = ("number", "at", "kind", "actor", "about", "organization_id", "environment_id", "project_id")
    list_filter = (ByEnvironment, ByProject, ByOrganization)
    search_fields = ("kind", "actor", "environment_id", "app_id")
    date_hierarchy = "at"
    ordering = ("-id",)

    def about(self, event: Event) -> str:
        return f"{event.object.get('kind', '')} {event.object.get('name', '')}".strip()
