"""Signing in and out, and what a browser keeps: theme, organization, environment."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from projects import organizations
from projects.models import Membership, User
from tests import builders
from tests.environments import house as scenery

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    return builders.owner_of(builders.organization()).user


def test_a_person_signs_in_and_comes_back_to_where_they_wanted(user: User) -> None:
    client = Client()

    response = client.post("/sign-in", {"username": user.username, "password": builders.PASSWORD, "next": "/chain"})

    assert response["Location"] == "/chain"
    assert client.get("/chain").status_code == 200


def test_a_wrong_password_is_a_sentence_and_does_not_tell_which_was_wrong(user: User) -> None:
    known = Client().post("/sign-in", {"username": user.username, "password": "wrong"})
    unknown = Client().post("/sign-in", {"username": "nobody-here", "password": "wrong"})

    for response in (known, unknown):
        assert response.status_code == 422
        assert "The user name or the password is not right." in response.content.decode()
    assert f'value="{user.username}"' in known.content.decode()


def test_nobody_is_sent_to_a_foreign_page_after_signing_in(user: User) -> None:
    for wanted in ("https://elsewhere.example/", "//elsewhere.example", "javascript:alert(1)"):
        sent = {"username": user.username, "password": builders.PASSWORD, "next": wanted}
        assert Client().post("/sign-in", sent)["Location"] == "/"


def test_a_form_without_its_token_is_refused_in_a_page_of_ours() -> None:
    def post(referer: str) -> str:
        sent = {"username": "a", "password": "b"}
        response = Client(enforce_csrf_checks=True).post("/sign-in", sent, headers={"Referer": referer})
        assert response.status_code == 403
        return response.content.decode()

    assert "This form is no longer valid" in post("http://testserver/sign-in?next=/chain")
    assert 'href="http://testserver/sign-in?next=/chain"' in post("http://testserver/sign-in?next=/chain")
    for elsewhere in ("https://elsewhere.example/", "javascript:alert(1)"):
        assert elsewhere not in post(elsewhere)


def test_signing_out_needs_a_post_and_ends_the_session(user: User) -> None:
    client = builders.browser(builders.owner_of(user.memberships.get().organization))

    assert client.get("/sign-out").status_code == 405
    client.post("/sign-out")
    assert client.get("/").status_code == 302


def test_the_theme_is_kept_in_a_cookie_and_drawn_by_the_server(user: User) -> None:
    client = Client()

    response = client.post("/theme", {"theme": "dark", "next": "/sign-in"})

    assert response["Location"] == "/sign-in"
    assert '<html lang="en" data-theme="dark">' in client.get("/sign-in").content.decode()
    client.post("/theme", {"theme": "", "next": "/sign-in"})
    assert "data-theme=" not in client.get("/sign-in").content.decode().split("<head>")[0]
    client.cookies["theme"] = '"><script>'
    assert "<script>" not in client.get("/sign-in").content.decode()


def test_a_person_of_two_organizations_chooses_between_them(user: User) -> None:
    second = organizations.create(name="Second harbour", owner=builders.user("other"))
    Membership.objects.create(organization=second, user=user).grants.create(role="viewer")
    client = Client()
    client.force_login(user)
    assert "Second harbour" in client.get("/").content.decode()

    client.post(reverse("organization-choice"), {"organization": second.id})

    assert "Ask an admin of Second harbour" in client.get("/").content.decode()


def test_nobody_enters_an_organization_that_is_not_theirs(user: User) -> None:
    foreign = builders.organization()
    client = Client()
    client.force_login(user)

    assert client.post(reverse("organization-choice"), {"organization": foreign.id}).status_code == 404
    assert client.post(reverse("organization-choice"), {"organization": "nonsense"}).status_code == 404


def test_errors_are_pages_of_ours(user: User) -> None:
    client = Client()
    client.force_login(user)

    missing = client.get("/nowhere")

    assert missing.status_code == 404
    assert "Nothing is here" in missing.content.decode()
    assert "Go to board" in missing.content.decode()


def test_no_page_loads_or_runs_anything_inline(user: User) -> None:
    client = Client()
    client.force_login(user)

    for at in ("/", "/chain", "/sign-in", "/nowhere"):
        response = client.get(at)
        page = response.content.decode()
        assert " style=" not in page and "<style" not in page and " onclick=" not in page
        assert "unsafe-inline" not in response["Content-Security-Policy"]


def test_the_switcher_finds_environments_by_a_part_of_their_name() -> None:
    house = scenery.house()
    house.environment("default")
    client = builders.browser(house.owner)

    found = client.get("/switcher?find=fau&back=/chain", headers={"HX-Request": "true"}).content.decode()
    nothing = client.get("/switcher?find=zzz&back=//elsewhere.example", headers={"HX-Request": "true"}).content.decode()

    assert 'href="/chain?environment=default"' in found
    assert "No environment is named so." in nothing
    assert "elsewhere" not in nothing


def test_the_account_menu_offers_each_theme_and_marks_the_one_that_is_worn(user: User) -> None:
    client = builders.browser(builders.owner_of(user.memberships.get().organization))

    for chosen in ("light", "dark", ""):
        client.post("/theme", {"theme": chosen})
        shown = client.get("/projects").content.decode()
        offered = re.findall(
            r'name="theme" value="(\w*)"( aria-current)?[^>]*>(?:(?!</button>).)*<span>(\w+)<', shown, re.S
        )
        assert [(name, word) for name, _, word in offered] == [("light", "Light"), ("dark", "Dark"), ("", "System")]
        assert [name for name, current, _ in offered if current] == [chosen]
