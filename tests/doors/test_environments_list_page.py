"""The list of environments: filters and pages in the address, the same cost at any length, and the forms behind it."""

import base64
import json
import re
import uuid
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from environments import lifecycle
from environments.configuration import variables as configured
from environments.forms import variables
from environments.models import Environment, State
from environments.overview import environments as overview
from projects.models import Event
from tests.doors.visiting import HTMX, LIVE, beside, html, signed_in, statements, text
from tests.environments import house as houses
from tests.environments.house import House

pytestmark = pytest.mark.django_db
LIST = "/environments"
NEW = {"name": "review", "provisioner": "external", "tags": "a, b", "env_vars": "REGION=north\nEMPTY="}


def names(shown: str) -> list[str]:
    return re.findall(r'<a class="cut" href="/environments/[0-9a-f-]+[^"]*" title="([^"]*)"', shown)


def many(house: House, count: int, **fields: object) -> None:
    like = house.environment("like-all-others")
    columns = {"organization": house.organization, "provisioner": "external", "state": State.RUNNING, **fields}
    Environment.objects.bulk_create(
        Environment(name=f"env-{n:03}", namespace=f"{like.namespace}.{n}", created_by="system", **columns)
        for n in range(count)
    )


def test_everybody_reads_what_they_may_see_and_only_who_may_creates(house: House) -> None:
    staging = house.environment("staging", tags=["north"])
    production = house.environment("production")

    shown = html(signed_in(house.owner), LIST)
    assert {"production", "staging"} <= set(names(shown))
    assert reverse("environment-new") in shown.split("<main")[1]
    limited = html(signed_in(house.person("viewer", environment=staging)), LIST)
    assert names(limited) == ["staging"]
    assert reverse("environment-new") not in limited.split("<main")[1]
    assert production.name not in names(html(signed_in(houses.house().owner), LIST))


def test_an_ephemeral_one_shows_its_project(house: House) -> None:
    project = house.project("PAY")
    house.environment("pr-1", kind="ephemeral", project_id=str(project.id))

    shown = html(signed_in(house.owner), LIST)

    row = next(row for row in shown.split("<tbody>")[1].split("<tr>") if "pr-1" in row)
    assert "ephemeral pr-1" in text(f"<main{row}") and "PAY" in text(f"<main{row}")


def test_filters_stand_in_the_address(house: House) -> None:
    project = house.project("PAY")
    house.environment("blue", tags=["north"])
    house.environment("pr-1", kind="ephemeral", project_id=str(project.id))
    red = house.environment("red", display_name="Crimson")
    Environment.objects.filter(pk=red.pk).update(state=State.ERROR, error_message="The disk is full.")
    client = signed_in(house.owner)

    for query, expected in (
        ("?q=crims", ["Crimson"]),
        ("?status=error", ["Crimson"]),
        ("?tag=north", ["blue"]),
        ("?project=pay", ["pr-1"]),
        ("?environment=blue", ["blue"]),
        ("?q=nothing+like+it", []),
    ):
        assert names(html(client, LIST + query)) == expected, query
        client.cookies.pop("environment", None)
    assert "The disk is full." in text(html(client, LIST + "?status=error"))
    assert "No environment matches" in text(html(client, LIST + "?q=nothing"))
    assert client.get(LIST + "?status=lost").status_code == 422
    assert client.get(LIST + "?environment=nowhere").status_code == 404


def test_a_tag_and_a_project_lead_to_what_shares_them(house: House) -> None:
    project = house.project("PAY")
    house.environment("pr-1", kind="ephemeral", project_id=str(project.id), tags=["north"])

    shown = html(signed_in(house.owner), LIST + "?status=running")

    assert 'href="?status=running&amp;tag=north"' in shown
    assert 'href="?status=running&amp;project=PAY"' in shown


def test_every_environment_is_on_exactly_one_page(house: House) -> None:
    many(house, 2 * overview.PAGE)
    # A page ends within a priority and the next one begins in it, and another page holds two of them.
    Environment.objects.filter(name__gt="env-070").update(priority=2)
    client, found, address = signed_in(house.owner), [], LIST

    while address:
        shown = html(client, address)
        assert len(names(shown)) <= overview.PAGE
        found += names(shown)
        onward = re.search(r'href="(\?cursor=[^"]+)"[^>]*>Next', shown)
        address = LIST + onward.group(1) if onward else ""

    assert len(found) == len(set(found)) == Environment.objects.filter(organization=house.organization).count()
    assert client.get(LIST + "?cursor=rubbish").status_code == 422


def test_the_statements_stay_as_few_however_many_there_are(house: House) -> None:
    client = signed_in(house.owner)
    few = statements(client, LIST)

    many(house, 60)

    assert statements(client, LIST) == few
    assert few <= 14, "sign-in and the page's frame included"


def test_a_list_that_did_not_change_costs_no_bytes(house: House) -> None:
    house.environment("blue")
    client = signed_in(house.owner)
    tag = re.search(r'data-etag="([0-9a-f]+)"', html(client, LIST))
    assert tag is not None

    again = client.get(LIST, headers=LIVE | {"If-None-Match": f'"{tag.group(1)}"'})

    assert (again.status_code, again.content) == (304, b"")
    assert html(client, LIST, headers=HTMX).startswith('<section class="card" id="list"')


def test_a_new_environment_is_made_by_a_form(house: House) -> None:
    client = signed_in(house.owner)
    assert "Create environment" in html(client, reverse("environment-new"))

    answer = client.post(reverse("environment-new"), NEW)

    made = Environment.objects.get(name="review")
    assert answer.headers["Location"] == reverse("environment", args=[made.id])
    assert (made.tags, given(made)) == (["a", "b"], {"REGION": "north", "EMPTY": ""})


def test_what_a_form_cannot_be_told_stands_beside_its_field_and_nothing_typed_is_lost(house: House) -> None:
    house.environment("taken")
    client = signed_in(house.owner)

    for changed, status, field, sentence in (
        ({"name": ""}, 422, "name", "This field is required."),
        ({"name": "TAKEN"}, 409, "name", "exists already"),
        ({"env_vars": "no equals sign"}, 422, "env_vars", "Line 1 has no “=”"),
        ({"env_vars": "PATH=/bin"}, 422, "env_vars", "PATH: this name is reserved"),
    ):
        answer = client.post(reverse("environment-new"), NEW | changed)
        assert answer.status_code == status, changed
        assert sentence in beside(answer.content.decode(), field), changed
        assert 'value="a, b"' in answer.content.decode()
    assert not Environment.objects.filter(name="review").exists()


def test_settings_are_changed_by_a_form(house: House) -> None:
    staging = house.environment("staging")
    address = reverse("environment-settings", args=[staging.id])
    client = signed_in(house.owner)
    assert 'value="staging"' in html(client, address)

    answer = client.post(address, filled(client, address) | {"display_name": "Rehearsal"})

    assert answer.headers["Location"] == reverse("environment", args=[staging.id])
    assert "Rehearsal" in text(html(client, answer.headers["Location"]))


ODD = {
    "CERTIFICATE": "-----BEGIN\nMORE=x\r\nEND-----\n",
    "SEPARATED": "a\u2028b\x0bc\x85d",
    "SPACED": "  both ends\t",
    "QUOTED": '"in quotes"',
    "WINDOWS": 'C:\\new "x"',
    "NUMBER": "8.0",
    "EMPTY": "",
    "WORDS": "grüße = \n = welt",
}


def test_saving_what_was_not_touched_changes_nothing(house: House) -> None:
    staging = house.environment(
        "staging",
        tags=["one, two", "three"],
        description=" first\r\nsecond\n",
        execution_environment={"env_vars": ODD},
    )
    address = reverse("environment-settings", args=[staging.id])
    client = signed_in(house.owner)
    before = Environment.objects.get(pk=staging.pk)

    answer = client.post(address, filled(client, address))

    assert answer.status_code == 302
    after = Environment.objects.get(pk=staging.pk)
    assert given(after) == ODD
    assert (after.tags, after.description) == (before.tags, before.description)
    assert not Event.objects.filter(kind="environment.updated").exists()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("A=1\r\n\r\n B =two words \r\n", {"A": "1", "B": "two words "}),
        ('A="one\\ntwo"', {"A": "one\ntwo"}),
        ("A=x\u2028y\x0bz", {"A": "x\u2028y\x0bz"}),
        ("A=b=c", {"A": "b=c"}),
    ],
)
def test_only_a_line_feed_separates_variables(typed: str, meant: dict[str, str]) -> None:
    assert variables.read(typed) == meant
    assert variables.read(variables.written(meant)) == meant


@pytest.mark.parametrize("typed", ['A=1\nB="open', 'A=1\nB="x" y', "A=1\nA=2"])
def test_a_line_that_cannot_be_read_is_named(typed: str) -> None:
    with pytest.raises(variables.Unreadable, match="Line 2"):
        variables.read(typed)


def test_what_somebody_changed_meanwhile_is_not_overwritten_and_nothing_typed_is_lost(house: House) -> None:
    staging = house.environment("staging")
    address = reverse("environment-settings", args=[staging.id])
    client = signed_in(house.owner)
    typed = filled(client, address) | {"display_name": "Rehearsal", "env_vars": "REGION=north"}
    lifecycle.update(staging, by=house.owner, description="theirs", execution_environment={"env_vars": {"A": "1"}})

    answer = client.post(address, typed)

    shown = answer.content.decode()
    assert answer.status_code == 409
    assert "Somebody changed the settings of staging meanwhile" in shown
    assert "Display name, Description, Variables" in shown
    assert 'value="Rehearsal"' in shown and "REGION=north" in shown
    now = Environment.objects.get(pk=staging.pk)
    assert (now.description, given(now), now.display_name) == ("theirs", {"A": "1"}, "")
    again = typed | {"version": field(shown, "version")}
    assert client.post(address, again).status_code == 302
    assert given(staging) == {"REGION": "north"}


def test_settings_are_saved_although_the_state_moved_meanwhile(house: House) -> None:
    staging = house.environment("staging")
    address = reverse("environment-settings", args=[staging.id])
    client = signed_in(house.owner)
    typed = filled(client, address)
    lifecycle.stop(staging, by=house.owner)

    assert client.post(address, typed | {"display_name": "Rehearsal"}).status_code == 302


def field(shown: str, name: str) -> str:
    tag = next(tag for tag in re.findall(r"<input[^>]*>", shown) if f'name="{name}"' in tag)
    return unescape(re.search(r'value="([^"]*)"', tag + 'value=""').group(1))  # type: ignore[union-attr]


def filled(client: Client, address: str) -> dict[str, str]:
    """What a browser would send of the form that it is shown: lines end with CR LF."""
    shown = html(client, address)
    given = {name: field(shown, name) for name in ("version", "name", "display_name", "tags")}
    for name, content in re.findall(r'<textarea name="(\w+)"[^>]*>\r?\n?(.*?)</textarea>', shown, re.DOTALL):
        given[name] = re.sub(r"\r\n|\r|\n", "\r\n", unescape(content))
    chosen = re.search(r'<option value="(\w+)" selected', shown.split('name="tier"')[1])
    return given | {"tier": chosen.group(1) if chosen else ""}


def test_forms_are_for_those_who_manage(house: House) -> None:
    staging = house.environment("staging")
    settings = reverse("environment-settings", args=[staging.id])

    for person in (house.person("operator"), house.person("viewer")):
        client = signed_in(person)
        for address in (reverse("environment-new"), settings):
            assert client.get(address).status_code == 403
            assert client.post(address, NEW).status_code == 403
    assert signed_in(houses.house().owner).post(settings, NEW).status_code == 404


def test_the_header_offers_nothing_of_a_project_that_one_does_not_see(house: House) -> None:
    own, other = house.project("OWN"), house.project("OTHER")
    for project in (own, other):
        house.environment(f"of-{project.key.lower()}", project_id=project.id)
    client = signed_in(house.person("viewer", project=own))

    shown = html(client, LIST)

    assert "of-own" in shown and "of-other" not in shown
    assert client.get(f"{LIST}?environment=of-own").status_code == 200
    assert client.get(f"{LIST}?environment=of-other").status_code == 404


@pytest.mark.parametrize(
    "mark",
    [[float("inf"), "a", str(uuid.uuid4())], [5, "a\0", str(uuid.uuid4())], [5, "\ud800", str(uuid.uuid4())],
     [5, "a", 5], 5, [10**40, "a", "b"]],
)  # fmt: skip
@pytest.mark.parametrize("page", ["/environments", "/"])
def test_a_page_mark_that_is_none_of_ours_is_refused(house: House, page: str, mark: object) -> None:
    house.chain(house.environment("staging").name)
    cursor = base64.urlsafe_b64encode(json.dumps(mark).encode()).decode().rstrip("=")

    assert signed_in(house.owner).get(page, {"cursor": cursor}).status_code == 422


def given(environment: Environment) -> dict[str, str]:
    return configured.of_environments([environment.pk])[environment.pk]
