"""The admin's front: the product's one sign-in, its colours, and nothing that Django would change by itself."""

from typing import Any, NoReturn

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from projects.models import Membership

_STAFF = "_towpath_staff"


class Site(AdminSite):
    site_header = "Towpath records"
    site_title = "Towpath"
    index_title = "Records"
    enable_nav_sidebar = True

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self.disable_action("delete_selected")

    def has_permission(self, request: HttpRequest) -> bool:
        """Staff, which no membership makes of anybody, for as long as they belong somewhere; asked once a request."""
        may: bool | None = getattr(request, _STAFF, None)
        if may is None:
            user = request.user
            may = (
                bool(user.is_active and user.is_staff)
                and Membership.objects.filter(user=user.pk, deactivated_at=None).exists()
            )
            setattr(request, _STAFF, may)
        return may

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        following = request.GET.get("next") or reverse("admin:index", current_app=self.name)
        if request.user.is_authenticated:
            if self.has_permission(request):
                return HttpResponseRedirect(reverse("admin:index", current_app=self.name))
            raise PermissionDenied("These pages are for staff.")
        return HttpResponseRedirect(f"{reverse('sign-in')}?{urlencode({'next': following})}")

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> NoReturn:
        raise Http404("Passwords are changed where people are.")

    def password_change_done(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> NoReturn:
        raise Http404("Passwords are changed where people are.")
