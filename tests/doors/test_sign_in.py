"""Signing in and out, and what a browser keeps: theme, organization, environment."""

import re

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from projects import authentication, organizations
from projects.authentication import SIGN_INS, WINDOW
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


def test_who_guesses_is_told_when_to_come_back(user: User) -> None:
    client, where = Client(), builders.name("address")
    guess = {"username": user.username, "password": "wrong"}
    answers = [client.post("/sign-in", guess, REMOTE_ADDR=where) for _ in range(SIGN_INS + 1)]

    assert {answer.status_code for answer in answers[:-1]} == {422}
    assert answers[-1].status_code == 429 and 0 < int(answers[-1]["Retry-After"]) <= WINDOW
    assert f"try again in {answers[-1]['Retry-After']} seconds" in answers[-1].content.decode()


def test_who_guesses_keeps_nobody_out_of_a_browser_in_which_they_have_signed_in_before(user: User) -> None:
    right, wrong = ({"username": user.username, "password": word} for word in (builders.PASSWORD, "wrong"))
    theirs, strangers, where = Client(), Client(), builders.name("address")

    def tried(client: Client, sent: dict[str, str]) -> int:
        return client.post("/sign-in", sent, REMOTE_ADDR=where).status_code

    assert tried(theirs, right) == 302
    theirs.post("/sign-out")
    kept = theirs.cookies[settings.DEVICE_COOKIE_NAME]
    assert kept["httponly"] and kept["samesite"] == "Lax" and kept["path"] == "/sign-in"
    assert {tried(strangers, wrong) for _ in range(SIGN_INS)} == {422}

    assert tried(Client(), right) == 429
    assert tried(theirs, right) == 302
    theirs.post("/sign-out")
    assert [tried(theirs, wrong) for _ in range(SIGN_INS + 1)] == [422] * SIGN_INS + [429]


def test_who_has_gathered_many_known_browsers_guesses_no_more_than_one_name_may(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authentication, "OF_ONE_NAME", 4)
    right, wrong = ({"username": user.username, "password": word} for word in (builders.PASSWORD, "wrong"))
    gathered = [Client() for _ in range(5)]
    for client in gathered:
        assert client.post("/sign-in", right).status_code == 302
        client.post("/sign-out")

    assert [client.post("/sign-in", wrong).status_code for client in gathered] == [422] * 4 + [429]


def test_what_a_browser_is_known_by_is_good_for_its_person_alone(user: User) -> None:
    other = builders.owner_of(builders.organization()).user
    where, theirs = builders.name("address"), Client()
    theirs.post("/sign-in", {"username": other.username, "password": builders.PASSWORD})
    forged = theirs.cookies[settings.DEVICE_COOKIE_NAME].value
    wrong = {"username": user.username, "password": "wrong"}
    for given in (forged, forged[:-1], "nonsense", ""):
        client = Client()
        client.cookies[settings.DEVICE_COOKIE_NAME] = given
        answers = [client.post("/sign-in", wrong, REMOTE_ADDR=where + given).status_code for _ in range(SIGN_INS + 1)]
        assert answers[-1] == 429
        assert Client().post("/sign-in", wrong, REMOTE_ADDR=where + given).status_code == 429


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
