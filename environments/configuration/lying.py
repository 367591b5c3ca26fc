"""What lies in a secret store: the secrets that refer to it now, and those that runs were deployed with."""

from typing import Any

from django.db import connection

from environments.configuration import entries
from environments.models import Entry, SecretStore

MOST_NAMED, MOST_SHOWN = 5, 100


def now_in(store: SecretStore) -> tuple[list[dict[str, Any]], bool]:
    """Secrets that lie there now by key, `{key, path, field, scope}`, and whether there are more; one statement."""
    rows = Entry.objects.filter(current__store=store, deleted_at=None).order_by("key", "id")
    rows = rows.select_related("current", "project", "app", "team", "agent", "environment")
    found = [
        {"key": one.key, "path": one.current.path, "field": one.current.field, "scope": entries.scope_of(one)}
        for one in rows[: MOST_SHOWN + 1]
        if one.current is not None
    ]
    return found[:MOST_SHOWN], len(found) > MOST_SHOWN


def referring(store: SecretStore) -> list[str]:
    """Some keys that lie there now, or that what is live was deployed with."""
    named = Entry.objects.filter(current__store=store, deleted_at=None).order_by("key").values_list("key", flat=True)
    found = list(dict.fromkeys(named[: MOST_NAMED + 1]))
    if not found:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT DISTINCT entry.key FROM environments_entryversion version "
                "JOIN environments_entry entry ON entry.id = version.entry_id "
                "WHERE version.store_id = %(store)s AND version.id::text IN ("
                "SELECT pin ->> 1 FROM environments_slot slot JOIN environments_deployment live "
                "ON live.id = slot.live_id CROSS JOIN LATERAL jsonb_array_elements(live.pins) pin "
                "WHERE live.organization_id = %(organization)s) ORDER BY 1 LIMIT %(most)s",
                {"store": store.pk, "organization": store.organization_id, "most": MOST_NAMED + 1},
            )
            found = [key for (key,) in cursor.fetchall()]
    return found
