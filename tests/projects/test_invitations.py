"""Invitations: good once, for some days, and no more than their maker may give."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from projects import access, authentication, invitations, memberships
from projects.credentials import Secret
from projects.errors import Conflict, Gone, Invalid, NotAllowed, NotFound
from projects.models import Event, Grant, Invitation, Membership, Role, User
from projects.narration import sentence
from tests import builders

pytestmark = pytest.mark.django_db
NEW = "another good password"


def accept(secret: Secret, username: str = "", password: str = NEW) -> User:
    return invitations.accept(secret.reveal(), username=username or builders.name("new"), password=password)


def test_an_invitation_makes_a_person_with_its_role_in_its_place() -> None:
    cast = builders.cast()
    project = builders.project(cast.owner)
    made, secret = invitations.invite(by=cast.admin, role="operator", project=project, email="ada@example.org")

    person = accept(secret, "ada")

    assert person.email == "ada@example.org"
    grant = Grant.objects.get(membership__user=person)
    assert (grant.role, grant.project) == ("operator", project)
    assert authentication.sign_in(username="ada", password=NEW, address=builders.name("address")) == person
    joined = Event.objects.get(kind="member.joined")
    assert sentence(joined) == f"ada joined as operator, invited by {cast.admin.user.username}."
    assert f"invitation:{made.id}" in joined.subjects


def test_a_link_is_good_once_and_its_secret_is_nowhere_kept() -> None:
    cast = builders.cast()
    made, secret = invitations.invite(by=cast.admin, role="viewer")
    assert secret.reveal() not in str(Invitation.objects.filter(pk=made.pk).values().get())
    assert secret.reveal() not in str(list(Event.objects.values()))
    accept(secret)
    with pytest.raises(Gone):
        accept(secret)
    with pytest.raises(Gone):
        invitations.of_link(secret.reveal(), address=builders.name("address"))


@pytest.mark.django_db(transaction=True)
def test_of_two_who_open_one_link_at_the_same_moment_one_joins() -> None:
    cast = builders.cast()
    _, secret = invitations.invite(by=cast.admin, role="viewer")
    together, gone = threading.Barrier(2), []

    def open_it() -> None:
        together.wait()
        try:
            accept(secret)
        except Gone:
            gone.append(True)
        finally:
            connection.close()

    threads = [threading.Thread(target=open_it) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert gone == [True]
    assert Membership.objects.filter(organization=cast.organization).count() == 5


def test_a_link_that_is_revoked_or_too_old_is_dead() -> None:
    cast = builders.cast()
    revoked, first = invitations.invite(by=cast.admin, role="viewer")
    old, second = invitations.invite(by=cast.admin, role="viewer")
    assert timedelta(days=6) < old.expires_at - timezone.now() <= timedelta(days=7)
    invitations.revoke(revoked, by=cast.admin)
    Invitation.objects.filter(pk=old.pk).update(expires_at=timezone.now())
    for secret in (first, second, Secret("tpi_unknown")):
        with pytest.raises(Gone):
            accept(secret)
    assert list(invitations.visible(cast.admin)) == []


def test_an_accepted_invitation_cannot_be_revoked() -> None:
    cast = builders.cast()
    made, secret = invitations.invite(by=cast.admin, role="viewer")
    accept(secret)
    with pytest.raises(Conflict):
        invitations.revoke(made, by=cast.admin)


def test_nobody_invites_above_their_own_rights() -> None:
    cast = builders.cast()
    limited = builders.member(cast.organization, "admin", project=builders.project(cast.owner))
    for by, role in ((cast.admin, "owner"), (cast.operator, "viewer"), (cast.viewer, "viewer"), (limited, "viewer")):
        with pytest.raises(NotAllowed):
            invitations.invite(by=by, role=role)
    made, _ = invitations.invite(by=cast.owner, role="owner")
    with pytest.raises(NotAllowed):
        invitations.revoke(made, by=cast.admin)
    assert list(invitations.visible(cast.viewer)) == []
    with pytest.raises(NotFound):
        invitations.find(cast.stranger, made.id)


def test_who_may_not_invite_any_more_gives_nothing_by_what_they_sent_before() -> None:
    cast = builders.cast()
    _, removed = invitations.invite(by=cast.admin, role="admin")
    second = builders.member(cast.organization, Role.OWNER)
    _, lowered = invitations.invite(by=second, role="owner")
    memberships.remove(cast.admin.user.memberships.get(), by=cast.owner)
    second.user.memberships.get().grants.update(role="admin")
    for secret in (removed, lowered):
        with pytest.raises(Gone):
            accept(secret)


def test_somebody_who_is_known_joins_and_keeps_their_password() -> None:
    cast = builders.cast()
    person = cast.stranger.user
    _, secret = invitations.invite(by=cast.admin, role="viewer")

    invitations.join(secret.reveal(), user=person)

    assert access.of_user(person, cast.organization).role == Role.VIEWER
    assert person.memberships.count() == 2
    assert person.check_password(builders.PASSWORD)


def test_who_is_deactivated_does_not_come_back_by_an_invitation() -> None:
    cast = builders.cast()
    memberships.deactivate(cast.viewer.user.memberships.get(), by=cast.admin)
    _, secret = invitations.invite(by=cast.admin, role="operator")
    with pytest.raises(Conflict, match="deactivated"):
        invitations.join(secret.reveal(), user=cast.viewer.user)
    assert accept(secret)  # and has not used it up


def test_a_name_that_is_taken_or_a_weak_password_does_not_use_the_link_up() -> None:
    cast = builders.cast()
    _, secret = invitations.invite(by=cast.admin, role="viewer")
    with pytest.raises(Conflict, match="taken"):
        accept(secret, cast.stranger.user.username.upper())
    with pytest.raises(Invalid):
        accept(secret, password="short")
    assert accept(secret)
