"""Open pages hear of what was committed: at once, in order, once, and only of what their person may see."""

import json
import time
import uuid

import pytest
from django.conf import settings
from django.test import Client

from projects import access, events, lifecycle, organizations
from projects.access import Actor
from projects.models import Event, Grant, Membership, Organization, Role, User
from tests.doors.web import Message, Web, listening, web
from tests.patience import patience


@pytest.fixture
def owner(server_environment: dict[str, str]) -> Actor:
    user = User.objects.create_user("olive", password="long enough to sign in")
    return access.of_user(user, organizations.create(name="Harbour", owner=user))


@events.operation
def something(by: Actor, *, project_id: uuid.UUID | None = None, environment_id: uuid.UUID | None = None) -> str:
    """One committed change; answers the subject it is about."""
    thing = uuid.uuid4()
    events.record(
        "app.updated",
        by=by,
        object={"kind": "app", "id": thing, "name": "ledger"},
        project_id=project_id,
        environment_id=environment_id,
    )
    return f"app:{thing}"


def cookies(actor: Actor) -> dict[str, str]:
    client = Client()
    client.force_login(actor.user)
    return {"cookie": f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"}


def told(message: Message) -> list[str]:
    """What a change is about; that something happened at all is told with every event."""
    subjects: list[str] = json.loads(message.data)
    assert "events" in subjects
    return [subject for subject in subjects if subject != "events"]


def position(organization: Organization) -> str:
    last = Event.objects.filter(organization_id=organization.pk).order_by("-number").first()
    return f"{organization.event_epoch}-{last.number if last else 0}"


def test_a_commit_by_another_process_is_heard_within_a_second(server: Web, owner: Actor) -> None:
    with listening(f"{server.url}/live?since={position(owner.organization)}", cookies(owner)) as stream:
        begun = time.monotonic()
        subject = something(owner)
        message = stream.next()

    assert message is not None and message.event == "change"
    assert told(message) == [subject]
    assert message.id == position(owner.organization)
    assert message.at - begun < patience(1)


def test_what_was_rolled_back_is_never_heard(server: Web, owner: Actor) -> None:
    @events.operation
    def regretted() -> None:
        something(owner)
        raise ValueError

    with listening(f"{server.url}/live?since={position(owner.organization)}", cookies(owner)) as stream:
        with pytest.raises(ValueError):
            regretted()
        kept = something(owner)
        message = stream.next()

    assert message is not None and told(message) == [kept]


def test_what_happened_between_the_page_and_its_stream_is_heard_first(server: Web, owner: Actor) -> None:
    since = position(owner.organization)
    missed = [something(owner) for _ in range(3)]

    with listening(f"{server.url}/live?since={since}", cookies(owner)) as stream:
        message = stream.next()

    assert message is not None and told(message) == sorted(missed)


def test_many_changes_in_a_moment_are_one_message(server: Web, owner: Actor) -> None:
    with listening(f"{server.url}/live?since={position(owner.organization)}", cookies(owner)) as stream:
        subjects = {something(owner) for _ in range(30)}
        heard, messages = set(), 0
        while heard != subjects:
            message = stream.next()
            assert message is not None
            heard |= set(told(message))
            messages += 1

    assert messages < 15, "on a machine that is busy the thirty take longer than one moment"


def test_a_bell_that_was_not_heard_costs_seconds_and_nothing_else(
    server_environment: dict[str, str], owner: Actor
) -> None:
    with (
        web(server_environment) as server,
        listening(f"{server.url}/live?since={position(owner.organization)}", cookies(owner)) as stream,
    ):
        Event.objects.create(
            organization_id=owner.organization.pk, kind="app.updated", actor="system", subjects=["x:1"]
        )
        message = stream.next(within=6)

    assert message is not None and told(message) == ["x:1"]


def test_a_restarted_server_loses_nothing_and_doubles_nothing(server: Web, owner: Actor) -> None:
    heard: list[str] = []
    address, headers = f"{server.url}/live?since={position(owner.organization)}", cookies(owner)
    with listening(address, headers) as stream:
        before = something(owner)
        message = stream.next()
        assert message is not None
        heard += told(message)

        server.stop()
        assert stream.next() is None
    while_away = something(owner)
    server.start()
    with listening(address, {**headers, "last-event-id": stream.last_id}) as again:
        after = something(owner)
        while len(heard) < 3:
            message = again.next()
            assert message is not None
            heard += told(message)

    assert sorted(heard) == sorted([before, while_away, after])


@pytest.mark.parametrize("since", ["7-1", "1-999"])
def test_a_cursor_of_another_time_is_told_to_begin_anew(server: Web, owner: Actor, since: str) -> None:
    something(owner)

    with listening(f"{server.url}/live", {**cookies(owner), "last-event-id": since}) as stream:
        message = stream.next()
        while message is not None and message.event != "reset":
            message = stream.next()

    assert message is not None and message.data == position(owner.organization)


def test_a_stranger_hears_nothing(server: Web, owner: Actor) -> None:
    user = User.objects.create_user("sam", password="long enough to sign in")
    stranger = access.of_user(user, organizations.create(name="Elsewhere", owner=user))

    with listening(f"{server.url}/live?since={position(stranger.organization)}", cookies(stranger)) as stream:
        something(owner)
        own = something(stranger)
        message = stream.next()

    assert message is not None and told(message) == [own]


def test_a_member_hears_only_of_their_environments(server: Web, owner: Actor) -> None:
    mine, other = uuid.uuid4(), uuid.uuid4()
    user = User.objects.create_user("vera", password="long enough to sign in")
    membership = Membership.objects.create(organization=owner.organization, user=user)
    Grant.objects.create(membership=membership, role=Role.VIEWER, environment_id=mine)
    viewer = access.of_user(user, owner.organization)

    with listening(f"{server.url}/live?since={position(owner.organization)}", cookies(viewer)) as stream:
        something(owner, environment_id=other)
        seen = something(owner, environment_id=mine)
        message = stream.next()

    assert message is not None and told(message) == sorted([seen, f"environment:{mine}"])
    assert message.id == position(owner.organization)


def test_nobody_listens_without_signing_in(server: Web) -> None:
    with pytest.raises(AssertionError, match="401"), listening(f"{server.url}/live", {}):
        pass


def test_a_project_that_becomes_private_is_not_heard_of_by_others_from_that_event_on(server: Web, owner: Actor) -> None:
    organization = owner.organization
    viewer = User.objects.create_user("vera", password="long enough to sign in")
    membership = Membership.objects.create(user=viewer, organization=organization)
    Grant.objects.create(membership=membership, role=Role.VIEWER)
    project = lifecycle.create(by=owner, key="HARBOUR", name="Harbour")
    seen = cookies(access.of_user(viewer, organization))

    with listening(f"{server.url}/live?since={position(organization)}", seen) as stream:
        first = something(owner, project_id=project.id)
        message = stream.next()
        assert message is not None and first in json.loads(message.data)
        lifecycle.update(project, by=owner, visibility="private")
        hidden = something(owner, project_id=project.id)
        made = lifecycle.create(by=owner, key="CELLAR", name="Cellar", visibility="private")
        deep = something(owner, project_id=made.id)
        last = something(owner)
        heard: set[str] = set()
        while last not in heard:
            message = stream.next()
            assert message is not None
            heard |= set(json.loads(message.data))

    assert not heard & {hidden, deep, f"project:{project.id}", f"project:{made.id}"}, heard
