"""Organizations, members and tokens: nobody gives more than they have, and the last owner stays."""

import uuid
from datetime import timedelta
from importlib import import_module

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import RequestFactory
from django.utils import timezone

from projects import access, authentication, broker, limits, memberships, organizations, tokens
from projects.errors import Conflict, Invalid, NotAllowed, NotFound
from projects.models import AccessToken, Event, Grant, Membership, Role, User, UserSession
from tests import builders

pytestmark = pytest.mark.django_db


def test_an_organization_begins_with_its_owner_and_its_first_event():
    owner = builders.user()
    made = organizations.create(name="Harbour", owner=owner)
    assert access.of_user(owner, made).role == Role.OWNER
    assert list(organizations.visible(access.of_user(owner, made))) == [made]


def test_one_sees_the_organizations_in_which_one_is_active():
    person = builders.user()
    own, other = builders.organization(person), builders.cast()
    there = Membership.objects.create(organization=other.organization, user=person)
    actor = access.of_user(person, own)
    assert list(organizations.visible(actor)) == [own, other.organization]
    memberships.deactivate(there, by=other.owner)
    assert list(organizations.visible(actor)) == [own]


def test_the_name_of_an_organization_is_unique_regardless_of_case():
    organizations.create(name="Harbour", owner=builders.user())
    with pytest.raises(Conflict):
        organizations.create(name="HARBOUR", owner=builders.user())


def test_an_admin_adds_members_below_owner_only():
    cast = builders.cast()
    added = memberships.add(by=cast.admin, username="newcomer", password=builders.PASSWORD, role="operator")
    assert access.of_user(added.user, cast.organization).role == Role.OPERATOR
    with pytest.raises(NotAllowed):
        memberships.add(by=cast.admin, username="another", password=builders.PASSWORD, role="owner")
    memberships.add(by=cast.owner, username="another", password=builders.PASSWORD, role="owner")


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_who_is_no_admin_adds_nobody(role):
    with pytest.raises(NotAllowed):
        memberships.add(by=getattr(builders.cast(), role), username="x", password=builders.PASSWORD, role="viewer")


def test_a_member_can_be_given_one_more_role_in_one_project():
    cast = builders.cast()
    project = builders.project(cast.owner)
    person = cast.viewer.user
    memberships.add(by=cast.admin, username=person.username, role="operator", project=project)
    again = access.of_user(person, cast.organization)
    assert access.allows(again, access.Permission.RELEASE, project_id=project.id)
    assert not access.allows(again, access.Permission.RELEASE, project_id=builders.project(cast.owner).id)
    with pytest.raises(Conflict):
        memberships.add(by=cast.admin, username=person.username, role="operator", project=project)


def test_a_weak_password_or_a_strange_name_is_refused_with_the_field():
    cast = builders.cast()
    for fields, field in (
        ({"username": "fine", "password": "short"}, "password"),
        ({"username": "fine", "password": "password1234"}, "password"),
        ({"username": "two words", "password": builders.PASSWORD}, "username"),
        ({"username": "", "password": builders.PASSWORD}, "username"),
        ({"username": "fine", "password": builders.PASSWORD, "role": "king"}, "role"),
    ):
        with pytest.raises(Invalid) as caught:
            memberships.add(by=cast.admin, **fields)
        assert caught.value.errors[0]["field"] == field


def test_the_name_of_a_user_is_unique_regardless_of_case():
    cast = builders.cast()
    added = memberships.add(by=cast.admin, username="Bob", password=builders.PASSWORD, role="viewer")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create(username="bOB")
    project = builders.project(cast.owner)
    assert memberships.add(by=cast.admin, username="bob", role="operator", project=project) == added
    with pytest.raises(memberships.AlreadyMember):
        elsewhere = builders.cast()
        memberships.add(by=elsewhere.admin, username="BOB", password=builders.PASSWORD, role="viewer")


def test_names_that_differ_in_case_alone_are_named_by_the_migration_that_forbids_them():
    forbidding = import_module("projects.migrations.0003_user_names")
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
        cursor.execute(forbidding.CHECK)
        cursor.execute("DROP INDEX user_name_unique")
        for name in ("carla", "Bob", "bob"):
            User.objects.create(username=name)
        with pytest.raises(IntegrityError, match="differ only in case: Bob, bob\n"):
            cursor.execute(forbidding.CHECK)


def test_the_last_owner_cannot_be_removed():
    cast = builders.cast()
    membership = memberships.find(cast.owner, cast.owner.user.username)
    with pytest.raises(Conflict):
        memberships.remove(membership, by=cast.owner)
    builders.member(cast.organization, Role.OWNER)
    memberships.remove(membership, by=cast.owner)
    with pytest.raises(NotFound):
        access.of_user(cast.owner.user, cast.organization)


def test_an_admin_cannot_remove_an_owner():
    cast = builders.cast()
    builders.member(cast.organization, Role.OWNER)
    with pytest.raises(NotAllowed):
        memberships.remove(memberships.find(cast.admin, cast.owner.user.username), by=cast.admin)


def test_a_removed_member_comes_back_with_the_role_they_are_given_now_and_the_password_they_had():
    cast = builders.cast()
    person, secret = cast.admin.user, builders.token(cast.admin, "viewer")
    before = User.objects.get(pk=person.pk).password
    memberships.remove(person.memberships.get(), by=cast.owner)

    with pytest.raises(memberships.AlreadyMember, match="without a password"):
        memberships.add(by=cast.owner, username=person.username, password="another good password", role="viewer")
    back = memberships.add(by=cast.owner, username=person.username.upper(), role="viewer")

    assert back.user == person and access.of_user(person, cast.organization).role == Role.VIEWER
    assert User.objects.get(pk=person.pk).password == before
    with pytest.raises(authentication.NotAuthenticated):
        authentication.actor_of_bearer(f"Bearer {secret}")


def test_a_removed_member_comes_back_also_where_they_belong_to_others_too():
    cast = builders.cast()
    person = cast.operator.user
    builders.organization(person)
    memberships.remove(person.memberships.get(organization=cast.organization), by=cast.owner)
    assert memberships.add(by=cast.owner, username=person.username, role="viewer").user == person


@pytest.mark.parametrize("password", ["", builders.PASSWORD], ids=["without a password", "with a password"])
def test_nobody_is_given_a_role_by_an_organization_they_never_belonged_to(password):
    person = builders.cast().admin.user
    before = User.objects.get(pk=person.pk).password
    with pytest.raises(memberships.AlreadyMember, match="This user name is taken"):
        memberships.add(by=builders.cast().owner, username=person.username, password=password, role="viewer")
    assert User.objects.get(pk=person.pk).password == before
    assert person.memberships.count() == 1


# Tokens


def test_a_token_is_found_by_its_secret_and_its_secret_is_nowhere_kept():
    cast = builders.cast()
    token, secret = tokens.create(by=cast.admin, name="ci", role="operator")
    actor = authentication.actor_of_bearer(f"Bearer {secret.reveal()}")
    assert (actor.label, actor.role) == ("token:ci", Role.OPERATOR)
    assert authentication.actor_of_bearer(f"UserKey {secret.reveal()}").token == token
    assert secret.reveal() not in str(AccessToken.objects.filter(pk=token.pk).values().get())


def test_a_token_never_exceeds_its_maker():
    cast = builders.cast()
    with pytest.raises(NotAllowed):
        tokens.create(by=cast.admin, name="too-much", role="owner")
    project = builders.project(cast.owner)
    limited = builders.member(cast.organization, "admin", project=project)
    with pytest.raises(NotAllowed):
        tokens.create(by=limited, name="too-wide", role="admin")


def test_a_token_follows_its_makers_present_rights():
    cast = builders.cast()
    secret = builders.token(cast.admin, "admin")
    cast.admin.user.memberships.get().grants.update(role="viewer")
    assert authentication.actor_of_bearer(f"Bearer {secret}").role == Role.VIEWER
    cast.admin.user.memberships.get().delete()
    with pytest.raises(authentication.NotAuthenticated):
        authentication.actor_of_bearer(f"Bearer {secret}")


def test_a_token_does_not_reach_a_protected_place_when_its_maker_no_longer_does():
    cast = builders.cast()
    place = uuid.uuid4()
    token, _ = tokens.create(by=cast.admin, name="ci", role="operator", environment_ids=[place])
    there = {"environment_id": place, "protected": True}
    assert access.allows(access.of_token(token), access.Permission.DEPLOY, **there)
    Grant.objects.filter(membership__user=cast.admin.user).update(role="operator")
    assert not access.allows(access.of_user(cast.admin.user, cast.organization), access.Permission.DEPLOY, **there)
    assert not access.allows(access.of_token(token), access.Permission.DEPLOY, **there)
    assert access.allows(access.of_token(token), access.Permission.DEPLOY, environment_id=place)


def test_a_token_limited_to_projects_sees_no_other_project():
    cast = builders.cast()
    project, other = builders.project(cast.owner), builders.project(cast.owner)
    actor = authentication.actor_of_bearer(f"Bearer {builders.token(cast.owner, project_ids=[project.id])}")
    assert access.allows(actor, access.Permission.RELEASE, project_id=project.id)
    with pytest.raises(NotFound):
        access.require(actor, access.Permission.VIEW, project_id=other.id)


def test_an_expired_revoked_or_disabled_token_is_nobody():
    cast = builders.cast()
    expired, revoked, disabled = (builders.token(cast.admin, "admin") for _ in range(3))
    rows = AccessToken.objects.order_by("-created_at", "-id")
    AccessToken.objects.filter(digest=authentication.digest(expired)).update(
        expires_at=timezone.now() - timedelta(seconds=1)
    )
    tokens.revoke(rows.get(digest=authentication.digest(revoked)), by=cast.admin)
    for secret in (expired, revoked, "tpa_unknown"):
        with pytest.raises(authentication.NotAuthenticated):
            authentication.actor_of_bearer(f"Bearer {secret}")
    cast.admin.user.is_active = False
    cast.admin.user.save()
    with pytest.raises(authentication.NotAuthenticated):
        authentication.actor_of_bearer(f"Bearer {disabled}")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer  ", "Basic abc", "Bearer a b"])
def test_a_header_without_a_token_is_nobody(header):
    with pytest.raises(authentication.NotAuthenticated):
        authentication.actor_of_bearer(header)


def test_an_expiry_in_the_past_is_refused():
    with pytest.raises(Invalid):
        tokens.create(by=builders.cast().admin, name="late", role="viewer", expires_at=timezone.now())


def test_what_a_token_has_made_ends_with_it():
    cast = builders.cast()
    leaked, _ = tokens.create(by=cast.admin, name="leaked", role="admin")
    child = authentication.actor_of_bearer(f"Bearer {builders.token(access.of_token(leaked), 'admin')}")
    grandchild = f"Bearer {builders.token(child, 'viewer')}"
    mine = f"Bearer {builders.token(cast.admin, 'viewer')}"

    tokens.revoke(leaked, by=cast.owner)

    with pytest.raises(authentication.NotAuthenticated):
        authentication.actor_of_bearer(grandchild)
    assert authentication.actor_of_bearer(mine)
    assert Event.objects.get(kind="token.revoked").data == {"also": 2}


@pytest.mark.parametrize(("beside", "below"), [(600, 0), (0, 400)], ids=["many children", "a long chain"])
def test_a_token_ends_however_many_were_made_with_it(beside, below):
    cast = builders.cast()
    leaked, _ = tokens.create(by=cast.admin, name="leaked", role="admin")
    mine = builders.token(cast.admin, "viewer")
    made, maker = [], leaked
    for n in range(beside + below):
        made.append(
            AccessToken(
                organization=cast.organization,
                owner=cast.admin.user,
                made_by=maker,
                name=f"made-{n}",
                role="admin",
                digest=f"{n:064}",
            )
        )
        maker = made[-1] if below else leaked
    AccessToken.objects.bulk_create(made)

    tokens.revoke(leaked, by=cast.owner)

    assert [token.digest for token in AccessToken.objects.filter(revoked_at=None)] == [authentication.digest(mine)]
    assert Event.objects.get(kind="token.revoked").data == {"also": beside + below}


def test_a_revoked_tokens_name_is_free_again():
    cast = builders.cast()
    token, _ = tokens.create(by=cast.admin, name="ci", role="viewer")
    with pytest.raises(Conflict):
        tokens.create(by=cast.admin, name="CI", role="viewer")
    tokens.revoke(token, by=cast.admin)
    tokens.create(by=cast.admin, name="CI", role="viewer")


def test_tokens_are_not_guessed_for_long_and_one_that_is_right_is_never_kept_out():
    cast, address = builders.cast(), builders.name("address")
    right = f"Bearer {builders.token(cast.admin, 'viewer')}"
    for _ in range(authentication.BEARERS):
        with pytest.raises(authentication.NotAuthenticated):
            authentication.actor_of_bearer("Bearer tpa_guess", address=address)
    with pytest.raises(limits.TooMany):
        authentication.actor_of_bearer("Bearer tpa_guess", address=address)
    assert authentication.actor_of_bearer(right, address=address)


# Signing in


def test_signing_in_needs_the_right_password():
    person = builders.user()
    address = builders.name("address")
    assert authentication.sign_in(username=person.username, password=builders.PASSWORD, address=address) == person
    with pytest.raises(authentication.NotAuthenticated):
        authentication.sign_in(username=person.username, password="wrong", address=address)


def test_after_ten_failures_the_guesser_must_wait_and_others_need_not():
    person, address = builders.user(), builders.name("address")
    for _ in range(authentication.SIGN_INS):
        with pytest.raises(authentication.NotAuthenticated):
            authentication.sign_in(username=person.username, password="wrong", address=address)
    with pytest.raises(limits.TooMany) as caught:
        authentication.sign_in(username=person.username, password=builders.PASSWORD, address=address)
    assert 0 < caught.value.seconds <= authentication.WINDOW
    other = builders.user()
    assert authentication.sign_in(username=other.username, password=builders.PASSWORD, address=address) == other
    elsewhere = builders.name("address")
    assert authentication.sign_in(username=person.username, password=builders.PASSWORD, address=elsewhere) == person


def test_the_limit_holds_without_a_broker(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    broker.forget()
    name = builders.name("limit")
    for _ in range(3):
        limits.check(name, most=3, seconds=60)
        limits.count(name, seconds=60)
    with pytest.raises(limits.TooMany):
        limits.check(name, most=3, seconds=60)
    broker.forget()


def test_a_session_acts_in_the_organization_it_chose():
    person = builders.user()
    first, second = builders.organization(person), builders.organization(person)
    request = RequestFactory().get("/")
    request.user, request.session = person, {}
    assert authentication.actor_of_request(request).organization == first
    authentication.choose_organization(request, second)
    later = RequestFactory().get("/")
    later.user, later.session = person, request.session
    assert authentication.actor_of_request(later).organization == second
    with pytest.raises(NotFound):
        authentication.choose_organization(request, builders.organization())


def test_sessions_that_have_ended_are_deleted_and_others_are_not():
    now = timezone.now()
    for key, end in (("over", now - timedelta(seconds=1)), ("open", now + timedelta(days=1))):
        UserSession.objects.create(session_key=key, session_data="", expire_date=end)
    assert authentication.forget_sessions() == 1
    assert UserSession.objects.get().session_key == "open"


def test_nobody_acts_on_people_and_tokens_of_another_organization():
    cast = builders.cast()
    token, _ = tokens.create(by=cast.owner, name="ci", role="viewer")
    with pytest.raises(NotFound):
        tokens.revoke(token, by=cast.stranger)
    with pytest.raises(NotFound):
        memberships.remove(cast.viewer.user.memberships.get(), by=cast.stranger)
    with pytest.raises(NotFound):
        memberships.add(
            by=cast.stranger,
            username="x",
            password=builders.PASSWORD,
            role="viewer",
            project=builders.project(cast.owner),
        )
