"""Which value wins where, what it refers to, and that asking why and asking what are the same question."""

import random
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from environments.configuration import secrets, variables
from environments.models import Environment
from environments.resolving import pins, resolution
from environments.resolving.problems import Unresolvable
from environments.resolving.resolution import Target
from environments.resolving.scopes import ORDER, Scope
from projects.credentials import Secret
from projects.models import Agent, App, Team
from tests.environments import house as houses
from tests.environments.house import House

pytestmark = pytest.mark.django_db


class World:
    """An agent in a team that works for a project with an app, in an environment that is based on another."""

    def __init__(self, house: House) -> None:
        self.by = house.owner
        self.project = house.project()
        self.app: App = house.app("shop", project=self.project)
        self.base, self.environment = house.environment("development"), house.environment("preview")
        Environment.objects.filter(pk=self.environment.pk).update(based_on=self.base)
        self.team = Team.objects.create(organization=house.organization, name="crew")
        self.agent = Agent.objects.create(organization=house.organization, name="robot", team=self.team)

    def scope(self, holder: str, in_environment: bool, base: bool = False) -> Scope:
        held: dict[str, Any] = {holder: getattr(self, holder)} if holder else {}
        environment = (self.base if base else self.environment) if in_environment else None
        return Scope(**held, environment=environment)

    @property
    def target(self) -> Target:
        return Target(
            organization_id=self.project.organization_id,
            environment_id=self.environment.pk,
            project_id=self.project.pk,
            app_id=self.app.pk,
            team_id=self.team.pk,
            agent_id=self.agent.pk,
        )

    def set(self, key: str, value: str, *, at: tuple[str, bool] = ("", False), base: bool = False) -> None:
        variables.create(self.scope(*at, base=base), by=self.by, key=key, value=value)

    def hide(self, key: str, value: str, *, at: tuple[str, bool] = ("", False), **more: Any) -> Any:
        return secrets.create(self.scope(*at), by=self.by, key=key, value=Secret(value), **more)

    def resolved(self) -> resolution.Resolution:
        return resolution.resolve(self.target)


@pytest.fixture
def world() -> World:
    return World(houses.house())


def test_a_stronger_scope_wins_and_the_weaker_ones_are_told_in_order(world: World) -> None:
    places = [(*place, False) for place in ORDER] + [(*place, True) for place in ORDER if place[1]]
    random.Random(7).shuffle(places)
    for holder, in_environment, base in places:
        world.set("LEVEL", f"{holder or 'none'} {in_environment} {base}", at=(holder, in_environment), base=base)

    found = world.resolved()

    told = [found.winners["LEVEL"], *found.shadowed["LEVEL"]]
    assert [one.value for one in told] == [
        "agent True False", "agent True True", "agent False False",
        "team True False", "team True True", "team False False",
        "app True False", "app True True", "app False False",
        "project True False", "project True True",
        "none True False", "none True True",
        "project False False", "none False False",
    ]  # fmt: skip
    assert found.environ() == {"LEVEL": "agent True False"}
    assert told[1].is_inherited and told[1].environment == "development"


def test_another_app_project_and_environment_give_nothing(world: World) -> None:
    house = houses.house()
    other = World(house)
    other.set("THEIRS", "x")
    world.set("MINE", "x", at=("app", True))

    assert set(world.resolved().environ()) == {"MINE"}
    elsewhere = Target(organization_id=world.project.organization_id, app_id=uuid.uuid4(), environment_id=world.base.pk)
    assert resolution.resolve(elsewhere).environ() == {}


def test_values_refer_to_others_after_precedence_nested_and_by_kind(world: World) -> None:
    world.set("HOST", "weak")
    world.set("HOST", "db.internal", at=("app", True))
    world.hide("PASSWORD", "s3cret")
    world.set("AUTH", "app:{{.secret.PASSWORD}}")
    world.set("URL", "postgres://{{AUTH}}@{{ .env.HOST }}/x")
    world.set("LITERAL", r"Hello \{{NAME}} and \{{")

    found = world.resolved()

    assert found.environ() == {
        "HOST": "db.internal",
        "PASSWORD": "s3cret",
        "AUTH": "app:s3cret",
        "URL": "postgres://app:s3cret@db.internal/x",
        "LITERAL": "Hello {{NAME}} and {{",
    }
    assert found.masked == {"PASSWORD", "AUTH", "URL"}
    assert found.problems == {}


def test_a_circle_is_named_as_one_and_what_refers_nowhere_names_key_and_reference(world: World) -> None:
    world.set("A", "{{B}}")
    world.set("B", "{{C}}")
    world.set("C", "{{A}}")
    world.set("LOST", "{{.secret.NOWHERE}}")
    world.set("PLAIN", "x")
    world.set("KIND", "{{.secret.PLAIN}}")

    found = world.resolved()

    assert found.problems["A"].sentence == "values refer to each other in a circle: A -> B -> C -> A"
    assert found.problems["LOST"].sentence == "LOST refers to {{.secret.NOWHERE}}, which is set nowhere here"
    assert found.problems["KIND"].sentence == "KIND refers to {{.secret.PLAIN}}, but PLAIN is a variable"
    with pytest.raises(Unresolvable) as refusal:
        found.environ()
    assert {each["field"] for each in refusal.value.errors} == {"A", "B", "C", "LOST", "KIND"}
    assert found.environ(["PLAIN"]) == {"PLAIN": "x"}


def test_a_revoked_secret_has_no_value_and_lets_no_weaker_one_through(world: World) -> None:
    world.hide("TOKEN", "weak")
    strong = world.hide("TOKEN", "strong", at=("app", True))
    world.set("HEADER", "Bearer {{TOKEN}}")
    secrets.revoke(strong, 1, by=world.by, destroy=True)

    found = world.resolved()

    assert found.problems["TOKEN"].sentence == "TOKEN v1 is revoked"
    assert found.problems["HEADER"].sentence == "TOKEN v1 is revoked"
    secrets.update(strong, by=world.by, value=Secret("new"))
    assert world.resolved().environ() == {"TOKEN": "new", "HEADER": "Bearer new"}


def test_values_that_grow_without_end_are_refused(world: World) -> None:
    world.set("V0", "x" * 1000)
    for n in range(1, 20):
        world.set(f"V{n}", f"{{{{V{n - 1}}}}}")
    world.set("MANY", "{{V0}}" * 100)

    found = world.resolved()

    assert found.problems["MANY"].code == "too-large"
    assert found.problems["V19"].code == "too-deep" and "V10" not in found.problems


def test_what_was_pinned_stays_when_values_change(world: World) -> None:
    world.set("A", "one")
    secret = world.hide("S", "old")
    before = world.resolved()
    secrets.update(secret, by=world.by, value=Secret("new"))
    variables.create(world.scope("app", True), by=world.by, key="A", value="two")

    again = pins.pinned(world.project.organization_id, pins.of(before))

    assert again.environ() == {"A": "one", "S": "old"} and pins.of(again) == pins.of(before)
    assert world.resolved().environ() == {"A": "two", "S": "new"}
    secrets.revoke(secret, 1, by=world.by)
    assert set(pins.pinned(world.project.organization_id, pins.of(before)).problems) == {"S"}


@pytest.mark.parametrize("keys", [1, 60])
def test_resolving_is_two_statements_however_many_keys(world: World, keys: int) -> None:
    for n in range(keys):
        world.set(f"K{n}", "x", at=ORDER[n % len(ORDER)])
        world.hide(f"S{n}", "x", at=ORDER[n % len(ORDER)])

    with CaptureQueriesContext(connection) as asked:
        values = resolution.resolve(world.target).environ()

    assert len(values) == 2 * keys
    assert len(asked) == 2


PLACES = st.sampled_from(ORDER)
VALUES = st.sampled_from(["plain", "{{K1}}", "{{.env.K2}} and {{K0}}", r"\{{K1}}", "{{GONE}}"])
SETTINGS = st.dictionaries(st.tuples(st.sampled_from(["K0", "K1", "K2", "K3"]), PLACES), VALUES, max_size=8)
TRIES = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@TRIES
@given(chosen=SETTINGS, seed=st.integers(0, 10))
def test_the_order_of_setting_never_matters_and_the_winner_told_is_the_value_had(
    world: World, chosen: dict[tuple[str, tuple[str, bool]], str], seed: int
) -> None:
    first, second = (_as_set(world, chosen, seed=n) for n in (0, seed))

    assert _outcome(first) == _outcome(second)
    for key, winner in first.winners.items():
        if key not in first.problems and not winner.refers:
            assert first.environ([key]) == {key: winner.value}


@TRIES
@given(chosen=SETTINGS, key=st.sampled_from(["K0", "NEW"]), value=st.just("stronger"))
def test_a_stronger_scope_changes_only_its_key_and_what_refers_to_it(
    world: World, chosen: dict[tuple[str, tuple[str, bool]], str], key: str, value: str
) -> None:
    chosen = {place: each for place, each in chosen.items() if place != (key, ORDER[-1])}
    before = _as_set(world, chosen)
    after = _as_set(world, {**chosen, (key, ORDER[-1]): value})

    changed = {one for one in after.winners if _told(before, one) != _told(after, one)}
    assert changed == {key}
    assert after.environ([key]) == {key: value}


def _as_set(world: World, chosen: dict[Any, str], *, seed: int = 0) -> resolution.Resolution:
    from django.db import transaction

    listed = list(chosen.items())
    random.Random(seed).shuffle(listed)
    with transaction.atomic():
        for (key, place), value in listed:
            world.set(key, value, at=place)
        found = world.resolved()
        _ = found.problems
        transaction.set_rollback(True)
    return found


def _told(found: resolution.Resolution, key: str) -> Any:
    winner = found.winners.get(key)
    return winner and (winner.value, winner.level)


def _outcome(found: resolution.Resolution) -> Any:
    told = {key: _told(found, key) for key in found.winners}
    shadows = {key: [one.value for one in many] for key, many in found.shadowed.items()}
    return told, shadows, {key: problem.code for key, problem in found.problems.items()}
