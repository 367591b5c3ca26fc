"""One's account, its sessions and access tokens as pages."""

import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from projects import passwords
from projects.models import AccessToken, User, UserSession
from tests import builders
from tests.doors.visiting import FIREFOX, SAFARI, html, secret_of, signed_in, text
from tests.environments.house import House

pytestmark = pytest.mark.django_db
NEW = "another good password"


def test_one_sees_where_one_is_signed_in_and_ends_it(house: House) -> None:
    person = house.person("viewer", name="ada")
    sent = {"username": "ada", "password": builders.PASSWORD}
    here, phone, third = (Client(headers={"User-Agent": agent}) for agent in (FIREFOX, SAFARI, ""))
    for client in (here, phone, third):
        client.post("/sign-in", sent, REMOTE_ADDR="192.0.2.7")
    assert person.user.sessions.count() == 3

    page = html(here, "/account")

    said = text(page)
    assert "Firefox on Linux This one" in said and "Safari on iPhone" in said and "An unknown device" in said
    assert "192.0.2.7" in said
    assert not [key for key in UserSession.objects.values_list("pk", flat=True) if key in page]
    row = next(row for row in page.split("<tr>") if "Safari on iPhone" in row)
    end = re.search(r'action="(/account/sessions/[^"]+)"', row)
    assert end
    assert signed_in(house.owner).post(end[1]).status_code == 404
    here.post(end[1])
    assert phone.get("/").status_code == 302 and third.get("/").status_code == 200

    here.post("/account/sessions/others/end")
    assert third.get("/").status_code == 302 and here.get("/").status_code == 200


def test_one_changes_ones_password_and_stays_signed_in_here_alone(house: House) -> None:
    person = house.person("viewer", name="ada")
    here, other = signed_in(person), signed_in(person)
    wrong = here.post("/account/password", {"present": "wrong", "password": NEW})
    assert wrong.status_code == 422 and "not your present password" in wrong.content.decode()

    here.post("/account/password", {"present": builders.PASSWORD, "password": NEW})

    assert here.get("/").status_code == 200 and other.get("/").status_code == 302
    assert User.objects.get(username="ada").check_password(NEW)


# Tokens


def test_a_token_is_made_shown_once_used_and_revoked(house: House) -> None:
    house.project("SHOP")
    client = signed_in(house.owner)
    wrong = client.post("/tokens/new", {"name": "ci", "role": "operator", "projects": "shop, nothing"})
    assert wrong.status_code == 422
    past = client.post("/tokens/new", {"name": "ci", "role": "operator", "until": "2020-01-01"})
    assert past.status_code == 422 and "must lie in the future" in text(past.content.decode())
    until = timezone.now().date() + timedelta(days=30)

    made = client.post(
        "/tokens/new", {"name": "ci", "role": "operator", "projects": "shop", "until": until.isoformat()}
    )

    secret = secret_of(made.content.decode())
    assert "no-store" in made["Cache-Control"]
    token = AccessToken.objects.get(name="ci")
    assert token.expires_at.date() == until
    script = Client(headers={"Authorization": f"Bearer {secret}"})
    assert script.get("/api/v1/projects").status_code == 200
    page = html(client, "/tokens")
    assert secret not in page and "May cut releases of Shop" in text(page)
    assert "Never" not in text(page)

    client.post(f"/tokens/{token.id}/revocation")

    assert script.get("/api/v1/projects").status_code == 401
    assert "There is no access token." in text(html(client, "/tokens"))


def test_an_admin_is_not_offered_what_they_may_not_give(house: House) -> None:
    admin = signed_in(house.person("admin"))
    for address in ("/tokens/new", "/invitations/new"):
        assert 'value="owner"' not in html(admin, address) and 'value="admin"' in html(admin, address)
    assert admin.post("/invitations/new", {"role": "owner"}).status_code == 422


# What is there already


def test_passwords_are_kept_by_argon2_and_cookies_are_strict(house: House) -> None:
    assert settings.PASSWORD_HASHERS[-1].endswith("Argon2PasswordHasher")
    assert len(settings.PASSWORD_HASHERS) == 2, "the cheap one is for tests alone"
    client = Client()
    client.post("/sign-in", {"username": house.owner.user.username, "password": builders.PASSWORD})
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    assert cookie["httponly"] and cookie["samesite"] == "Lax"
    assert cookie["secure"] == ("" if not settings.TOWPATH_PUBLIC_URL.startswith("https://") else True)


def test_signing_in_costs_a_constant_number_of_statements(house: House) -> None:
    sent = {"username": house.owner.user.username, "password": builders.PASSWORD}
    with CaptureQueriesContext(connection) as once:
        Client().post("/sign-in", sent)
    for _ in range(3):
        Client().post("/sign-in", sent)
    with CaptureQueriesContext(connection) as again:
        Client().post("/sign-in", sent)
    assert len(again) == len(once)


def test_who_guesses_the_present_password_is_told_when_to_come_back(house: House) -> None:
    client = signed_in(house.person("viewer"))
    guess = {"present": "wrong", "password": NEW}
    answers = [client.post("/account/password", guess) for _ in range(passwords.TRIES + 1)]

    assert {answer.status_code for answer in answers[:-1]} == {422}
    assert answers[-1].status_code == 429 and int(answers[-1]["Retry-After"]) > 0
    assert "Too many attempts" in answers[-1].content.decode()
