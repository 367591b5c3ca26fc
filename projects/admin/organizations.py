"""Organizations, who belongs to them, and their credentials without the credential."""

from typing import Any, NoReturn

from django.contrib import admin
from django.contrib.auth.models import Group
from django.http import Http404, HttpRequest

from projects.admin.records import Records, Rows, named
from projects.models import AccessToken, Grant, Membership, Organization, User, UserSession

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
    list_display = ("user", "organization", "created_at", "deactivated_at")
    list_select_related = ("user", "organization")
    list_filter = (named("organization", "organization"), named("user", "user", column="username"))
    search_fields = ("user__username", "organization__name")
    date_hierarchy = "created_at"
    inlines = (GrantsOfMember,)


@admin.register(AccessToken)
class AccessTokens(Records):
    list_display = ("name", "organization", "owner", "role", "hint", "expires_at", "last_used_at", "revoked_at")
    list_select_related = ("organization", "owner")
    list_filter = ("role", ("revoked_at", admin.EmptyFieldListFilter), named("organization", "organization"))
    search_fields = ("name", "owner__username")
    date_hierarchy = "created_at"
    hidden = ("digest",)


@admin.register(UserSession)
class UserSessions(Records):
    """Who is signed in where. A session's key is its credential, so it has no page and nothing leads to one."""

    list_display = ("user", "user_agent", "address", "created_at", "last_seen_at", "expire_date")
    list_display_links = None
    list_select_related = ("user",)
    list_filter = (named("user", "user", column="username"),)
    search_fields = ("user__username", "address")
    date_hierarchy = "last_seen_at"
    hidden = ("session_key", "session_data")

    def change_view(self, request: HttpRequest, *_: Any, **__: Any) -> NoReturn:
        raise Http404("A session is shown in its list alone.")
