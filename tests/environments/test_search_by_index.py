"""What is searched for among 100,000 environments is found through an index, also by those who see few of them."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from environments import lifecycle, seen, summaries
from environments.models import Environment
from environments.overview import environments as overviews
from environments.overview import search
from environments.overview.choices import choices
from projects.access import Actor
from projects.models import Event
from tests.environments.house import House, house

pytestmark = pytest.mark.django_db
ROWS = """
INSERT INTO environments_environment (id, organization_id, name, display_name, description, tags, priority, kind, tier,
  protected, is_default, wanted, state, state_changed_at, error_message, namespace, provisioner, directory,
  service_first, service_count, configuration, metadata, settings, env_vars, mcp_servers, resources, desired_version,
  created_by, created_at, updated_at)
SELECT gen_random_uuid(), %s, 'place-' || lpad(n::text, 6, '0'), '', '',
  (CASE WHEN n %% 50000 = 7 THEN '{northern}' ELSE '{}' END)::text[], 5, 'permanent', 'other', false, false, 'active',
  'running', now(), '', 'many-' || %s || n, 'external', '', 0, 0, '{}', '{}', '{}', '{}', '{}', '{}', 1,
  'user:' || CASE WHEN n = 77 THEN 'quentin' ELSE 'bench' END, now(), now()
FROM generate_series(1, %s) AS n
"""


@pytest.fixture
def crowded() -> House:
    """100,000 environments of one organization, and 2,000 of the same names in another."""
    home, other = house(), house()
    with connection.cursor() as cursor:
        for where, count in ((home, 100_000), (other, 2_000)):
            cursor.execute(ROWS, [where.organization.pk, str(where.organization.pk)[:8], count])
        as_owner(cursor, "ANALYZE environments_environment")
    return home


RELEASES = """
INSERT INTO projects_release (id, serial, organization_id, app_id, version, commit, manifest, created_by, created_at,
  notes, link, changes)
SELECT gen_random_uuid(), n, %s, %s, '7.' || n, md5(n::text), '{}', 'user:bench', now(), '', '', '[]'
FROM generate_series(1, 31000) AS n
"""
EVENTS = """
INSERT INTO projects_event (organization_id, number, kind, actor, object, subjects, data, at)
SELECT %s, 0, CASE WHEN n %% 10 = 0 THEN 'member.removed' ELSE 'run.ended' END, 'system',
  jsonb_build_object('name', 'gull' || n), '{}', '{}', now()
FROM generate_series(1, 5000) AS n
"""


def as_owner(cursor: Any, statement: str) -> None:
    """Only its owner may look at a table's statistics anew, as the server does by itself."""
    cursor.execute("SELECT current_user")
    (role,) = cursor.fetchone()
    cursor.execute("RESET ROLE")
    cursor.execute(statement)
    cursor.execute(f"SET ROLE {connection.ops.quote_name(role)}")


def explained(statement: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + statement.replace("%", "%%"), [])
        return "\n".join(line for (line,) in cursor.fetchall())


def plans_of(act: Callable[[], object]) -> Iterator[str]:
    """How each statement of the act that reads environments is carried out."""
    with CaptureQueriesContext(connection) as asked:
        act()
    for one in asked.captured_queries:
        if "environment_words(" in one["sql"]:
            yield explained(one["sql"])


def limited(home: House) -> Actor:
    return home.person("viewer", environment=Environment.objects.get(name="place-042137"))


def test_a_search_is_answered_by_an_index(crowded: House) -> None:
    for actor in (crowded.owner, limited(crowded)):
        # By name, tag, maker, nothing at all, in capitals, and with what is no letter.
        for typed in ("042137", "northern", "quentin", "nothing like it", "NORTHERN", "e-042137"):
            for act in (
                partial(overviews.page, actor, overviews.Filters(q=typed)),
                partial(choices, actor, find=typed, limit=6),
                partial(listed, actor, typed),
            ):
                plans = list(plans_of(act))
                assert plans
                for plan in plans:
                    assert "Seq Scan on environments_environment" not in plan, plan
                    # Who sees but one is answered by its key.
                    assert "environment_by_words" in plan or "environments_environment_pkey" in plan, plan
    # They cost a crowd each, were they tests of their own.
    what_nearly_all_have_in_common_is_read_in_the_order_of_the_page(crowded)
    one_or_two_letters_find_what_begins_with_them(crowded)


def listed(actor: Actor, typed: str) -> list[Environment]:
    """As REST lists them."""
    return list(summaries.named(lifecycle.visible(actor), typed)[:50])


def found(actor: Actor, typed: str) -> list[str]:
    return sorted(seen.matching(seen.environments(actor), typed).values_list("name", flat=True)[:60])


def one_or_two_letters_find_what_begins_with_them(crowded: House) -> None:
    crowded.environment("quay", tags=["xy"])
    crowded.environment("aqua", display_name="Qua")

    for typed, expected in (
        ("qu", ["aqua", "place-000077", "quay"]),
        ("xy", ["quay"]),
        ("Q", ["aqua", "place-000077", "quay"]),
    ):
        (plan,) = plans_of(partial(found, crowded.owner, typed))
        assert "environment_by_words" in plan, plan
        assert found(crowded.owner, typed) == expected


def what_nearly_all_have_in_common_is_read_in_the_order_of_the_page(crowded: House) -> None:
    (plan,) = plans_of(partial(overviews.page, crowded.owner, overviews.Filters(q="place-0")))
    assert "environment_by_name" in plan, plan


def test_words_are_taken_as_they_are() -> None:
    home = house()
    home.environment("far", tags=["northern"])
    home.environment("under_score", display_name="100%")
    assert found(home.owner, "under_score") == found(home.owner, "100%") == ["under_score"]
    assert found(home.owner, "r_s") == ["under_score"]
    assert found(home.owner, "e%0") == []
    assert [one.name for one in choices(home.owner, find="00%", limit=9)] == ["under_score"]
    assert choices(home.owner, find="northern", limit=9) == []


def test_a_release_is_found_by_version_and_commit_through_an_index() -> None:
    home = house()
    app = home.app("ferry")
    with connection.cursor() as cursor:
        cursor.execute(RELEASES, [home.organization.pk, app.pk])
        as_owner(cursor, "ANALYZE projects_release")
    for typed in ("7.4242", "a87ff679"):
        with CaptureQueriesContext(connection) as asked:
            assert "Releases" in [group.word for group in search.found(home.owner, typed)]
        for one in asked.captured_queries:
            if 'FROM "projects_release"' in one["sql"]:
                plan = explained(one["sql"])
                assert "Seq Scan on projects_release" not in plan, plan
                assert "release_by_version" in plan and "release_by_commit" in plan, plan


def test_who_was_removed_is_looked_for_through_an_index() -> None:
    home = house()
    removed = Event.objects.filter(organization_id=home.organization.pk, kind="member.removed", object__name="gull")
    with connection.cursor() as cursor:
        cursor.execute(EVENTS, [home.organization.pk])
        as_owner(cursor, "ANALYZE projects_event")
    with CaptureQueriesContext(connection) as asked:
        assert not removed.exists()
    assert "event_of_the_removed" in explained(asked.captured_queries[0]["sql"])
