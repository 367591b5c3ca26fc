"""Undo over REST: an event is found by its id, and what it tells of is taken back."""

import pytest

from environments.models import Hold
from projects.models import Event
from tests.doors.rest import delete, get, is_problem, patch, post
from tests.doors.street import Street, street
from tests.shared import built_once, fresh

pytestmark = pytest.mark.django_db


built = built_once(street)


@pytest.fixture
def ours(built: Street) -> Street:
    return fresh(built)


def newest(ours: Street, kind: str) -> dict[str, str]:
    found: dict[str, str] = get(ours.script("viewer"), f"/events?kind={kind}").json()[-1]
    return found


def test_a_hold_that_was_lifted_is_placed_again_and_the_log_says_what_was_undone(ours: Street) -> None:
    client = ours.script("operator")
    delete(client, f"/holds/{ours.things['hold_id']}")
    lifted = newest(ours, "hold.lifted")

    undone = post(client, f"/events/{lifted['id']}/undoing", {"reason": "fog again"})

    assert (undone.status_code, undone.json()) == (200, lifted)
    placed = newest(ours, "hold.placed")
    assert (placed["undoes"], placed["reason"]) == (lifted["id"], "fog again")
    assert Hold.objects.get(lifted_at=None).reason == "fog again"


def test_an_archived_app_is_restored_and_twice_is_too_late(ours: Street) -> None:
    client, app = ours.script("admin"), ours.house.app("tug")
    delete(client, f"/apps/{app.id}")
    path = f"/events/{newest(ours, 'app.archived')['id']}/undoing"

    first = post(client, path, Idempotency_Key="once")

    assert first.status_code == 200 and get(client, f"/apps/{app.id}").json()["archived_at"] is None
    assert post(client, path, Idempotency_Key="once").json() == first.json()
    again = post(client, path)
    assert is_problem(again, 409, "moved-on") and "archived or restored again meanwhile" in again.json()["detail"]


def test_a_project_and_an_app_get_back_what_they_had(ours: Street) -> None:
    client, app = ours.script("admin"), ours.things["app_id"]
    for path, kind in ((f"/projects/{ours.things['project_id']}", "project"), (f"/apps/{app}", "app")):
        before = get(client, path).json()
        patch(client, path, {"name": "Pier", "description": "of wood"})
        undone = post(client, f"/events/{newest(ours, f'{kind}.updated')['id']}/undoing")
        assert undone.status_code == 200
        after = get(client, path).json()
        assert {**after, "updated_at": before["updated_at"]} == before


def test_what_has_no_way_back_is_refused_with_a_sentence(ours: Street) -> None:
    refused = post(ours.script("owner"), f"/events/{newest(ours, 'release.cut')['id']}/undoing")
    assert is_problem(refused, 409, "cannot-undo")
    assert refused.json()["detail"] == "This cannot be undone: ferry 2.0 cut."


@pytest.mark.parametrize("mark", ["nonsense", "1", "1-", "7-1", "1-999999999", f"1-{'9' * 30}", "1-1%00"])
def test_an_event_that_is_not_there_is_404(ours: Street, mark: str) -> None:
    before = Event.objects.count()
    assert is_problem(post(ours.script("owner"), f"/events/{mark}/undoing"), 404)
    assert Event.objects.count() == before
