"""Members and invitations as pages: what each shows to whom, in words, and what it does."""

import re

import pytest
from django.core import mail as outbox
from django.test import Client

from environments.overview import rights
from projects import access, grants, invitations, memberships, tokens
from projects.access import Permission
from projects.models import AccessToken, Grant, Invitation, Membership, Role, User
from projects.rights import of_grant
from tests import builders
from tests.doors.visiting import actions, html, secret_of, signed_in, statements, text
from tests.environments.house import House

pytestmark = pytest.mark.django_db
NEW = "another good password"


def path_of(link: str) -> str:
    return link.split("testserver")[1]


# What somebody may do, in words


def test_a_members_rights_are_told_in_words(house: House) -> None:
    shop, production = house.project("SHOP"), house.environment("production", protected=True)
    person = house.person("operator", name="ada")
    ada = memberships.find(house.owner, "ada")
    grants.give(ada, by=house.owner, role="operator", project=shop, environment_id=production.id)

    said = text(html(signed_in(person), "/members"))

    assert "May cut releases, and deploy and operate in every environment that is not protected." in said
    assert "May also deploy Shop to production." in said
    assert "May do everything." in said


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("in_project", [False, True], ids=["all projects", "one project"])
@pytest.mark.parametrize("in_environment", [False, True], ids=["all environments", "one environment"])
def test_the_words_say_what_the_rights_are(role: Role, in_project: bool, in_environment: bool) -> None:
    grant = Grant(
        role=role,
        project_id=builders.uuid.uuid4() if in_project else None,
        environment_id=builders.uuid.uuid4() if in_environment else None,
    )
    project, place = grant.project_id or builders.uuid.uuid4(), grant.environment_id or builders.uuid.uuid4()
    names = rights.Names({project: "Shop"}, {place: "Production"})
    actor = access.Actor("user:x", None, (of_grant(role, grant.project_id, grant.environment_id),))  # type: ignore[arg-type]
    said = rights.of_grant(grant, names)

    def may(permission: Permission, **where) -> bool:
        return access.allows(actor, permission, **where)

    here = {"project_id": project, "environment_id": place}
    assert ("deploy" in said or "everything" in said) == may(Permission.DEPLOY, **here) or role == Role.VIEWER
    assert ("not protected" in said) == (
        may(Permission.DEPLOY, **here) and not may(Permission.DEPLOY, **here, protected=True)
    )
    assert ("cut releases" in said) == (role == Role.OPERATOR and may(Permission.RELEASE, project_id=project))
    assert (
        "bypass" in said
        or "manage" in said
        or said in {"May do everything.", "May do everything but make, change and remove owners."}
    ) == may(Permission.BYPASS, **here)
    assert (said == "May do everything.") == may(Permission.MANAGE_OWNERS)
    assert ("Shop" in said) == in_project and ("Production" in said) == in_environment


def test_a_person_of_limited_sight_reads_no_names_of_other_places(house: House) -> None:
    hidden, shown = house.environment("hidden"), house.environment("shown")
    house.person("operator", name="ada", environment=hidden)
    limited = house.person("viewer", environment=shown)
    tokens.create(by=house.owner, name="ci", role="operator", environment_ids=[hidden.id])

    for address in ("/members", "/tokens", f"/members/{memberships.find(house.owner, 'ada').id}"):
        assert "hidden" not in text(html(signed_in(limited), address))
    ada = memberships.find(house.owner, "ada")
    builders.grant_token(access.of_user(ada.user, house.organization))
    AccessToken.objects.filter(owner=ada.user).update(environment_ids=[hidden.id])
    assert "ada Nothing that you see." in text(html(signed_in(limited), "/members"))
    for reader, count in ((limited, 0), (house.owner, 1)):
        assert f"Access tokens {count}" in text(html(signed_in(reader), f"/members/{ada.id}"))
    house.person("viewer", name="bob")
    Grant.objects.filter(membership__user__username="bob").delete()
    assert "bob Nothing yet." in text(html(signed_in(house.owner), "/members"))


def test_the_lists_cost_the_same_however_long_they_are(house: House) -> None:
    client = signed_in(house.owner)
    first = house.environment("first")
    house.person("operator", environment=first, project=house.project("FIRST"))
    tokens.create(by=house.owner, name="first", role="viewer", environment_ids=[first.id])
    invitations.invite(by=house.owner, role="viewer", environment_id=first.id)
    before = {address: statements(client, address) for address in ("/members", "/tokens", "/account")}
    for n in range(4):
        place = house.environment(f"place-{n}")
        house.person("operator", environment=place, project=house.project(f"P{n}"))
        tokens.create(by=house.owner, name=f"token-{n}", role="viewer", environment_ids=[place.id])
        invitations.invite(by=house.owner, role="viewer", environment_id=place.id)
        builders.browser(house.owner)
    assert {address: statements(client, address) for address in before} == before


def test_long_lists_are_read_page_by_page(house: House) -> None:
    Membership.objects.bulk_create(
        Membership(organization=house.organization, user=user)
        for user in User.objects.bulk_create(User(username=f"person-{n:03}") for n in range(60))
    )
    client = signed_in(house.owner)
    first = html(client, "/members")
    following = re.search(r'href="(\?cursor=[^"]+)"', first)
    assert following
    second = html(client, "/members" + following[1])
    found = [set(re.findall(r"person-\d+", page)) for page in (first, second)]
    assert len(found[0]) == 49 and len(found[0] | found[1]) == 60 and not found[0] & found[1]


# Members


def test_who_is_no_admin_is_offered_no_change(house: House) -> None:
    ada = memberships.find(house.owner, house.person("operator", name="ada").user.username)
    viewer = signed_in(house.person("viewer"))
    for address in ("/members", f"/members/{ada.id}", "/tokens"):
        assert actions(html(viewer, address)) == set()
        assert "/new" not in html(viewer, address).partition("<main")[2]
    assert actions(html(signed_in(house.owner), f"/members/{ada.id}")) == {"grants", "removal", "reset-link"}


def test_an_owner_gives_a_role_and_takes_it_away(house: House) -> None:
    project, place = house.project("SHOP"), house.environment("production")
    ada = memberships.find(house.owner, house.person("viewer").user.username)
    client = signed_in(house.owner)

    wrong = client.post(f"/members/{ada.id}/grants", {"role": "operator", "project": "SHOPP", "environment": "x"})
    assert wrong.status_code == 422
    assert "There is no project SHOPP here." in text(wrong.content.decode())
    right = client.post(
        f"/members/{ada.id}/grants", {"role": "operator", "project": "shop", "environment": "PRODUCTION"}
    )

    assert right["Location"] == f"/members/{ada.id}"
    made = ada.grants.get(role="operator")
    assert (made.project, made.environment_id) == (project, place.id)
    client.post(f"/members/{ada.id}/grants/{made.id}/removal")
    assert not ada.grants.filter(role="operator").exists()


def test_a_refusal_is_told_where_it_was_asked(house: House) -> None:
    own = memberships.find(house.owner, house.owner.user.username)
    answer = signed_in(house.owner).post(f"/members/{own.id}/removal")
    assert answer.status_code == 409
    assert "The last owner cannot be removed" in text(answer.content.decode())


def test_a_member_is_deactivated_and_activated_again(house: House) -> None:
    person = house.person("operator", name="ada")
    ada, theirs = memberships.find(house.owner, "ada"), signed_in(person)
    client = signed_in(house.owner)
    assert "ada" in html(client, f"/members/{ada.id}/deactivation")
    assert theirs.get("/").status_code == 200

    client.post(f"/members/{ada.id}/deactivation")

    assert theirs.get("/")["Location"].startswith("/sign-in")
    assert "Deactivated" in text(html(client, "/members"))
    client.post(f"/members/{ada.id}/activation")
    assert signed_in(person).get("/").status_code == 200


def test_an_owner_who_is_not_the_last_may_leave(house: House) -> None:
    second = house.person("owner", name="ada")
    client = signed_in(second)
    answer = client.post(f"/members/{memberships.find(house.owner, 'ada').id}/removal")
    assert answer.status_code == 302
    assert client.get("/")["Location"].startswith("/sign-in")


def test_who_belongs_nowhere_is_told_so_and_can_sign_out(house: House) -> None:
    person = house.person("viewer", name="ada")
    memberships.remove(memberships.find(house.owner, "ada"), by=house.owner)
    client = signed_in(person)
    answer = client.get("/")
    assert answer.status_code == 404
    assert "/sign-out" in answer.content.decode()


# Links


def test_somebody_is_invited_and_joins(house: House, settings) -> None:
    settings.EMAIL_HOST = "mail.example.org"
    house.project("SHOP")
    owner, newcomer = signed_in(house.owner), Client()

    made = owner.post("/invitations/new", {"role": "operator", "project": "shop", "email": "ada@example.org"})

    link = secret_of(made.content.decode())
    assert "no-store" in made["Cache-Control"] and link in outbox.outbox[0].body
    assert link not in html(owner, "/members") and "ada@example.org" in html(owner, "/members")
    page = html(newcomer, path_of(link))
    assert house.organization.name in page and "as operator in Shop" in page
    weak = newcomer.post(path_of(link), {"username": "ada", "password": "short"})
    assert weak.status_code == 422 and 'value="ada"' in weak.content.decode()

    joined = newcomer.post(path_of(link), {"username": "ada", "password": NEW})

    assert joined["Location"] == "/" and newcomer.get("/").status_code == 200
    assert settings.DEVICE_COOKIE_NAME in joined.cookies, "whoever guesses keeps them out of other browsers only"
    assert "May cut releases of Shop" in text(html(newcomer, "/account"))
    dead = Client().get(path_of(link))
    assert dead.status_code == 410 and "not valid any more" in dead.content.decode()
    assert "ada@example.org" not in html(owner, "/members")


def test_a_person_of_another_organization_joins_by_signing_in_and_then_has_both(house: House) -> None:
    _, secret = invitations.invite(by=house.owner, role="viewer")
    person = builders.owner_of(builders.organization())
    path = f"/join/{secret.reveal()}"
    assert f"/sign-in?next={path.replace('/', '%2F')}" in html(Client(), path)
    client = signed_in(person)
    assert f"Join as {person.user.username}" in html(client, path)

    client.post(path)

    page = html(client, "/members")
    assert house.owner.user.username in page and person.organization.name in page
    client.post("/organization", {"organization": person.organization.id})
    assert house.owner.user.username not in html(client, "/members")


def test_an_invitation_is_revoked_and_its_link_dead(house: House) -> None:
    made, secret = invitations.invite(by=house.owner, role="viewer")
    signed_in(house.owner).post(f"/invitations/{made.id}/revocation")
    assert Client().get(f"/join/{secret.reveal()}").status_code == 410
    assert Client().post(f"/join/{secret.reveal()}", {"username": "x", "password": NEW}).status_code == 410
    assert Invitation.objects.get().accepted_at is None


def test_a_password_is_set_by_a_link_that_an_admin_has_made(house: House) -> None:
    person = house.person("viewer", name="ada")
    theirs = signed_in(person)
    ada = memberships.find(house.owner, "ada")
    made = signed_in(house.owner).post(f"/members/{ada.id}/reset-link")
    path = path_of(secret_of(made.content.decode()))
    assert "no-store" in made["Cache-Control"]

    client = Client()
    assert 'value="ada"' in html(client, path)
    assert client.post(path, {"password": "ada"}).status_code == 422
    assert client.post(path, {"password": NEW})["Location"] == "/sign-in"

    assert theirs.get("/")["Location"].startswith("/sign-in")
    assert client.post("/sign-in", {"username": "ada", "password": NEW})["Location"] == "/"
    assert Client().get(path).status_code == 410


@pytest.mark.parametrize("address", ["/join/tpi_guess", "/password/00000000000000000000000000000000/guess"])
def test_who_guesses_links_is_told_to_wait(address: str) -> None:
    client, where = Client(), builders.name("address")
    answers = [client.get(address, REMOTE_ADDR=where) for _ in range(31)]
    assert {answer.status_code for answer in answers[:30]} == {410}
    assert answers[30].status_code == 429 and int(answers[30]["Retry-After"]) > 0


def test_what_was_handed_over_is_kept_by_no_cache_and_told_to_no_other_site(house: House) -> None:
    _, secret = invitations.invite(by=house.owner, role="viewer")
    answer = Client().get(f"/join/{secret.reveal()}")
    assert "no-store" in answer["Cache-Control"]
    assert answer["Referrer-Policy"] == "same-origin" and "default-src 'none'" in answer["Content-Security-Policy"]
