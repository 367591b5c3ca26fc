"""The numbers of the event log, and which repeated requests were answered with their first answer."""

from django.contrib import admin

from projects.admin.records import Records
from projects.models import EventCounter, IdempotentAnswer


@admin.register(EventCounter)
class EventCounters(Records):
    list_display = ("organization_id", "last")
    search_fields = ("organization_id",)


@admin.register(IdempotentAnswer)
class IdempotentAnswers(Records):
    list_display = ("key", "actor", "method", "path", "status", "withheld", "created_at")
    list_filter = ("method", "status", "withheld")
    search_fields = ("key", "actor", "path")
    date_hierarchy = "created_at"
    hidden = ("headers", "body", "body_digest")
