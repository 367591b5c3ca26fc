"""Organizations, who belongs to them, and their credentials without the credential."""

from django.contrib import admin
from django.contrib.auth.models import Group

from projects.admin.records import Records, Rows, named
from projects.models import AccessToken, Grant, Membership, Organization, User

admin.site.unregister(Group)  # rights are grants here


@admin.register(Organization)
class Organizations(Records):
    list_display = ("name", "id", "created_at")
    search_fields = ("name", "id")
    date_hierarchy = "created_at"
    ordering = ("name",)


@admin.register(User)
class Users(Records):
    list_display = ("username", "email", "is_active", "is_staff", "last_login", "date_joined")
    list_filter = ("is_active", "is_staff", named("organization", "memberships__organization"))
    search_fields = ("username", "email", "first_name", "last_name")
    date_hierarchy = "date_joined"
    ordering = ("username",)
    hidden = ("password", "user_permissions", "groups")


class GrantsOfMember(Rows):
    model = Grant


@admin.register(Membership)
class Memberships(Records):
    list_display = ("user", "organization", "created_at")
    list_select_related = ("user", "organization")
    list_filter = (named("organization", "organization"), named("user", "user", column="username"))
    search_fields = ("user__username", "organization__name")
    date_hierarchy = "created_at"
    inlines = (GrantsOfMember,)


@admin.register(Grant)
class Grants(Records):
    list_display = ("membership", "role", "project", "environment_id")
    list_select_related = ("membership__user", "membership__organization", "project")
    list_filter = (
        "role",
        named("organization", "membership__organization"),
        named("project", "project", column="key"),
    )
    search_fields = ("membership__user__username", "project__key", "environment_id")


@admin.register(AccessToken)
class AccessTokens(Records):
    list_display = ("name", "organization", "owner", "role", "hint", "expires_at", "last_used_at", "revoked_at")
    list_select_related = ("organization", "owner")
    list_filter = ("role", ("revoked_at", admin.EmptyFieldListFilter), named("organization", "organization"))
    search_fields = ("name", "owner__username")
    date_hierarchy = "created_at"
    hidden = ("digest",)
