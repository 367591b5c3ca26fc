"""What is searched for among 100,000 environments is found through an index, also by those who see few of them."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from environments import lifecycle, seen, summaries
from environments.models import Environment, Host
from environments.overview import environments as overviews
from environments.overview import search
from environments.overview.choices import choices, named
from environments.overview.lists.listing import Asked
from environments.views.lists import LISTS
from projects.access import Actor
from projects.models import Event
from tests import builders
from tests.doors.rest import get
from tests.environments.house import House, house
from tests.shared import built_once

pytestmark = pytest.mark.django_db
ROWS = """
INSERT INTO environments_environment (id, organization_id, name, display_name, description, tags, priority, kind, tier,
  protected, is_default, wanted, state, state_changed_at, error_message, namespace, provisioner, directory,
  service_first, service_count, configuration, metadata, settings, required_secrets, mcp_servers, resources,
  desired_version, created_by, created_at, updated_at)
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
    one_of_just_this_name_is_found_by_its_name(crowded)
    # They cost a crowd each, were they tests of their own.
    what_nearly_all_have_in_common_is_read_in_the_order_of_the_page(crowded)
    one_or_two_letters_find_what_begins_with_them(crowded)


def one_of_just_this_name_is_found_by_its_name(crowded: House) -> None:
    crowded.environment("harbour", display_name="Place")
    for typed, expected in (("PLACE-042137", ["place-042137"]), ("place", ["harbour"]), ("place-", [])):
        with CaptureQueriesContext(connection) as asked:
            assert [one.name for one in named(crowded.owner, typed, limit=6)] == expected
        plan = explained(asked.captured_queries[0]["sql"])
        assert "environment_name_unique" in plan and "environment_by_display_name" in plan, plan


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
    for typed in ("7.4242", "a87ff679", "ferry 7.4242"):
        with CaptureQueriesContext(connection) as asked:
            assert "Releases" in [group.word for group in search.found(home.owner, typed)]
        for one in asked.captured_queries:
            if 'FROM "projects_release"' in one["sql"]:
                plan = explained(one["sql"])
                assert "Seq Scan on projects_release" not in plan, plan
                assert "release_by_version" in plan, plan
                assert "release_by_commit" in plan or typed.startswith("ferry"), plan


def test_who_was_removed_is_looked_for_through_an_index() -> None:
    home = house()
    removed = Event.objects.filter(organization_id=home.organization.pk, kind="member.removed", object__name="gull")
    with connection.cursor() as cursor:
        cursor.execute(EVENTS, [home.organization.pk])
        as_owner(cursor, "ANALYZE projects_event")
    with CaptureQueriesContext(connection) as asked:
        assert not removed.exists()
    assert "event_of_the_removed" in explained(asked.captured_queries[0]["sql"])


RUNS = """
INSERT INTO environments_run (id, organization_id, environment_id, app_id, kind, carried_by, phase, attempt,
  max_attempts, priority, service, claimant, claim_key, cancel_asked_by, timeout_seconds, specification, reason,
  last_lines, log_size, created_by, created_at)
SELECT gen_random_uuid(), %(organization)s, (%(environments)s::uuid[])[1 + n %% 200],
  NULL, 'restart', 'worker', 'failed', 1, 3, 5, '', '', '',
  '', 3600, '{}', CASE WHEN n %% 10 = 0 THEN 'gull ' || n ELSE '' END, '[]', 0, 'user:bench',
  now() - n * interval '1 second'
FROM generate_series(1, 8000) AS n
"""
DEPLOYMENTS = """
WITH planned AS (
  INSERT INTO environments_plan (id, organization_id, app_id, environment_id, kind, release_id, bypass, lift_hold,
    configuration, reason, link, changes, configuration_changes, gates, blocked, digest, created_by,
    created_at, expires_at)
  SELECT gen_random_uuid(), %(organization)s, %(app)s, (%(environments)s::uuid[])[1 + serial %% 200],
    'promotion', id, false, false, 'latest', '', '', '[]', '[]', '[]', false, '', 'user:bench', now(), now()
  FROM projects_release WHERE app_id = %(app)s AND serial <= 8000
  RETURNING id, environment_id, release_id
)
INSERT INTO environments_deployment (id, organization_id, app_id, environment_id, number, kind, release_id, plan_id,
  bypass, configuration, pins, pins_digest, reason, link, created_by, created_at)
SELECT gen_random_uuid(), %(organization)s, %(app)s, environment_id, row_number() OVER (), 'promotion', release_id, id,
  false, 'latest', '[]', '', '', '', 'user:bench', now()
FROM planned
"""
ENDPOINTS = """
INSERT INTO environments_endpoint (id, organization_id, environment_id, app_id, service, host_id, port, created_at)
SELECT gen_random_uuid(), %(organization)s, (%(environments)s::uuid[])[1 + n %% 200],
  %(app)s, 'web-' || n, %(host)s, 20000 + n,
  now() - n * interval '1 second'
FROM generate_series(1, 8000) AS n
"""
WORKERS = """
INSERT INTO environments_worker (id, organization_id, environment_id, kind, hostname, version, session_digest, status,
  tasks_processed, system_info, metadata, lease_until, last_heartbeat_at, registered_at, end_reason)
SELECT gen_random_uuid(), %(organization)s, (%(environments)s::uuid[])[1 + n %% 200],
  'joined', 'heron-' || n, '1', md5(n::text), 'idle', 0,
  '{}', '{}', now(), now(), now() - n * interval '1 second', ''
FROM generate_series(1, 8000) AS n
"""
APPS = """
INSERT INTO projects_app (id, organization_id, project_id, name, description, repository_url, created_by, created_at,
  updated_at)
SELECT gen_random_uuid(), %(organization)s, %(project)s, 'app-' || n, 'tern ' || n, '', 'user:bench', now(), now()
FROM generate_series(1, 8000) AS n
"""
LONG = (
    *("projects_app", "projects_release", "projects_event"),
    *("environments_deployment", "environments_run", "environments_endpoint", "environments_worker"),
)


@built_once
def furnished() -> House:
    """8,000 apps, deployments, runs, endpoints and workers and 5,000 events, in 200 environments."""
    home = house()
    app = home.app("ferry")
    host = Host.objects.create(name="pier", address="127.0.0.1")
    with connection.cursor() as cursor:
        cursor.execute(ROWS, [home.organization.pk, str(home.organization.pk)[:8], 200])
        environments = list(Environment.objects.values_list("pk", flat=True))
        given = {"organization": home.organization.pk, "environments": environments, "app": app.pk, "host": host.pk}
        cursor.execute(RELEASES, [home.organization.pk, app.pk])
        cursor.execute(EVENTS, [home.organization.pk])
        for statement in (DEPLOYMENTS, RUNS, ENDPOINTS, WORKERS, APPS):
            cursor.execute(statement, {**given, "project": app.project_id})
        # As the server does by itself after a while.
        for index in (
            "app_by_words",
            "app_by_description",
            "release_by_version",
            "run_by_reason",
            "endpoint_by_service",
            "worker_by_hostname",
        ):
            as_owner(cursor, f"SELECT gin_clean_pending_list('{index}')")
        for table in ("environments_environment", *LONG):
            as_owner(cursor, f"ANALYZE {table}")
    return home


def test_what_is_looked_for_in_a_long_list_is_found_through_an_index(furnished: House) -> None:
    guest = furnished.person("viewer", environment=Environment.objects.get(name="place-000042"))
    for name, typed, shown, index in (
        ("runs", "gull 4240", 1, "run_by_reason"),
        ("runs", "7.4242", 0, "release_by_version"),
        ("endpoints", "web-4242", 1, "endpoint_by_service"),
        ("endpoints", ":24242", 1, "endpoint_by_port"),
        ("workers", "heron-4242", 1, "worker_by_hostname"),
        ("activity", "gull4242", 1, "event_by_words"),
    ):
        act = partial(searched, name, "object" if name == "activity" else "q", typed)
        plans = looked_up(partial(act, furnished.owner))
        assert any(index in plan for plan in plans), "\n\n".join(plans)
        assert len(act(furnished.owner)) == shown
        looked_up(partial(act, guest))
    (by_nobody,) = (
        plan
        for plan in looked_up(partial(searched, "activity", "actor", "quentin", furnished.owner))
        if "projects_event" in plan
    )
    assert "event_by_words" in by_nobody, by_nobody
    for typed in ("tern 4242", "app-4242"):
        plans = looked_up(partial(get, builders.rest(furnished.owner), f"/apps?q={typed}"))
        assert any("app_by_words" in plan and "app_by_description" in plan for plan in plans), "\n\n".join(plans)


def test_a_later_page_of_a_long_list_is_entered_where_it_begins(furnished: House) -> None:
    for name, at in (("runs", "created_at"), ("endpoints", "created_at"), ("workers", "registered_at")):
        following = LISTS[name].listed(furnished.owner, Asked({}, None)).next
        cursor = parse_qs(following.lstrip("?"))["cursor"][0]
        later = Asked({}, None, cursor)
        plans = looked_up(partial(LISTS[name].listed, furnished.owner, later))
        (paged,) = (plan for plan in plans if "Limit" in plan and at in plan)
        assert re.search(rf"Index Cond: .*{at} <=", paged), paged
        assert len(LISTS[name].listed(furnished.owner, later).rows) == 50


def searched(name: str, where: str, typed: str, actor: Actor) -> list[list[Any]]:
    return list(LISTS[name].listed(actor, Asked({where: typed}, None)).rows)


def looked_up(act: Callable[[], object]) -> list[str]:
    """How its statements are carried out, of which none reads a long table from one end to the other.

    But for those that look for environments by their words: what is in a single one may well be the whole table.
    """
    with CaptureQueriesContext(connection) as asked:
        act()
    plans = [explained(one["sql"]) for one in asked.captured_queries if is_own(one["sql"])]
    for plan in plans:
        assert not any(f"Seq Scan on {table}" in plan for table in LONG), plan
    return plans


def is_own(statement: str) -> bool:
    return statement.startswith("SELECT") and "environment_words(" not in statement
