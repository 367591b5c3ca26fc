"""Who sees which environments: one answer for rows and for written statements, and a name is found by its index."""

import re

import pytest
from django.db import connection

from environments import lifecycle, seen
from environments.models import Environment
from environments.overview.choices import choices
from projects import names
from projects.access import Actor
from tests import builders
from tests.environments.house import House, house

pytestmark = pytest.mark.django_db
BY_NAME = re.compile(r"Index Cond: .*lower\(\(name\)::text\) = ")


@pytest.fixture
def crowd() -> House:
    """A permanent environment, one of each of two projects, and one that is being terminated."""
    built = house()
    for name in ("shared", "leaving"):
        built.environment(name)
    for key in ("AAA", "BBB"):
        project = built.project(key)
        lifecycle.create(by=built.owner, name=f"{key}-preview", project_id=str(project.id), provisioner="external")
    lifecycle.delete(lifecycle.find(built.owner, "leaving"), by=built.owner)
    return built


def people(built: House) -> dict[str, tuple[Actor, set[str]]]:
    """Each with the environments of the crowd that they see."""
    aaa = builders.lifecycle.find(built.owner, "AAA")
    shared, preview = (lifecycle.find(built.owner, name) for name in ("shared", "bbb-preview"))
    return {
        "owner": (built.owner, {"shared", "AAA-preview", "BBB-preview"}),
        "of one project": (built.person("viewer", project=aaa), {"shared", "AAA-preview"}),
        "of one environment": (built.person("viewer", environment=shared), {"shared"}),
        "of one of another project": (built.person("viewer", environment=preview), {"BBB-preview"}),
        "of neither": (built.person("viewer", project=aaa, environment=preview), set()),
        "stranger": (builders.owner_of(builders.organization()), set()),
    }


def test_rows_and_statements_and_lists_show_the_same_environments(crowd: House) -> None:
    for who, (actor, expected) in people(crowd).items():
        ours = Environment.objects.filter(organization=crowd.organization).exclude(is_default=True)
        assert {one.name for one in seen.environments(actor) & ours} == expected, who
        assert {one.name for one in choices(actor, limit=50)} - {"default"} == expected, who


def test_who_asks_for_it_sees_what_is_being_terminated_until_it_is_gone(crowd: House) -> None:
    going = seen.environments(crowd.owner, terminating=True)
    assert "leaving" in {one.name for one in going}
    Environment.objects.filter(name="leaving").update(terminated_at="2026-01-01T00:00:00Z")
    assert "leaving" not in {one.name for one in going.all()}


@pytest.mark.parametrize("name", ["nul\0", "half\ud800"])
def test_what_the_database_cannot_keep_is_nobodys_name(crowd: House, name: str) -> None:
    assert not seen.environments(crowd.owner).filter(names.same("name", name)).exists()


def test_a_name_is_found_by_the_index_that_makes_it_unique(crowd: House) -> None:
    kept = [field.column for field in Environment._meta.fields if field.column not in {"id", "name", "namespace"}]
    columns = ", ".join(kept)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO environments_environment (id, name, namespace, {columns})"
            f" SELECT gen_random_uuid(), 'bulk-' || g, 'bulk-' || g, {columns}"
            " FROM environments_environment, generate_series(1, 3000) g WHERE name = 'shared'"
        )
        # What is there is counted by whom the table belongs to.
        cursor.execute("RESET ROLE")
        cursor.execute("ANALYZE environments_environment")
    viewer, _ = people(crowd)["of one project"]
    for actor in (crowd.owner, viewer):
        found = lifecycle.visible(actor).filter(names.same("name", "Shared"))
        assert BY_NAME.search(found.explain()), found.explain()
        assert found.get().name == "shared"
