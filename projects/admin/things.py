"""Projects, apps, releases and what those are made of."""

from django.contrib import admin
from django.urls import reverse

from projects.admin.records import Records, named, page_of
from projects.models import Agent, App, Artifact, DeletedPrivateProject, Project, Release, Team, Workflow

BY_ORGANIZATION = named("organization", "organization")


@admin.register(Project)
class Projects(Records):
    list_display = (
        "key", "name", "organization", "visibility", "is_default", "created_by", "created_at", "archived_at", "page",
    )  # fmt: skip
    list_select_related = ("organization",)
    list_filter = ("visibility", "is_default", ("archived_at", admin.EmptyFieldListFilter), BY_ORGANIZATION)
    search_fields = ("key", "name")
    date_hierarchy = "created_at"
    page = page_of("Dashboard", lambda project: reverse("project", args=[project.pk]))

    def view_on_site(self, obj: Project) -> str:
        return reverse("project", args=[obj.pk])


@admin.register(DeletedPrivateProject)
class DeletedPrivateProjects(Records):
    """What the log tells of them stays hidden."""

    list_display = ("id", "organization")
    list_select_related = ("organization",)
    list_filter = (BY_ORGANIZATION,)
    search_fields = ("id",)


@admin.register(Team)
class Teams(Records):
    list_display = ("name", "organization", "created_by", "created_at", "archived_at", "page")
    list_select_related = ("organization",)
    list_filter = (
        ("archived_at", admin.EmptyFieldListFilter),
        named("project", "projects", column="key"),
        BY_ORGANIZATION,
    )
    search_fields = ("name", "id")
    date_hierarchy = "created_at"
    # People put credentials into both, though they should not.
    hidden = ("configuration", "mcp_servers")
    page = page_of("Dashboard", lambda team: reverse("team", args=[team.pk]))


@admin.register(Agent)
class Agents(Records):
    list_display = ("name", "organization", "team", "model_id", "created_by", "created_at", "archived_at", "page")
    list_select_related = ("organization", "team")
    list_filter = (
        ("archived_at", admin.EmptyFieldListFilter),
        named("team", "team"),
        named("project", "projects", column="key"),
        BY_ORGANIZATION,
    )
    search_fields = ("name", "model_id", "id")
    date_hierarchy = "created_at"
    hidden = ("configuration", "llm_config", "mcp_servers", "command", "system_prompt")
    page = page_of("Dashboard", lambda agent: reverse("agent", args=[agent.pk]))


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
    hidden = ("manifest",)  # it gives values to steps and services
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


@admin.register(Workflow)
class Workflows(Records):
    list_display = ("name", "project", "organization", "created_by", "created_at", "archived_at", "page")
    list_select_related = ("project", "organization")
    list_filter = (
        ("archived_at", admin.EmptyFieldListFilter),
        named("project", "project", column="key"),
        BY_ORGANIZATION,
    )
    search_fields = ("name", "project__key")
    date_hierarchy = "created_at"
    hidden = ("steps", "inputs")  # they give values to steps
    page = page_of("Dashboard", lambda workflow: reverse("workflow", args=[workflow.pk]))

    def view_on_site(self, obj: Workflow) -> str:
        return reverse("workflow", args=[obj.pk])
