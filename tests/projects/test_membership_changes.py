"""Roles given and taken away, people deactivated and activated: at once, here only, and never without an owner."""

import threading
from datetime import timedelta

import pytest
from django.contrib.auth import get_user
from django.db import connection
from django.http import HttpRequest
from django.utils import timezone

from projects import access, authentication, grants, memberships, tokens
from projects.errors import Conflict, NotAllowed, NotFound
from projects.models import AccessToken, Event, Grant, Membership, Organization, Role, UserSession
from projects.narration import sentence
from projects.session_store import ORGANIZATION, SessionStore
from tests import builders

pytestmark = pytest.mark.django_db


def membership(actor) -> Membership:
    return Membership.objects.get(user=actor.user, organization=actor.organization)


def session(actor, *, acting_in: Organization | None = None) -> str:
    """The key of a session this person has."""
    client = builders.browser(actor)
    if acting_in is not None:
        client.post("/organization", {"organization": acting_in.id})
    return client.session.session_key


def ended(key: str) -> bool:
    return not UserSession.objects.filter(pk=key).exists()


def test_a_role_is_given_and_taken_away() -> None:
    cast = builders.cast()
    project = builders.project(cast.owner)
    viewer = membership(cast.viewer)
    grants.give(viewer, by=cast.admin, role="operator", project=project)
    there = {"project_id": project.id}
    assert access.allows(access.of_user(cast.viewer.user, cast.organization), access.Permission.DEPLOY, **there)

    grants.take_away(viewer.grants.get(role="operator").id, viewer, by=cast.admin)

    assert not access.allows(access.of_user(cast.viewer.user, cast.organization), access.Permission.DEPLOY, **there)
    told = Event.objects.get(kind="member.grant_removed")
    assert sentence(told) == f"The role operator taken away from {cast.viewer.user.username}."
    with pytest.raises(NotFound):
        grants.take_away(Grant.objects.get(membership=membership(cast.admin)).id, viewer, by=cast.admin)


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_who_is_no_admin_changes_nobody(role: str) -> None:
    cast = builders.cast()
    by, other = getattr(cast, role), membership(cast.viewer)
    for change in (
        lambda: grants.give(other, by=by, role="viewer"),
        lambda: grants.take_away(other.grants.get().id, other, by=by),
        lambda: memberships.deactivate(other, by=by),
        lambda: memberships.activate(other, by=by),
        lambda: memberships.remove(other, by=by),
    ):
        with pytest.raises(NotAllowed):
            change()


def test_an_owner_is_changed_by_owners_alone() -> None:
    cast = builders.cast()
    second = membership(builders.member(cast.organization, Role.OWNER))
    for change in (
        lambda: grants.give(membership(cast.admin), by=cast.admin, role="owner"),
        lambda: grants.take_away(second.grants.get().id, second, by=cast.admin),
        lambda: memberships.deactivate(second, by=cast.admin),
        lambda: memberships.remove(second, by=cast.admin),
    ):
        with pytest.raises(NotAllowed):
            change()
    memberships.deactivate(second, by=cast.owner)
    with pytest.raises(NotAllowed):
        memberships.activate(second, by=cast.admin)
    memberships.activate(second, by=cast.owner)
    assert access.of_user(second.user, cast.organization).role == Role.OWNER


def test_the_last_owner_stays_whatever_is_tried() -> None:
    cast = builders.cast()
    last = membership(cast.owner)
    deactivated = membership(builders.member(cast.organization, Role.OWNER))
    memberships.deactivate(deactivated, by=cast.owner)
    limited = builders.member(cast.organization, Role.OWNER, project=builders.project(cast.owner))

    with pytest.raises(Conflict):
        grants.take_away(last.grants.get().id, last, by=cast.owner)
    with pytest.raises(Conflict):
        memberships.remove(last, by=cast.owner)
    with pytest.raises(Conflict, match="yourself"):
        memberships.deactivate(last, by=cast.owner)

    memberships.remove(membership(limited), by=cast.owner)
    assert access.of_user(cast.owner.user, cast.organization).role == Role.OWNER


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_end_each_other_at_the_same_moment_leave_one() -> None:
    cast = builders.cast()
    second = builders.member(cast.organization, Role.OWNER)
    pairs = [(cast.owner, membership(second)), (second, membership(cast.owner))]
    together, refused = threading.Barrier(2), []

    def deactivate(by, other) -> None:
        together.wait()
        try:
            memberships.deactivate(other, by=by)
        except Conflict as conflict:
            refused.append(conflict.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=deactivate, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert refused == ["last-owner"]
    assert cast.organization.memberships.filter(grants__role="owner", deactivated_at=None).count() == 1


def test_deactivation_ends_sessions_and_tokens_and_keeps_the_roles() -> None:
    cast = builders.cast()
    person = cast.admin
    secret, key = builders.token(person, "admin"), session(person)

    memberships.deactivate(membership(person), by=cast.owner)

    assert ended(key)
    with pytest.raises(authentication.NotAuthenticated):
        authentication.actor_of_bearer(f"Bearer {secret}")
    with pytest.raises(NotFound):
        access.of_user(person.user, cast.organization)
    assert sentence(Event.objects.get(kind="member.deactivated")).endswith("deactivated, and access tokens ended: 1.")

    memberships.activate(membership(person), by=cast.owner)
    assert access.of_user(person.user, cast.organization).role == Role.ADMIN
    with pytest.raises(authentication.NotAuthenticated):
        authentication.actor_of_bearer(f"Bearer {secret}")


def test_a_token_made_in_the_moment_of_deactivation_works_neither_then_nor_later() -> None:
    cast = builders.cast()
    memberships.deactivate(membership(cast.admin), by=cast.owner)
    secret = builders.token(cast.admin, "viewer")
    with pytest.raises(authentication.NotAuthenticated):
        authentication.actor_of_bearer(f"Bearer {secret}")
    memberships.activate(membership(cast.admin), by=cast.owner)
    with pytest.raises(authentication.NotAuthenticated):
        authentication.actor_of_bearer(f"Bearer {secret}")


@pytest.mark.parametrize("how", [memberships.deactivate, memberships.remove], ids=["deactivated", "removed"])
def test_who_leaves_one_organization_goes_on_in_another(how) -> None:
    cast = builders.cast()
    person = cast.admin
    elsewhere = builders.organization(person.user)
    theirs = builders.token(access.of_user(person.user, elsewhere), "viewer")
    here, there = session(person), session(person, acting_in=elsewhere)

    how(membership(person), by=cast.owner)

    assert ended(here) and not ended(there)
    assert authentication.actor_of_bearer(f"Bearer {theirs}").organization == elsewhere


def test_a_session_that_never_chose_goes_on_where_it_acts() -> None:
    cast = builders.cast()
    elsewhere = builders.organization(cast.admin.user)
    key = session(cast.admin)

    memberships.remove(
        Membership.objects.get(user=cast.admin.user, organization=elsewhere), by=_second_owner(elsewhere)
    )

    assert not ended(key)


def test_a_session_is_not_asked_to_write_more_than_once_a_minute(django_assert_num_queries) -> None:
    person = builders.cast().viewer
    key = session(person)

    def visit() -> None:
        request = HttpRequest()
        request.session = SessionStore(key)
        request.user = get_user(request)
        authentication.actor_of_request(request)

    with django_assert_num_queries(3):
        visit()
    UserSession.objects.update(last_seen_at=timezone.now() - timedelta(minutes=2))
    with django_assert_num_queries(4):
        visit()
    with django_assert_num_queries(3):
        visit()
    assert timezone.now() - UserSession.objects.get(pk=key).last_seen_at < timedelta(seconds=30)


def test_a_session_that_was_ended_is_not_made_again_by_being_used() -> None:
    person = builders.cast().viewer
    store = SessionStore(session(person))
    store[ORGANIZATION] = str(person.organization.pk)
    UserSession.objects.update(last_seen_at=timezone.now() - timedelta(minutes=2))
    store.row.last_seen_at = timezone.now() - timedelta(minutes=2)
    UserSession.objects.all().delete()

    store.touch()

    assert not UserSession.objects.exists()


def test_whoever_made_a_token_revokes_it_also_as_a_viewer() -> None:
    cast = builders.cast()
    own, _ = tokens.create(by=cast.admin, name="mine", role="viewer")
    other, _ = tokens.create(by=cast.owner, name="theirs", role="viewer")
    membership(cast.admin).grants.update(role="viewer")
    now = access.of_user(cast.admin.user, cast.organization)

    with pytest.raises(NotAllowed):
        tokens.revoke(other, by=now)
    tokens.revoke(own, by=now)

    assert AccessToken.objects.get(pk=own.pk).revoked_at is not None


def _second_owner(organization: Organization):
    return builders.member(organization, Role.OWNER)
