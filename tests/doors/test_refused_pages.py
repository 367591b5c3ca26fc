"""A refusal raised in a page is told in a page, and every page keeps its headers."""

import errno
import re
import uuid
from collections.abc import Iterator

import pytest
from django.db import DataError, OperationalError, connections
from django.http import HttpResponse
from django.test import Client
from django.urls import get_resolver, path, reverse

from config import refusals, urls
from config.headers import POLICY
from environments import lifecycle
from environments.models import Chain
from projects import errors
from projects.authentication import NotAuthenticated
from projects.limits import TooMany
from tests import builders

pytestmark = pytest.mark.django_db
KINDS = {
    "found": errors.NotFound("There is no such thing."),
    "allowed": errors.NotAllowed("Ask an admin."),
    "invalid": errors.Invalid.field("name", "is too long"),
    "conflict": errors.Conflict("Somebody was first."),
    "exhausted": errors.Exhausted("All addresses are used."),
    "gone": errors.Gone("It was here."),
    "refused": errors.Refused("No."),
    "many": TooMany(17),
    "nobody": NotAuthenticated("Sign in."),
    "range": DataError("integer out of range"),
    "missing": Chain.DoesNotExist("Chain matching query does not exist."),
    "away": OperationalError("connection refused, password=secret"),
    "full": OSError(errno.ENOSPC, "No space left on device", "password=secret"),
    "quota": OSError(errno.EDQUOT, "Disk quota exceeded", "password=secret"),
}
STATUSES = {
    "found": 404, "allowed": 403, "invalid": 422, "conflict": 409, "exhausted": 409, "gone": 410, "refused": 400,
    "many": 429, "range": 422, "missing": 404, "away": 503, "full": 507, "quota": 507,
}  # fmt: skip
SENTENCES = {
    "invalid": "Name is too long.",
    "away": refusals.AWAY_SENTENCE, "range": refusals.RANGE_SENTENCE, "missing": refusals.MISSING_SENTENCE,
    "full": refusals.FULL_SENTENCE, "quota": refusals.FULL_SENTENCE,
}  # fmt: skip


def raising(request, kind: str) -> HttpResponse:
    raise KINDS[kind]


urlpatterns = [path("raising/<kind>", raising), path("api/raising/<kind>", raising), *urls.urlpatterns]
handler404, handler500 = urls.handler404, urls.handler500


@pytest.fixture
def browser(settings) -> Client:
    settings.ROOT_URLCONF = __name__
    return builders.browser(builders.cast().viewer)


@pytest.mark.parametrize("kind", STATUSES)
def test_each_kind_has_its_status_and_its_sentence(browser, kind):
    for headers in ({}, {"HX-Request": "true"}):
        response = browser.get(f"/raising/{kind}", headers=headers)
        assert response.status_code == STATUSES[kind]
        told = SENTENCES.get(kind, str(KINDS[kind]))
        assert told in response.content.decode()
        assert "password=secret" not in response.content.decode()


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("/?status=blue", "Status must be one of failed, deploying, degraded, behind, held, live."),
        ("/?cursor=zzz", "Cursor is not one of ours; begin with the first page."),
        ("/environments?cursor=zzz", "Cursor is not one of ours; begin with the first page."),
        ("/activity?cursor=zzz", "Cursor is not one of ours; begin with the first page."),
        ("/activity?since=noon", "Give a day such as 2026-01-31, or a moment such as 2026-01-31T12:00:00Z."),
        ("/releases?live=maybe", "Choose one of yes, no."),
    ],
)
def test_a_link_that_asks_for_what_there_is_not_is_answered_with_one_sentence(address: str, sentence: str) -> None:
    shown = builders.browser(builders.cast().viewer).get(address).content.decode()
    main = shown.partition("<main")[2].partition("</main>")[0]
    assert re.findall(r"(?s)<h1>(.*?)</h1>", main) == [sentence]
    assert main.count(sentence.split(" ", 1)[1]) == 1 and "<li>" not in main


def test_a_time_to_come_back_is_said(browser):
    assert browser.get("/raising/many")["Retry-After"] == "17"
    assert int(browser.get("/raising/away")["Retry-After"]) > 0


@pytest.mark.parametrize("kind", ["away", "full"])
def test_where_the_database_cannot_be_relied_on_the_page_asks_it_nothing(browser, kind, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert browser.get(f"/raising/{kind}").status_code == STATUSES[kind]


def test_who_is_not_signed_in_is_sent_there_and_back(browser):
    assert browser.get("/raising/nobody?a=1")["Location"].endswith("?next=%2Fraising%2Fnobody%3Fa%3D1")
    assert browser.post("/raising/nobody")["Location"].endswith("?next=%2F")
    fragment = browser.get(
        "/raising/nobody", headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/board?q=x"}
    )
    assert fragment["HX-Redirect"].endswith("?next=%2Fboard%3Fq%3Dx")


def test_below_api_it_is_a_problem_document(browser):
    for kind, status in STATUSES.items():
        response = browser.get(f"/api/raising/{kind}")
        assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")


def test_every_kind_of_refusal_has_a_status_and_a_title():
    def below(kind: type) -> set[type]:
        return {kind}.union(*(below(each) for each in kind.__subclasses__()))

    for kind in below(errors.Refused):
        refusal = kind.__new__(kind)
        assert refusals.status(refusal) in refusals.TITLES, kind


def test_every_answer_carries_the_policy_and_it_allows_nothing_inline(browser):
    for address in ("/", "/sign-in", "/api/v1/projects", "/nothing", "/raising/found", "/livez"):
        response = browser.get(address)
        assert response["Content-Security-Policy"] == POLICY, address
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["X-Frame-Options"] == "DENY"
        assert response["Referrer-Policy"] == "same-origin"
    assert not re.search("unsafe|nonce|\\*|https?:", POLICY)


def test_the_page_leads_back_to_where_one_came_from_and_never_elsewhere(browser):
    page = browser.get("/raising/conflict", headers={"Referer": "http://testserver/board?q=x"}).content.decode()
    assert 'href="http://testserver/board?q=x"' in page
    page = browser.get("/raising/conflict", headers={"Referer": "https://evil.example/"}).content.decode()
    assert "evil" not in page


def pages_of_a_thing() -> Iterator[str]:
    """The address of every page that names a thing in its path, of one that is unknown."""
    unlike = {"part": "status", "event_id": "1", "number": "1", "key": "NOWHERE"}
    for name, ways in get_resolver(urls.__name__).reverse_dict.lists():
        parameters = ways[0][0][0][1]
        if isinstance(name, str) and parameters:
            yield reverse(name, args=[unlike.get(each) or uuid.uuid4() for each in parameters])


def test_what_is_not_there_is_404_also_under_an_environment_that_is_not_there():
    browser = builders.browser(builders.cast().viewer)
    addresses = list(pages_of_a_thing())
    assert len(addresses) > 20
    found = {address: browser.get(f"{address}?environment=nowhere").status_code for address in addresses}
    # A link that is used up is gone, and whoever may manage no secret store is told that and no more.
    assert 404 in found.values() and set(found.values()) <= {403, 404, 405, 410}, found
    assert browser.get("/plans/draft?environment=nowhere&kind=y").status_code == 404


def test_a_refusal_keeps_the_environment_one_has_chosen():
    owner = builders.cast().owner
    lifecycle.create(by=owner, name="qa")
    shown = builders.browser(owner).get(f"/runs/{uuid.uuid4()}?environment=QA").content.decode()
    assert 'href="/projects?environment=qa"' in shown


def test_an_environment_that_ends_is_shown_also_where_its_address_names_it_as_chosen():
    owner = builders.cast().owner
    browser = builders.browser(owner)
    gone = lifecycle.create(by=owner, name="gone")
    lifecycle.delete(gone, by=owner)
    assert browser.get(f"/environments/{gone.id}?environment=gone").status_code == 200
    assert browser.get(f"/environments/{gone.id}?environment=nowhere").status_code == 404
    assert browser.get("/?environment=gone").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_a_page_without_its_database_is_503_and_says_when_to_come_back():
    browser = builders.browser(builders.cast().viewer)
    database = connections["default"]
    kept = database.settings_dict["PORT"]
    database.close()
    database.settings_dict["PORT"] = "1"
    try:
        answers = [browser.get(address) for address in ("/", "/environments", "/sign-in")]
        posted = browser.post("/sign-in", {"username": "x", "password": "y"})
    finally:
        database.close()
        database.settings_dict["PORT"] = kept
    for answer in (*answers, posted):
        assert answer.status_code == 503, (answer.request["PATH_INFO"], answer.status_code)
        assert int(answer["Retry-After"]) > 0
        assert refusals.AWAY_SENTENCE in answer.content.decode()
