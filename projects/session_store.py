"""Django's sessions, each with the person whose it is, where it came from and when it was last seen."""

from datetime import datetime, timedelta
from typing import Any, cast

from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.utils import timezone

from projects import rows
from projects.models import UserSession

# What is kept in the session itself, besides what Django keeps there.
ORGANIZATION, SINCE, AGENT, ADDRESS = "organization", "since", "agent", "address"
# Once in so long is enough to see which session is in use, and spares a write per page.
SEEN = timedelta(minutes=1)

_OPEN = rows.lookup(UserSession, "session_key = %s AND expire_date > %s")


class SessionStore(DatabaseStore):
    """The engine behind `SESSION_ENGINE`; its name is part of the key that signs what it keeps."""

    row: UserSession | None = None

    @classmethod
    def get_model_class(cls) -> type[UserSession]:
        return UserSession

    def _get_session_from_db(self) -> UserSession | None:
        self.row = _OPEN(self.session_key, timezone.now())
        if self.row is None:
            self._session_key = None
        return self.row

    def create_model_instance(self, data: dict[str, Any]) -> UserSession:
        made = cast(UserSession, super().create_model_instance(data))
        made.user_id = data.get("_auth_user_id")
        made.organization_id = data.get(ORGANIZATION)
        made.user_agent, made.address = data.get(AGENT, ""), data.get(ADDRESS, "")
        if since := data.get(SINCE):
            made.created_at = datetime.fromisoformat(since)
        elif self.row is not None:
            made.created_at = self.row.created_at
        return made

    def touch(self) -> None:
        """Note that it is in use; never makes one again that was ended meanwhile."""
        now = timezone.now()
        if self.row is not None and now - self.row.last_seen_at >= SEEN:
            self.row.last_seen_at = now
            # Of many that look at the same moment, as the open pages of one browser do, one writes.
            UserSession.objects.filter(pk=self.row.pk, last_seen_at__lte=now - SEEN).update(last_seen_at=now)
