"""Staff act with the rights they hold where the record belongs; looking is all that being staff gives by itself."""

from django.http import HttpRequest

from projects import access
from projects.access import Actor
from projects.errors import NotAllowed, NotFound
from projects.models import Organization, User


def in_organization(request: HttpRequest, organization: Organization) -> Actor:
    user = request.user
    assert isinstance(user, User)
    try:
        return access.of_user(user, organization)
    except NotFound as unknown:
        raise NotAllowed(
            f"You are not a member of {organization.name}: staff see everything, and act where they belong."
        ) from unknown
