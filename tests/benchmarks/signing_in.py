"""Sessions and tokens for those who ask in the benchmarks."""

from django.conf import settings
from django.test import Client

from projects import access, tokens
from projects.models import Organization, Role, User


def cookies(user: User) -> dict[str, str]:
    client = Client()
    client.force_login(user)
    return {settings.SESSION_COOKIE_NAME: client.cookies[settings.SESSION_COOKIE_NAME].value}


def cookie(user: User) -> str:
    """As a header's value."""
    return "; ".join(f"{name}={value}" for name, value in cookies(user).items())


def bearer(user: User, organization: Organization) -> str:
    """As a header's value."""
    _, secret = tokens.create(by=access.of_user(user, organization), name=f"bench-{user.username}", role=Role.VIEWER)
    return f"Bearer {secret.reveal()}"
