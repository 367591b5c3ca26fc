"""Several environments selected in their list: buttons that need no script, a typed question, and what came of each."""

import re
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, expect

from environments.models import Environment
from tests import builders
from tests.doors.eye import Eye
from tests.doors.rest import is_problem
from tests.doors.visiting import beside, html, signed_in, text
from tests.doors.web import Web
from tests.environments import house as houses
from tests.environments.house import House

SEVERAL = "/environments/several"


def sent(client: Client, act: str, *places: Environment, **more: str) -> Any:
    return client.post(SEVERAL, {"act": act, "id": [str(place.pk) for place in places], **more})


@pytest.mark.django_db
def test_a_list_offers_what_one_may_do_somewhere(house: House) -> None:
    house.environment("calm")
    shown = {who: html(signed_in(house.person(who)), "/environments") for who in ("viewer", "operator", "admin")}

    assert 'name="id"' not in shown["viewer"] and 'value="start"' not in shown["viewer"]
    assert 'name="id"' in shown["operator"] and 'value="stop"' in shown["operator"]
    assert 'value="delete"' in shown["admin"] and 'value="untag"' in shown["admin"]


@pytest.mark.django_db
def test_of_each_it_is_told_what_came_of_it(house: House) -> None:
    calm, shut = house.environment("calm"), house.environment("shut")
    Environment.objects.filter(pk=shut.pk).update(protected=True)

    answer = sent(signed_in(house.owner), "stop", calm, shut)

    told = text(answer.content.decode())
    assert answer.status_code == 200
    assert "1 done, 1 refused: each says why" in told
    assert "Is stopping." in told and "shut is protected; stop it on its own page." in told


@pytest.mark.django_db
def test_what_was_done_to_each_can_be_undone_beside_it(house: House) -> None:
    calm, shut, bare = (house.environment(name) for name in ("calm", "shut", "bare"))
    Environment.objects.filter(pk=shut.pk).update(protected=True)
    Environment.objects.filter(pk=bare.pk).update(tags=["night"])
    client = signed_in(house.owner)
    for act, undoes in (
        ("stop", lambda: Environment.objects.get(pk=calm.pk).wanted == "active"),
        ("tag", lambda: not Environment.objects.get(pk=calm.pk).tags),
    ):
        told = sent(client, act, calm, shut if act == "stop" else bare, tag="night").content.decode()
        (address,) = re.findall(r'<button[^>]* form="undo" formaction="([^"]+)"', told)
        assert not undoes()
        client.post(address)
        assert undoes(), act


@pytest.mark.django_db
def test_deleting_asks_for_their_number_in_words_and_deletes_nothing_before(house: House) -> None:
    one, two, shut = (house.environment(name) for name in ("one", "two", "shut"))
    Environment.objects.filter(pk=shut.pk).update(protected=True)
    client = signed_in(house.owner)

    asked = sent(client, "delete", one, two, shut)
    wrong = sent(client, "delete", one, two, shut, confirm="delete 2")
    assert (asked.status_code, wrong.status_code) == (200, 422)
    assert "Type delete 3 to confirm" in text(asked.content.decode())
    assert "protected: it stays" in text(asked.content.decode())
    assert "Type delete 3 exactly" in text(wrong.content.decode())
    assert not Environment.objects.filter(deleted_at__isnull=False).exists()

    done = sent(client, "delete", one, two, shut, confirm="delete 3")
    assert "2 done, 1 refused" in text(done.content.decode())
    assert set(Environment.objects.filter(deleted_at__isnull=False).values_list("name", flat=True)) == {"one", "two"}


@pytest.mark.django_db
def test_the_question_names_nothing_that_is_not_seen(house: House) -> None:
    mine, hidden = house.environment("mine"), house.environment("hidden")
    limited = signed_in(house.person("admin", environment=mine))
    assert "hidden" not in text(sent(limited, "delete", mine, hidden).content.decode())
    assert sent(limited, "stop", hidden).status_code == 404


@pytest.mark.django_db
def test_none_and_too_many_are_refused_with_a_sentence(house: House) -> None:
    client = signed_in(house.owner)
    none = client.post(SEVERAL, {"act": "stop"})
    many = client.post(SEVERAL, {"act": "stop", "id": [str(n) for n in range(101)]})
    assert (none.status_code, many.status_code) == (422, 422)
    assert "Select at least one environment." in text(none.content.decode())
    assert "Select at most 100 environments at once; 101 are selected." in text(many.content.decode())


@pytest.mark.django_db
def test_without_script_nothing_selected_is_one_sentence_and_a_forgotten_tag_is_asked_for(house: House) -> None:
    client, calm = signed_in(house.owner), house.environment("calm")
    none = client.post(SEVERAL, {"act": "stop"}).content.decode().partition("<main")[2]
    assert none.count("Select at least one environment") == 1 and ">ids<" not in none and "ids:" not in none

    asked = sent(client, "tag", calm, tag=" ", reason="the night shift")

    shown = asked.content.decode()
    assert asked.status_code == 422 and beside(shown, "tag").strip() == "Give the tag."
    assert "Add a tag to 1 environment" in text(shown) and 'value="the night shift"' in shown
    kept = dict(re.findall(r'<input type="hidden" name="(act|id)" value="([^"]*)"', shown))
    assert kept == {"act": "tag", "id": str(calm.pk)}
    assert "Has the tag night now." in text(client.post(SEVERAL, {**kept, "tag": "night"}).content.decode())
    assert "Remove a tag from 1 environment" in text(sent(client, "untag", calm).content.decode())


@pytest.mark.django_db
def test_rest_answers_for_each(house: House) -> None:
    calm, shut = house.environment("calm"), house.environment("shut")
    Environment.objects.filter(pk=shut.pk).update(protected=True)
    client, path = builders.rest(house.owner), "/api/v1/environments/bulk"

    answer = client.post(path, {"act": "stop", "ids": [str(shut.pk), str(calm.pk)]}, content_type="application/json")

    assert answer.json() == {
        "done": 1,
        "refused": 1,
        "results": [
            {
                "id": str(shut.pk),
                "name": "shut",
                "done": False,
                "detail": "shut is protected; stop it on its own page.",
                "code": "protected",
            },
            {"id": str(calm.pk), "name": "calm", "done": True, "detail": "Is stopping.", "code": ""},
        ],
    }
    stranger = builders.rest(houses.house().owner)
    body = {"act": "stop", "ids": [str(calm.pk)]}
    assert is_problem(stranger.post(path, body, content_type="application/json"), 404)
    assert is_problem(client.post(path, body | {"ids": []}, content_type="application/json"), 422)


def test_rows_are_selected_by_keyboard_counted_aloud_and_kept_when_the_list_changes(
    browser: Browser, server: Web, harbour: House
) -> None:
    eye = Eye(browser, server.url)
    eye.become(harbour.owner)
    page = eye.page
    names = ("alpha", "beta", "gamma")
    alpha, beta, _ = (harbour.environment(name) for name in names)
    page.goto(server.url + "/environments")
    page.get_by_role("link", name="alpha", exact=True).focus()
    page.keyboard.press("x")
    expect(page.locator("[data-selected]")).to_have_text("1 of 3 selected")
    expect(page.locator("#announce")).to_have_text("1 of 3 selected")
    page.get_by_role("checkbox", name="Select beta").press("Space")
    expect(page.get_by_role("checkbox", name="All on this page")).not_to_be_checked()

    harbour.environment("newcomer")
    page.mouse.move(0, 0)
    expect(page.get_by_role("checkbox", name="Select newcomer")).to_be_visible()
    expect(page.locator("[data-selected]")).to_have_text("2 of 4 selected")
    page.get_by_role("checkbox", name="All on this page").check()
    expect(page.locator("[data-selected]")).to_have_text("4 of 4 selected")
    page.get_by_role("checkbox", name="All on this page").uncheck()
    for name in ("alpha", "beta"):
        page.get_by_role("checkbox", name=f"Select {name}").check()
    page.get_by_role("button", name="Delete").click()
    eye.look("the question")
    page.get_by_label("Type delete 2 to confirm").fill("delete 2")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="2 done.")).to_be_visible()
    eye.look("what came of it")
    assert eye.found == []
    eye.close()
    gone = Environment.objects.filter(deleted_at__isnull=False).values_list("name", flat=True)
    assert set(gone) == {alpha.name, beta.name}


def test_what_is_missing_is_said_at_once_and_what_was_selected_stays(page: Page, server: Web, harbour: House) -> None:
    for name in ("alpha", "beta"):
        harbour.environment(name)
    page.goto(server.url + "/environments")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("[data-toast]")).to_have_text("Select at least one environment.")
    expect(page.locator("#announce")).to_have_text("Select at least one environment.")
    expect(page.get_by_role("checkbox", name="Select alpha")).to_be_focused()

    page.keyboard.press("x")
    page.get_by_role("button", name="Add tag").click()

    expect(page.locator("[data-toast]").last).to_have_text("Give the tag.")
    expect(page.get_by_role("textbox", name="Tag")).to_be_focused()
    expect(page.get_by_role("checkbox", name="Select alpha")).to_be_checked()
    expect(page).to_have_url(server.url + "/environments")
    page.keyboard.type("night")
    page.get_by_role("button", name="Add tag").click()
    expect(page.get_by_role("status").filter(has_text="1 done.")).to_be_visible()
    assert Environment.objects.get(name="alpha").tags == ["night"]


def test_releases_are_chosen_above_their_list_counted_and_by_key(browser: Browser, server: Web, harbour: House) -> None:
    eye = Eye(browser, server.url)
    eye.become(harbour.owner)
    page, app = eye.page, harbour.app("ledger")
    for version in ("1.0", "1.1", "1.2"):
        harbour.release(app, version)
    page.goto(server.url + "/releases")
    compare = page.get_by_role("button", name="Compare two")
    place, table = compare.bounding_box(), page.locator("#list table").bounding_box()
    assert place and table and place["y"] + place["height"] < table["y"]
    compare.click()
    expect(page.locator("[data-toast]").last).to_contain_text("Select two releases of one app")
    expect(page.get_by_role("checkbox", name="Compare ledger 1.2")).to_be_focused()

    for version in ("1.2", "1.1"):
        page.get_by_role("link", name=f"ledger {version}").focus()
        page.keyboard.press("x")
    expect(page.locator("[data-selected]")).to_have_text("2 of 3 selected")
    expect(page.locator("#announce")).to_have_text("2 of 3 selected")
    eye.look("releases with two of them selected")
    assert (eye.found, eye.complaints) == ([], [])
    page.get_by_role("checkbox", name="Compare ledger 1.0").check()
    compare.click()
    expect(page.locator("[data-toast]").last).to_contain_text("Select two releases of one app")
    page.get_by_role("checkbox", name="Compare ledger 1.0").uncheck()
    compare.click()
    expect(page.get_by_role("heading", name="ledger 1.1 to 1.2")).to_be_visible()
    eye.close()
