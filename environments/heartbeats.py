"""Signs of life of those whom nobody asks: written at the end of each round, read by whoever watches the house."""

from django.db import connection

from environments.models import Heartbeat

_BEAT = """
INSERT INTO environments_heartbeat (name, at) VALUES (%s, clock_timestamp())
ON CONFLICT (name) DO UPDATE SET at = excluded.at
"""


def beat(name: Heartbeat.Name) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_BEAT, [name])


def ages() -> dict[str, float]:
    """Seconds since the last one of each on the database's clock; nothing of whom there never was one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, extract(epoch FROM clock_timestamp() - at)::float FROM environments_heartbeat")
        return {name: max(0.0, age) for name, age in cursor.fetchall()}
