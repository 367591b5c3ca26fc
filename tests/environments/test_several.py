"""Several environments at once: each is judged alone, each is an operation of its own, and each is told of."""

import uuid

import pytest

from environments import lifecycle
from environments.lifecycle import several
from environments.models import Environment, Run, State
from projects.errors import Invalid, NotAllowed, NotFound
from projects.models import Event
from tests.environments import house as houses
from tests.environments.house import House
from tests.environments.meeting import behind

pytestmark = pytest.mark.django_db


@pytest.fixture
def home() -> House:
    return houses.house()


def told(outcomes: list[several.Outcome]) -> dict[str, tuple[bool, str]]:
    return {one.name or "unseen": (one.done, one.sentence) for one in outcomes}


def test_what_one_refuses_stops_no_other(home: House) -> None:
    calm, shut, odd = (home.environment(name) for name in ("calm", "shut", "odd"))
    Environment.objects.filter(pk=shut.pk).update(protected=True)
    Environment.objects.filter(pk=odd.pk).update(state=State.ERROR, error_message="The disk is full.")
    before = Event.objects.filter(environment_id=shut.pk).count()

    outcomes = lifecycle.act_on_several("stop", [shut.pk, calm.pk, odd.pk, uuid.uuid4(), "rubbish"], by=home.owner)

    assert [one.done for one in outcomes] == [False, True, False, False, False]
    assert told(outcomes) == {
        "shut": (False, "shut is protected; stop it on its own page."),
        "calm": (True, "Is stopping."),
        "odd": (False, "odd is in error; retry or delete it."),
        "unseen": (False, "There is no such environment."),
    }
    states = dict(Environment.objects.filter(organization=home.organization).values_list("name", "state"))
    assert (states["calm"], states["shut"], states["odd"]) == ("stopping", "running", "error")
    assert Environment.objects.get(pk=shut.pk).wanted == "active"
    assert Event.objects.filter(environment_id=shut.pk).count() == before


def test_what_the_database_refuses_of_one_hides_nothing_of_the_others(home: House) -> None:
    odd, calm = home.environment("odd"), home.environment("calm")
    # Its start is queued already, though it does not say so.
    Run.objects.filter(environment=odd).update(phase="queued", finished_at=None)

    outcomes = lifecycle.act_on_several("stop", [odd.pk, calm.pk], by=home.owner)

    assert told(outcomes) == {
        "odd": (False, "Something else was changed here at the same moment; look again, then repeat it."),
        "calm": (True, "Is stopping."),
    }
    assert Environment.objects.get(pk=odd.pk).wanted == "active"


def test_each_is_started_and_says_where_it_is(home: House) -> None:
    places = {state: home.environment(state) for state in ("running", "stopped", "stopping")}
    for state, place in places.items():
        Environment.objects.filter(pk=place.pk).update(state=state, wanted="inactive")

    assert told(lifecycle.act_on_several("start", [one.pk for one in places.values()], by=home.owner)) == {
        "running": (True, "Runs already."),
        "stopped": (True, "Is starting."),
        "stopping": (True, "Starts again as soon as it has stopped."),
    }


def test_what_a_chain_holds_is_protected_or_was_there_first_is_not_deleted(home: House) -> None:
    names = ("free", "staged", "shut")
    free, staged, shut = (home.environment(name) for name in names)
    home.chain("staged")
    Environment.objects.filter(pk=shut.pk).update(protected=True)

    outcomes = lifecycle.act_on_several("delete", [free.pk, staged.pk, shut.pk, free.pk], by=home.owner)

    assert [(one.name, one.done, one.code) for one in outcomes] == [
        ("free", True, ""),
        ("staged", False, "kept"),
        ("shut", False, "kept"),
    ]
    assert set(Environment.objects.filter(deleted_at__isnull=False).values_list("name", flat=True)) == {"free"}


def test_a_tag_is_added_where_it_lacks_and_removed_where_it_is(home: House) -> None:
    one, two = home.environment("one", tags=["north"]), home.environment("two", tags=["south"])

    added = lifecycle.act_on_several("tag", [one.pk, two.pk], by=home.owner, tag=" north ")
    assert told(added) == {
        "one": (True, "Has the tag north already."),
        "two": (True, "Has the tag north now."),
    }
    assert Event.objects.filter(kind="environment.updated").count() == 1
    lifecycle.act_on_several("untag", [one.pk, two.pk], by=home.owner, tag="north")
    assert dict(Environment.objects.filter(name__in=("one", "two")).values_list("name", "tags")) == {
        "one": [],
        "two": ["south"],
    }
    refused = lifecycle.act_on_several("tag", [one.pk], by=home.owner, tag="x" * 51)
    assert told(refused) == {"one": (False, "A tag is a text of 1 to 50 characters.")}


@pytest.mark.django_db(transaction=True)
def test_a_tag_that_is_being_given_just_now_is_not_lost(home: House) -> None:
    place = home.environment("place", tags=["old"])
    behind(
        lambda: lifecycle.act_on_several("tag", [place.pk], by=home.owner, tag="first"),
        lambda: lifecycle.act_on_several("tag", [place.pk], by=home.owner, tag="second"),
    )
    assert Environment.objects.get(pk=place.pk).tags == ["old", "first", "second"]


def test_rights_are_asked_for_each(home: House) -> None:
    mine, other = home.environment("mine"), home.environment("other")
    limited, viewer = home.person("operator", environment=mine), home.person("viewer")
    stranger = houses.house()

    assert told(lifecycle.act_on_several("stop", [mine.pk, other.pk], by=limited)) == {
        "mine": (True, "Is stopping."),
        "unseen": (False, "There is no such environment."),
    }
    with pytest.raises(NotAllowed):
        lifecycle.act_on_several("stop", [other.pk], by=viewer)
    with pytest.raises(NotAllowed):
        lifecycle.act_on_several("tag", [mine.pk, other.pk], by=limited, tag="x")
    with pytest.raises(NotFound):
        lifecycle.act_on_several("delete", [mine.pk, other.pk], by=stranger.owner)
    assert not Environment.objects.filter(deleted_at__isnull=False).exists()


@pytest.mark.parametrize(
    ("what", "ids", "tag", "field"),
    [
        ("stop", [], "", "ids"),
        ("stop", [str(uuid.UUID(int=n)) for n in range(several.MOST + 1)], "", "ids"),
        ("burn", [str(uuid.UUID(int=1))], "", "act"),
        ("tag", [str(uuid.UUID(int=1))], " ", "tag"),
    ],
    ids=["none", "too many", "unknown act", "no tag"],
)
def test_what_can_be_said_of_none_is_refused_before_the_first(
    home: House, what: str, ids: list[str], tag: str, field: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        lifecycle.act_on_several(what, ids, by=home.owner, tag=tag)
    assert refusal.value.errors[0]["field"] == field


def test_a_hundred_at_once_stay_below_what_one_transaction_may_tell(home: House) -> None:
    """With an idempotency key all of them are one transaction."""
    like = home.environment("like-all-others")
    made = Environment.objects.bulk_create(
        Environment(
            organization=home.organization,
            name=f"env-{n:03}",
            namespace=f"{like.namespace}.{n}",
            provisioner="external",
            state=State.RUNNING,
            created_by="system",
        )
        for n in range(several.MOST)
    )
    before = Event.objects.count()

    outcomes = lifecycle.act_on_several("delete", [one.pk for one in made], by=home.owner)

    assert all(one.done for one in outcomes)
    assert several.MOST <= Event.objects.count() - before <= 500
