"""A person's sign-in in one browser, known by its person, so that it can be shown to them and ended."""

from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.utils import timezone

from projects.models.user import User


class UserSession(AbstractBaseSession):
    """`organization_id` is where it acts, none where nobody chose; the key is a credential and is never shown."""

    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.CASCADE, related_name="sessions")
    organization_id = models.UUIDField(null=True, blank=True)
    user_agent = models.CharField(max_length=300, blank=True, default="")
    address = models.CharField(max_length=64, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now)

    class Meta(AbstractBaseSession.Meta):
        abstract = False
        indexes = [models.Index(fields=["user", "-last_seen_at"], name="session_of_user")]
