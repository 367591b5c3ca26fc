"""The environments to choose from in a page's header: the chain's first, then the others, by one statement."""

from typing import NamedTuple

from django.db import connection

from environments import seen
from projects import names, scopes
from projects.access import Actor

# Both halves are bounded before they are put together, so that no page reads all environments to show a few.
STATEMENT = """
WITH place AS (
  SELECT p.environment_id, s.position, p.position AS within, p.id
  FROM environments_chain c JOIN environments_stage s ON s.chain_id = c.id
  JOIN environments_stageenvironment p ON p.stage_id = s.id
  WHERE c.organization_id = %(organization)s AND c.project_id IS NULL
)
(SELECT e.id::text, e.name, e.display_name, e.state, e.protected, e.kind, place.position
  FROM place JOIN environments_environment e ON e.id = place.environment_id
  WHERE {seen}
    {found}
  ORDER BY place.position, place.within, place.id LIMIT %(limit)s)
UNION ALL
(SELECT e.id::text, e.name, e.display_name, e.state, e.protected, e.kind, NULL
  FROM environments_environment e
  WHERE e.organization_id = %(organization)s AND {seen}
    AND NOT EXISTS (SELECT 1 FROM place WHERE place.environment_id = e.id)
    {found}
  ORDER BY e.priority DESC, lower(e.name), e.id LIMIT %(limit)s)
"""
# The index knows of the names and of more, such as tags, by which nobody chooses in a header.
FOUND = (
    "AND environment_words(e.name, e.display_name, e.description, e.created_by, e.tags) LIKE %(words)s "
    "AND (e.name ILIKE %(find)s OR e.display_name ILIKE %(find)s)"
)
# Looked up before they are put in order: otherwise all are read in that order, until enough of them are called so.
NAMED = """
    AND e.id = ANY(ARRAY(
      SELECT id FROM environments_environment
      WHERE organization_id = %(organization)s AND deleted_at IS NULL AND lower(name) = lower(%(name)s)
      UNION ALL
      SELECT id FROM environments_environment
      WHERE organization_id = %(organization)s AND deleted_at IS NULL AND lower(display_name) = lower(%(name)s)))
"""

PROJECTS = """
SELECT key, name FROM projects_project
WHERE organization_id = %(organization)s AND archived_at IS NULL AND {seen} ORDER BY name LIMIT %(limit)s
"""


class Choice(NamedTuple):
    """`stage` is the place in the organization's default chain, counted from 0, `None` outside of it."""

    id: str
    name: str
    display_name: str
    state: str
    protected: bool
    kind: str
    stage: int | None

    @property
    def title(self) -> str:
        return self.display_name or self.name


def choices(actor: Actor, *, find: str = "", limit: int) -> list[Choice]:
    """At most `limit` environments the actor may see, whose name holds `find`; one or two letters: begins so."""
    return _chosen(actor, FOUND if find else "", find, limit)


def named(actor: Actor, name: str, *, limit: int) -> list[Choice]:
    """At most `limit` environments the actor may see, of just this name or display name."""
    return _chosen(actor, NAMED, name, limit)


def _chosen(actor: Actor, found: str, find: str, limit: int) -> list[Choice]:
    values = {
        "organization": actor.organization.id,
        **scopes.values(actor),
        "words": f"%{_literal(names.line_holding(find))}%",
        "name": find,
        "find": f"{'%' if names.long_enough(find) else ''}{_literal(find)}%",
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(STATEMENT.format(seen=seen.clause(actor, row="e"), found=found), values)
        return [Choice._make(row) for row in cursor.fetchall()][:limit]


def _literal(typed: str) -> str:
    return typed.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def projects(actor: Actor, *, limit: int) -> list[tuple[str, str]]:
    """Key and name of the first projects that the actor may see, by name."""
    values = {"organization": actor.organization.id, "limit": limit, **scopes.values(actor)}
    with connection.cursor() as cursor:
        cursor.execute(PROJECTS.format(seen=scopes.within_clause(actor, project="id")), values)
        return [(key, name) for key, name in cursor.fetchall()]
