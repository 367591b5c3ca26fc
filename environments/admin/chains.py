"""Promotion chains and who stands where in them."""

from django.contrib import admin
from django.urls import reverse

from environments.models import Chain, Stage, StageEnvironment
from projects.admin.records import Records, named, page_of


@admin.register(Chain)
class Chains(Records):
    list_display = ("name", "organization", "project", "created_by", "created_at", "page")
    list_select_related = ("organization", "project")
    list_filter = (named("project", "project", column="key"), named("organization", "organization"))
    search_fields = ("name", "project__key")
    date_hierarchy = "created_at"
    page = page_of("Dashboard", lambda chain: reverse("chain-of-project", args=[chain.pk]))


@admin.register(Stage)
class Stages(Records):
    list_display = ("name", "chain", "position")
    list_select_related = ("chain",)
    list_filter = (
        named("environment", "places__environment"),
        named("project", "chain__project", column="key"),
        named("organization", "chain__organization"),
    )
    search_fields = ("name", "chain__name")


@admin.register(StageEnvironment)
class Places(Records):
    list_display = ("environment", "stage", "chain", "position")
    list_select_related = ("environment", "stage", "chain")
    list_filter = (
        named("environment", "environment"),
        named("project", "chain__project", column="key"),
        named("organization", "chain__organization"),
    )
    search_fields = ("environment__name", "stage__name")
