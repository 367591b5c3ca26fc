"""A browser in which somebody has proven who they are is known for theirs from then on."""

from django.conf import settings
from django.http import HttpResponse
from django.urls import reverse

from projects import authentication
from projects.models import User


def known(response: HttpResponse, user: User) -> HttpResponse:
    """With what the browser is known by when this person signs in again (docs/adr/people.md); it opens nothing."""
    response.set_cookie(
        settings.DEVICE_COOKIE_NAME,
        authentication.known_by(user),
        max_age=authentication.DEVICE,
        path=reverse("sign-in"),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response
