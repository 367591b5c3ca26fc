"""Projects, apps, releases and what those are made of."""

from django.contrib import admin
from django.urls import reverse

from projects.admin.records import Records, named, page_of
from projects.models import App, Artifact, Project, Release

BY_ORGANIZATION = named("organization", "organization")


@admin.register(Project)
class Projects(Records):
    list_display = ("key", "name", "organization", "is_default", "created_by", "created_at", "page")
    list_select_related = ("organization",)
    list_filter = ("is_default", BY_ORGANIZATION)
    search_fields = ("key", "name")
    date_hierarchy = "created_at"
    page = page_of("Dashboard", lambda project: reverse("project", args=[project.pk]))

    def view_on_site(self, obj: Project) -> str:
        return reverse("project", args=[obj.pk])


@admin.register(App)
class Apps(Records):
    list_display = ("name", "project", "organization", "created_by", "created_at", "archived_at", "page")
    list_select_related = ("project", "organization")
    list_filter = (
        ("archived_at", admin.EmptyFieldListFilter),
        named("project", "project", column="key"),
        BY_ORGANIZATION,
    )
    search_fields = ("name", "project__key", "repository_url")
    date_hierarchy = "created_at"
    page = page_of("Dashboard", lambda app: reverse("app", args=[app.pk]))

    def view_on_site(self, obj: App) -> str:
        return reverse("app", args=[obj.pk])


@admin.register(Release)
class Releases(Records):
    list_display = ("version", "app", "project", "commit", "artifact", "created_by", "created_at", "page")
    list_select_related = ("app__project", "artifact")
    list_filter = (named("project", "app__project", column="key"), named("app", "app"), BY_ORGANIZATION)
    search_fields = ("version", "commit", "app__name")
    date_hierarchy = "created_at"
    page = page_of("Dashboard", lambda release: reverse("release", args=[release.pk]))

    @admin.display(ordering="app__project__key")
    def project(self, release: Release) -> str:
        return release.app.project.key

    def view_on_site(self, obj: Release) -> str:
        return reverse("release", args=[obj.pk])


@admin.register(Artifact)
class Artifacts(Records):
    list_display = ("__str__", "app", "kind", "status", "size", "sha256", "created_by", "created_at")
    list_select_related = ("app",)
    list_filter = ("kind", "status", named("project", "app__project", column="key"), BY_ORGANIZATION)
    search_fields = ("filename", "git_url", "git_commit", "sha256", "app__name")
    date_hierarchy = "created_at"
