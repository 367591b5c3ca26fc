"""The MCP servers for a target: those that its environment, team and agent name, the stronger replacing the weaker."""

from typing import Any

import orjson
from django.db import connection

from environments.resolving import showing
from environments.resolving.resolution import Target
from environments.resolving.statements import FURTHEST

# From weak to strong: what the environment is based on, from far to near, itself, the team, the agent.
_STATEMENT = f"""
WITH RECURSIVE line (based_on_id, mcp_servers, distance) AS (
    SELECT based_on_id, mcp_servers, 0 FROM environments_environment
    WHERE id = %(environment)s AND organization_id = %(organization)s
    UNION ALL
    SELECT base.based_on_id, base.mcp_servers, line.distance + 1
    FROM line JOIN environments_environment base ON base.id = line.based_on_id WHERE line.distance < {FURTHEST}
)
SELECT mcp_servers::text FROM (
    SELECT mcp_servers, 0 AS level, distance FROM line
    UNION ALL SELECT mcp_servers, 1, 0 FROM projects_team
        WHERE id = %(team)s AND organization_id = %(organization)s
    UNION ALL SELECT mcp_servers, 2, 0 FROM projects_agent
        WHERE id = %(agent)s AND organization_id = %(organization)s
) layer ORDER BY level, distance DESC
"""


def of(target: Target) -> dict[str, Any]:
    """As they were written, references and all. One statement."""
    values = {
        "organization": target.organization_id,
        "environment": target.environment_id,
        "team": target.team_id,
        "agent": target.agent_id,
    }
    with connection.cursor() as cursor:
        cursor.execute(_STATEMENT, values)
        return showing.merged(orjson.loads(row[0]) for row in cursor.fetchall())
