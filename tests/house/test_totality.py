"""Every state, phase, permission and event has its place in its table."""

import ast

from environments import states, statuses
from environments.models import Phase, Slot, State
from environments.overview.lists import activity
from environments.views import live
from projects import access, narration
from projects.access import Permission
from projects.models import Event, Role
from tests.house.sources import trees


def test_every_state_can_be_entered_and_left() -> None:
    assert {t.source for t in states.TRANSITIONS} == set(State)
    assert {t.target for t in states.TRANSITIONS} >= set(State) - {State.PENDING}
    assert len({(t.source, t.target) for t in states.TRANSITIONS}) == len(states.TRANSITIONS)


def test_every_state_that_is_offered_has_a_way_out() -> None:
    entered = {t.target for t in states.TRANSITIONS if t.offered} | {State.PENDING}
    left = {t.source for t in states.TRANSITIONS if t.offered}
    assert entered <= left


def test_every_state_has_a_status_a_verb_and_a_look() -> None:
    assert set(states.STATUS) == set(State)
    assert set(states._VERBS) == set(State)
    for state in State:
        assert statuses.status_of(state) is not statuses.UNKNOWN


def test_every_phase_and_condition_has_a_look() -> None:
    for name in [*Phase, *(one for one in Slot.Condition if one != "ok"), "skipped"]:
        assert statuses.phase_of(name) is not statuses.UNKNOWN, name


def test_every_permission_belongs_to_a_role_and_has_words() -> None:
    assert set().union(*access.PERMISSIONS.values()) == set(Permission)
    assert set(access.WORDS) == set(Permission)
    assert set(access.PERMISSIONS) == set(Role) == set(access.RANK)


def test_every_event_that_is_recorded_can_be_told() -> None:
    recorded = _literal_kinds() | {f"environment.{verb}" for verb in states._VERBS.values()}
    assert recorded, "the check must see what is recorded"
    assert recorded - set(narration.SENTENCES) == set()


def test_every_event_that_can_be_told_is_among_the_kinds_to_choose_from_and_makes_the_open_list_look_again() -> None:
    assert {kind.partition(".")[0] for kind in narration.SENTENCES} == set(activity.NOUNS)
    (listened,) = activity.SUBJECTS.split()
    for kind in narration.SENTENCES:
        assert listened in live.changed([Event(kind=kind)], []), kind
    assert live.changed([], [{"subjects": ["run:1"]}]) == ["run:1"], "what is only hinted at is no event"


def _literal_kinds() -> set[str]:
    """First arguments of `events.record(...)` and of the rooms' own `_record(...)` that are written out."""
    kinds = set()
    for tree in trees().values():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            first = node.args[0]
            if name in {"record", "_record"} and isinstance(first, ast.Constant) and "." in str(first.value):
                kinds.add(str(first.value))
    return kinds
