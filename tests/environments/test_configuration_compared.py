"""Environments side by side: equal, different, missing, inherited; who learns that two secrets are equal."""

import time
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from environments.configuration import comparisons, copying, entries, secrets, variables
from environments.configuration.importing import ChangedMeanwhile
from environments.models import Entry, Environment
from environments.resolving.comparing import Cell, Comparison, Row
from environments.resolving.scopes import Scope
from projects import access, grants, memberships
from projects.access import Actor
from projects.credentials import Secret
from projects.errors import Conflict, Invalid, NotAllowed, NotFound
from projects.limits import TooMany
from projects.models import App, Event
from tests.environments import house as houses
from tests.environments.house import House

pytestmark = pytest.mark.django_db


class World:
    """An app in three stages, of which the last is production."""

    def __init__(self) -> None:
        self.house: House = houses.house()
        self.by = self.house.owner
        self.app: App = self.house.app("shop")
        self.stages = [
            self.house.environment(name, tier=tier)
            for name, tier in (("dev", "development"), ("staging", "staging"), ("production", "production"))
        ]
        Environment.objects.filter(pk=self.stages[2].pk).update(protected=True)
        self.stages[2].refresh_from_db()
        self.holder = Scope(app=self.app)

    def set(self, key: str, value: str, *, at: Scope | int | None = None) -> Entry:
        return variables.create(self.scope(at), by=self.by, key=key, value=value)

    def hide(self, key: str, value: str, *, at: Scope | int | None = None, **more: Any) -> Entry:
        return secrets.create(self.scope(at), by=self.by, key=key, value=Secret(value), **more)

    def scope(self, at: Scope | int | None) -> Scope:
        return Scope(environment=self.stages[at]) if isinstance(at, int) else at or Scope()

    def compared(self, by: Actor | None = None, *, secrets: bool = False) -> Comparison:
        act = comparisons.compare_secrets if secrets else comparisons.compare
        return act(self.stages, self.holder, by=by or self.by)

    def row(self, key: str, **how: Any) -> Row:
        return next(row for row in self.compared(**how).rows if row.key == key)


@pytest.fixture
def world() -> World:
    return World()


def shown(row: Row) -> list[str | None]:
    return [cell.value for cell in row.cells]


def test_each_key_is_told_as_equal_different_or_missing_by_what_it_comes_to(world: World) -> None:
    world.set("EVERYWHERE", "1")
    world.set("HOST", "dev", at=0)
    world.set("HOST", "staging", at=1)
    world.set("URL", "http://{{HOST}}/")
    for n in range(3):
        world.set("ALIKE", "x", at=n)

    found = world.compared()

    assert {row.key: (row.difference, shown(row)) for row in found.rows} == {
        "ALIKE": ("same", ["x", "x", "x"]),
        "EVERYWHERE": ("same", ["1", "1", "1"]),
        "HOST": ("missing", ["dev", "staging", None]),
        "URL": ("different", ["http://dev/", "http://staging/", None]),
    }
    assert found.rows[3].cells[2].problem == "URL refers to {{HOST}}, which is set nowhere here."
    assert found.counts == {"missing": 1, "different": 1, "unknown": 0, "same": 2}


def test_what_is_inherited_and_what_prevails_over_wider_values_is_told(world: World) -> None:
    Environment.objects.filter(pk=world.stages[1].pk).update(based_on=world.stages[0])
    world.set("LEVEL", "debug", at=0)
    world.set("LEVEL", "info")
    world.set("LEVEL", "warn", at=Scope(app=world.app, environment=world.stages[2]))

    cells = world.row("LEVEL").cells

    assert [(cell.value, cell.is_inherited, cell.overrides) for cell in cells] == [
        ("debug", False, 1), ("debug", True, 1), ("warn", False, 1)
    ]  # fmt: skip


def test_without_asking_only_one_and_the_same_version_of_a_secret_is_known_to_be_equal(world: World) -> None:
    world.hide("SHARED", "planted")
    for n in range(3):
        world.hide("OWN", "planted", at=n)
        world.set("BUILT", "x{{OWN}}", at=n)

    found = {row.key: row for row in world.compared().rows}

    assert {key: row.difference for key, row in found.items()} == {
        "BUILT": "unknown", "OWN": "unknown", "SHARED": "same"
    }  # fmt: skip
    assert all(
        cell.masked and cell.value is None and not cell.fingerprint for row in found.values() for cell in row.cells
    )
    assert "planted" not in repr(found) and not Event.objects.filter(kind="secret.compared").exists()


def test_by_fingerprint_equal_secrets_are_told_to_who_may_write_them_as_an_event_of_each_place(world: World) -> None:
    for n, value in enumerate(("planted-1", "planted-1", "planted-2")):
        world.hide("OWN", value, at=n)
        world.set("BUILT", "x{{OWN}}", at=n)

    own = world.row("OWN", secrets=True)

    assert own.difference == "different" and own.cells[0].fingerprint == own.cells[1].fingerprint
    assert own.cells[2].fingerprint not in {"", own.cells[0].fingerprint}
    told = Event.objects.filter(kind="secret.compared")
    assert [one.environment_id for one in told.order_by("id")] == [stage.pk for stage in world.stages]
    assert all(one.data["keys"] == ["BUILT", "OWN"] for one in told) and "planted" not in str(told.values())


def test_who_may_not_write_on_both_sides_learns_nothing_of_that_pair(world: World) -> None:
    for n in range(3):
        world.hide("OWN", "planted", at=n)

    row = world.row("OWN", by=world.house.person("operator"), secrets=True)

    assert [bool(cell.fingerprint) for cell in row.cells] == [True, True, False]
    assert row.difference == "unknown"
    assert {one.environment_id for one in Event.objects.filter(kind="secret.compared")} == {
        stage.pk for stage in world.stages[:2]
    }
    with pytest.raises(NotAllowed):
        world.compared(by=world.house.person("viewer"), secrets=True)


def test_secrets_are_not_compared_too_often(world: World) -> None:
    world.hide("OWN", "x", at=0)
    for _ in range(comparisons.MOST):
        world.compared(secrets=True)
    with pytest.raises(TooMany):
        world.compared(secrets=True)
    assert world.compared().rows, "the rest is still told"


def test_a_secret_that_production_shares_with_a_lower_stage_is_warned_of(world: World) -> None:
    for n, value in enumerate(("same", "other", "same")):
        world.hide("DATABASE_PASSWORD", value, at=n)
    world.hide("WIDE", "x")
    for n in range(3):
        world.hide("ALONE", f"{n}", at=n)

    assert [(row.key, row.shared) for row in world.compared().shared] == [("WIDE", (0, 1, 2))]
    assert [(row.key, row.shared) for row in world.compared(secrets=True).shared] == [
        ("DATABASE_PASSWORD", (0, 2)), ("WIDE", (0, 1, 2))
    ]  # fmt: skip


def test_a_revoked_secret_has_no_value_and_equals_nothing(world: World) -> None:
    world.hide("OWN", "x", at=0)
    secrets.revoke(world.hide("OWN", "x", at=1), 1, by=world.by)
    world.hide("OWN", "x", at=2)

    row = world.row("OWN", secrets=True)

    assert row.difference == "different" and row.cells[1] == Cell(
        row.cells[1].winner, True, None, "OWN v1 is revoked.", 0, "", row.cells[1].token
    )
    assert row.shared == (0, 2)


def test_two_to_six_different_environments_are_compared(world: World) -> None:
    for wrong in (world.stages[:1], [world.stages[0]] * 2, world.stages * 3):
        with pytest.raises(Invalid):
            comparisons.compare(wrong, world.holder, by=world.by)


def test_it_costs_the_same_however_many_keys_there_are(world: World) -> None:
    def cost(secrets: bool) -> int:
        with CaptureQueriesContext(connection) as queries:
            world.compared(secrets=secrets)
        return len(queries)

    def more(first: int) -> None:
        for n in range(first, first + 3):
            world.set(f"PLAIN_{n}", "x{{HIDDEN_0}}", at=1)
            world.hide(f"HIDDEN_{n}", "x", at=2)

    world.hide("HIDDEN_0", "x")
    more(1)
    few = cost(False), cost(True)
    more(10)
    assert (cost(False), cost(True)) == few


def test_a_variable_is_copied_with_its_type_as_a_version_that_says_where_from(world: World) -> None:
    variables.create(world.scope(0), by=world.by, key="LIMIT", value="5", type="number", description="how many")
    there = Scope(app=world.app, environment=world.stages[1])

    seen = copying.preview("LIMIT", world.stages[0], world.holder, there, by=world.by)
    assert (seen.value, seen.replaces, seen.replaced) == ("5", None, None)
    _, made = copying.copy("LIMIT", world.stages[0], world.holder, there, by=world.by, seen=seen.digest)

    made = entries.find(world.by, made.pk)
    assert made.current and (made.current.type, made.current.value, made.description) == ("number", "5", "how many")
    assert made.current.note == "copied from dev, v1" and entries.scope_of(made).columns == there.columns


def test_a_copy_shows_what_it_replaces_and_replaces_nothing_newer(world: World) -> None:
    world.set("LEVEL", "debug", at=0)
    old = world.set("LEVEL", "info", at=1)
    asked = ("LEVEL", world.stages[0], world.holder, world.scope(1))
    seen = copying.preview(*asked, by=world.by)
    assert (seen.value, seen.replaced) == ("debug", "info")
    variables.update(old, by=world.by, value="warn")

    with pytest.raises(ChangedMeanwhile):
        copying.copy(*asked, by=world.by, seen=seen.digest)
    copying.copy(*asked, by=world.by)

    assert world.row("LEVEL").cells[1].value == "debug"


def test_a_secret_is_copied_unseen_and_stays_write_only(world: World) -> None:
    world.hide("TOKEN", "planted", at=0, write_only=True)
    for n in (1, 2):
        asked = ("TOKEN", world.stages[0], world.holder, world.scope(n))
        if n == 2:
            world.hide("TOKEN", "old", at=2)
        seen = copying.preview(*asked, by=world.by)
        assert seen.value is None and "planted" not in repr(seen)
        _, made = copying.copy(*asked, by=world.by)
        made = entries.find(world.by, made.pk)
        assert made.write_only and secrets.opened([made])[made.pk].reveal() == "planted"
    assert "planted" not in str(list(Event.objects.values_list("data", "object")))


def test_a_secret_is_copied_only_by_who_may_use_it_there_and_write_here(world: World) -> None:
    world.hide("TOKEN", "x", at=2)
    world.set("PLAIN", "x", at=2)
    operator = world.house.person("operator")

    with pytest.raises(NotAllowed):
        copying.preview("TOKEN", world.stages[2], world.holder, world.scope(0), by=operator)
    copying.copy("PLAIN", world.stages[2], world.holder, world.scope(0), by=operator)
    with pytest.raises(NotAllowed):
        copying.copy("PLAIN", world.stages[0], world.holder, world.scope(2), by=operator)


def test_what_cannot_be_copied_is_refused_with_the_reason(world: World) -> None:
    world.hide("MIXED", "x", at=0)
    world.set("MIXED", "x", at=1)
    secrets.revoke(world.hide("DEAD", "x", at=0), 1, by=world.by)
    for key, origin, to, kind, words in (
        ("NOWHERE", 0, 1, NotFound, "not set in dev"),
        ("MIXED", 0, 1, Conflict, "is a variable in staging"),
        ("MIXED", 0, 0, Conflict, "comes from dev itself"),
        ("DEAD", 0, 1, Conflict, "DEAD v1 is revoked"),
    ):
        with pytest.raises(kind, match=words):
            copying.preview(key, world.stages[origin], world.holder, world.scope(to), by=world.by)


def test_five_environments_with_a_thousand_keys_are_compared_quickly(world: World) -> None:
    """The figure itself is the benchmark's; here only that nothing grows out of proportion."""
    for n in range(150):
        world.set(f"K{n}", "x", at=n % 3)
    began = time.process_time()
    assert len(world.compared().rows) == 150
    assert time.process_time() - began < 1


def test_who_sees_one_project_here_and_another_there_compares_nothing_of_the_one_there(world: World) -> None:
    """A grant names a pair: two of them are not four."""
    visitor = world.house.person("operator", project=world.app.project, environment=world.stages[0], name="visitor")
    member = memberships.find(world.by, visitor.user.username)
    elsewhere = world.house.project("OTHER")
    grants.give(member, by=world.by, role="operator", project=elsewhere, environment_id=world.stages[1].pk)

    with pytest.raises(NotFound):
        comparisons.compare(world.stages[:2], world.holder, by=access.of_user(member.user, member.organization))
