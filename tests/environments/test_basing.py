"""Basing an environment on another: who may, what makes no sense, and what follows."""

import pytest

from environments import lifecycle, undoing
from environments.configuration import rights, variables
from environments.lifecycle.deletion import Kept
from environments.models import Environment
from environments.resolving.scopes import Scope
from projects import lifecycle as projects
from projects.access import Actor
from projects.errors import Invalid, NotAllowed, NotFound
from projects.models import Event
from tests.environments import house as houses
from tests.environments.house import House

pytestmark = pytest.mark.django_db


@pytest.fixture
def house() -> House:
    return houses.house()


@pytest.fixture
def base(house: House) -> Environment:
    return house.environment("base", display_name="Base")


@pytest.fixture
def preview(house: House, base: Environment) -> Environment:
    return house.environment("preview", based_on=str(base.pk))


def based(environment: Environment, on: object, *, by: Actor) -> Environment:
    return lifecycle.update(environment, by=by, based_on=on)


def test_it_is_named_by_id_or_name_when_made_and_later_and_taken_away_again(
    house: House, base: Environment, preview: Environment
) -> None:
    assert preview.based_on == base
    other = house.environment("other")

    assert based(preview, "OTHER", by=house.owner).based_on == other
    assert based(preview, None, by=house.owner).based_on is None

    told = Event.objects.filter(kind="environment.updated").order_by("number")
    assert [event.data["changed"] for event in told] == [["based_on"], ["based_on"]]
    undoing.undo(told[1].pk, by=house.owner)
    preview.refresh_from_db()
    assert preview.based_on == other


def test_what_is_not_there_or_not_seen_cannot_be_a_base(house: House, preview: Environment) -> None:
    theirs = houses.house().environment("theirs")
    for ident in ("nowhere", str(theirs.pk), theirs.name):
        with pytest.raises(Invalid, match="There is no environment"):
            based(preview, ident, by=house.owner)
    with pytest.raises(Invalid, match="id or name"):
        based(preview, 7, by=house.owner)
    limited = house.person("admin", environment=preview)
    with pytest.raises(Invalid, match="There is no environment default"):
        based(preview, house.environment("default").name, by=limited)


def test_none_is_based_on_itself_and_a_circle_is_named(house: House, base: Environment, preview: Environment) -> None:
    last = house.environment("last", based_on="preview")

    with pytest.raises(Invalid, match="based on itself"):
        based(base, "base", by=house.owner)
    with pytest.raises(Invalid, match="in a circle: Base -> last -> preview -> Base"):
        based(base, "last", by=house.owner)
    assert based(last, "base", by=house.owner).based_on == base


def test_nobody_inherits_so_what_they_may_not_use(house: House) -> None:
    """Who works in a preview reads what its processes are given, so production's secrets need the right there."""
    project = house.project()
    house.environment("production", protected=True)
    operator = house.person("operator")
    own = {"kind": "ephemeral", "project_id": project.pk, "provisioner": "external"}

    with pytest.raises(NotAllowed):
        lifecycle.create(by=operator, name="mine", based_on="production", **own)
    made = lifecycle.create(by=operator, name="mine", **own)
    with pytest.raises(NotAllowed):
        based(made, "production", by=operator)
    assert based(made, "production", by=house.owner).based_on is not None


def test_what_reaches_a_protected_heir_needs_the_right_there(
    house: House, base: Environment, preview: Environment
) -> None:
    Environment.objects.filter(pk=preview.pk).update(protected=True)
    preview.refresh_from_db()
    admin, operator = house.person("admin", environment=base), house.person("operator")

    with pytest.raises(NotAllowed):
        rights.check_write(Scope(environment=base), by=operator)
    known = rights.reach([base, preview], by=operator)
    assert rights.why_not(Scope(environment=base), by=operator, known=known)
    assert not rights.why_not(Scope(environment=base), by=house.owner, known=known)
    based(base, house.environment("other").name, by=house.owner)
    with pytest.raises(NotFound):
        based(base, None, by=admin)


def test_what_others_are_based_on_is_not_deleted_under_them(
    house: House, base: Environment, preview: Environment
) -> None:
    with pytest.raises(Kept, match="Base hands its configuration down to preview"):
        lifecycle.delete(base, by=house.owner)
    with pytest.raises(Kept, match="hands its configuration down to an environment that you do not see"):
        lifecycle.delete(base, by=house.person("admin", environment=base))
    based(house.environment("leaf"), preview.name, by=house.owner)
    cellar = house.project("CELLAR")
    type(cellar).objects.filter(pk=cellar.pk).update(visibility="private")
    Environment.objects.filter(pk=preview.pk).update(project=cellar, kind="ephemeral")
    with pytest.raises(Kept, match="down to an environment that you do not see, which is based on it"):
        lifecycle.delete(base, by=house.person("admin"))
    preview.refresh_from_db()
    based(preview, None, by=house.owner)
    lifecycle.delete(base, by=house.owner)


def test_many_scopes_are_judged_by_one_look_as_each_is_by_its_own(house: House) -> None:
    """The rule is one: what was looked up before only spares statements."""
    base = house.environment("base")
    middle = house.environment("middle", based_on="base")
    last = house.environment("last", based_on="middle", protected=True)
    free = house.environment("free")
    project = house.project()
    bound = house.project("BOUND")
    bound.restrict_to_environment_id = free.pk
    people = [house.person(role) for role in ("viewer", "operator", "admin")]
    people += [house.person("operator", environment=last), house.person("operator", project=bound)]
    places = [None, base, middle, last, free]

    for person in people:
        known = rights.reach([base, middle, last, free], by=person)
        for holder in ({}, {"project": project}, {"project": bound}):
            for place in places:
                scope = Scope(**holder, environment=place)
                assert rights.why_not(scope, by=person, known=known) == rights.why_not(scope, by=person), str(scope)


def test_what_inherits_of_a_project_that_one_does_not_see_closes_nothing_by_hiding_itself(
    house: House, base: Environment, preview: Environment
) -> None:
    closed = house.project("CLOSED")
    Environment.objects.filter(pk=preview.pk).update(project=closed, kind="ephemeral")
    projects.update(closed, by=house.owner, visibility="private")
    based(preview, base.name, by=house.owner)
    admin = house.person("admin")

    rights.check_write(Scope(environment=base), by=admin)

    Environment.objects.filter(pk=preview.pk).update(protected=True)
    with pytest.raises(NotAllowed, match="an environment that you do not see"):
        rights.check_write(Scope(environment=base), by=house.person("operator"))


def test_what_one_project_has_in_an_environment_of_another_is_nothing(house: House, preview: Environment) -> None:
    own, other = house.project("OWN"), house.project("OTHER")
    Environment.objects.filter(pk=preview.pk).update(project=own, kind="ephemeral")
    preview.refresh_from_db()

    with pytest.raises(NotAllowed, match="belongs to another project"):
        variables.create(Scope(project=other, environment=preview), by=house.owner, key="A", value="x")
    variables.create(Scope(project=own, environment=preview), by=house.owner, key="A", value="x")


def test_a_private_project_s_chain_is_not_named_to_who_may_not_know_of_it(house: House, base: Environment) -> None:
    hidden = projects.create(by=house.owner, key="HID", name="Hidden", visibility="private")
    house.chain("base", project=hidden)

    with pytest.raises(Kept, match="Base stands in stage Stage 1 of the chain Chain"):
        lifecycle.delete(base, by=house.owner)
    with pytest.raises(Kept, match="Base stands in a chain that you do not see"):
        lifecycle.delete(base, by=house.person("admin"))
