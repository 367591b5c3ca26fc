"""Variables and secrets as pages: what holds and why, what is said to whom, and that no secret is in any of them."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from environments import lifecycle
from environments.configuration import entries, secrets, variables
from environments.models import Entry, Environment
from environments.resolving.scopes import Scope
from projects.credentials import Secret
from projects.models import Agent, App, Event, Team
from tests.doors.visiting import HTMX, LIVE, beside, html, signed_in, statements, text
from tests.environments.house import House
from tests.environments.house import house as new_house

pytestmark = pytest.mark.django_db
PLANTED = "hunter2-planted-value"


@pytest.fixture
def app(house: House) -> App:
    return house.app("ferry", project=house.project("HARBOUR"))


@pytest.fixture
def lagoon(house: House) -> Environment:
    return house.environment("lagoon", display_name="Lagoon")


@pytest.fixture
def client(house: House) -> Client:
    return signed_in(house.owner)


def variable(house: House, key: str, value: str, **scope: Any) -> Entry:
    return variables.create(Scope(**scope), by=house.owner, key=key, value=value)


def secret(house: House, key: str, value: str = PLANTED, *, more: Any = (), **scope: Any) -> Entry:
    return secrets.create(Scope(**scope), by=house.owner, key=key, value=Secret(value), **dict(more))


def page(entry: Entry) -> str:
    return reverse("configuration-entry", args=[entry.pk])


def where(app: App, environment: Environment, **more: str) -> str:
    asked = "".join(f"&{name}={value}" for name, value in more.items())
    return f"/configuration?app={app.pk}&environment={environment.name}{asked}"


def rows(shown: str) -> dict[str, str]:
    """What the row of each key says."""
    body = shown.partition("<tbody>")[2].partition("</tbody>")[0]
    told = [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row)).strip() for row in body.split("</tr>") if row.strip()]
    return {row.split()[0]: row for row in told}


# What holds


def test_each_key_is_shown_with_its_value_the_scope_that_won_and_what_it_overrides(
    client: Client, house: House, app: App, lagoon: Environment
) -> None:
    variable(house, "LEVEL", "weak")
    variable(house, "LEVEL", "strong", app=app, environment=lagoon)
    variable(house, "HOST", "db.internal", project=app.project)
    variable(house, "URL", "https://{{HOST}}/", environment=lagoon)
    secret(house, "PASSWORD")
    variable(house, "DSN", "me:{{PASSWORD}}@{{HOST}}")

    shown = html(client, where(app, lagoon))

    told = rows(shown)
    assert "strong ferry in Lagoon" in told["LEVEL"] and "1 value" in told["LEVEL"] and "v1" in told["LEVEL"]
    assert "db.internal Harbour None" in told["HOST"]
    assert "https://db.internal/ Lagoon" in told["URL"]
    assert "Secret •••••••• Organization" in told["PASSWORD"]
    assert "•••••••• built from PASSWORD" in told["DSN"] and "me:" not in told["DSN"]
    assert PLANTED not in shown
    assert "weak" in rows(html(client, "/configuration?environment=lagoon"))["LEVEL"], (
        "without the app its own values are none"
    )


def test_overrides_open_below_their_row_and_have_a_page_of_their_own(
    client: Client, house: House, app: App, lagoon: Environment
) -> None:
    variable(house, "LEVEL", "weak")
    variable(house, "LEVEL", "strong", environment=lagoon)
    address = re.search(r'href="(/configuration/explained/LEVEL[^"]*)"', html(client, where(app, lagoon)))
    assert address
    asked = address[1].replace("&amp;", "&")

    part = html(client, asked, headers=HTMX)
    whole = html(client, asked)

    assert part.strip().startswith('<tr class="sub" id="o-LEVEL">') and "<main" not in part and "<h1" in whole
    for shown in (part, text(whole)):
        told = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", shown))
        assert "App in an environment: ferry in Lagoon Not set" in told
        assert "Environment: Lagoon strong Used v1" in told
        assert f"Organization: {house.organization.name} weak Overridden v1" in told
        assert told.index("App: ferry") < told.index("Environment: Lagoon") < told.index("Organization:")
    assert client.get("/configuration/explained/NOWHERE").status_code == 404


def test_what_has_no_value_is_named_first_with_what_to_do(client: Client, house: House, lagoon: Environment) -> None:
    variable(house, "AAA", "fine")
    variable(house, "LOST", "{{.secret.NOWHERE}}")
    variable(house, "ONE", "{{TWO}}")
    variable(house, "TWO", "{{ONE}}")
    dead = secret(house, "TOKEN")
    secrets.revoke(dead, 1, by=house.owner)

    shown = html(client, "/configuration?environment=lagoon")

    told = rows(shown)
    assert list(told) == ["LOST", "ONE", "TOKEN", "TWO", "AAA"]
    assert (
        "refers to {{.secret.NOWHERE}}, which is set nowhere here. Set NOWHERE, or correct the reference."
        in told["LOST"]
    )
    assert re.search(r'href="/configuration/secrets/new\?environment=lagoon&amp;key=NOWHERE', shown)
    assert "in a circle: ONE -&gt; TWO -&gt; ONE. Change one of these values" in told["ONE"]
    assert "TOKEN v1 is revoked. Set a new value." in told["TOKEN"]
    assert list(rows(html(client, "/configuration?environment=lagoon&show=problems"))) == [
        "LOST",
        "ONE",
        "TOKEN",
        "TWO",
    ]
    viewer = html(signed_in(house.person("viewer")), "/configuration?environment=lagoon")
    assert "Set NOWHERE, or correct" in viewer and "/secrets/new" not in viewer


def test_what_is_inherited_says_from_where(client: Client, house: House, lagoon: Environment) -> None:
    preview = house.environment("preview", display_name="Preview", based_on="lagoon")
    variable(house, "DEPTH", "3", environment=lagoon)
    secret(house, "KEY", environment=lagoon)

    shown = html(client, "/configuration?environment=preview")

    assert "Preview is based on Lagoon" in text(shown)
    assert "inherited from Lagoon" in rows(shown)["DEPTH"]
    assert set(rows(html(client, "/configuration?environment=preview&show=inherited"))) == {"DEPTH", "KEY"}
    alone = signed_in(house.person("admin", environment=preview))
    told = html(alone, "/configuration?environment=preview")
    assert "Lagoon" not in told and "inherited from an environment that you do not see" in rows(told)["DEPTH"]
    assert "3" in rows(told)["DEPTH"] and "/revealing" not in told


def test_keys_are_filtered_by_kind_scope_words_and_overrides(
    client: Client, house: House, app: App, lagoon: Environment
) -> None:
    variable(house, "LEVEL", "weak")
    variable(house, "LEVEL", "strong", app=app)
    variable(house, "HOST", "x", environment=lagoon)
    secret(house, "TOKEN")

    def found(**more: str) -> set[str]:
        return set(rows(html(client, where(app, lagoon, **more))))

    assert found(show="secret") == {"TOKEN"} and found(show="variable") == {"LEVEL", "HOST"}
    assert found(show="overridden") == {"LEVEL"} and found(scope="app") == {"LEVEL"} and found(q="ho") == {"HOST"}
    assert found(q="nothing") == set() and "No key matches" in html(client, where(app, lagoon, q="nothing"))
    assert client.get(where(app, lagoon, show="odd")).status_code == 422
    assert client.get(where(app, lagoon, scope="odd")).status_code == 422
    assert client.get(f"/configuration?app={lagoon.pk}").status_code == 404


def test_teams_and_agents_have_values_of_their_own(client: Client, house: House) -> None:
    crew = Team.objects.create(organization=house.organization, name="crew")
    robot = Agent.objects.create(organization=house.organization, name="robot", team=crew)
    variable(house, "MODEL", "crew's", team=crew)
    variable(house, "MODEL", "robot's", agent=robot)

    assert "robot&#x27;s robot" in rows(html(client, f"/configuration?agent={robot.pk}"))["MODEL"]
    assert "crew&#x27;s crew" in rows(html(client, f"/configuration?team={crew.pk}"))["MODEL"]


def test_everything_that_is_set_is_found_by_key_and_paged_without_a_loss(
    client: Client, house: House, app: App, lagoon: Environment
) -> None:
    assert "Nothing is set yet" in html(client, "/configuration")
    variable(house, "WANTED", "1")
    variable(house, "WANTED", "2", app=app, environment=lagoon)
    for n in range(58):
        variable(house, f"K{n}", "x")

    asked, keys = "/configuration", []
    while asked:
        shown = html(client, asked)
        keys += re.findall(r"<code>(\w+)</code></a></th>", shown)
        following = re.search(r'href="(\?[^"]*cursor=[^"]*)" hx-get', shown)
        asked = "/configuration" + following[1].replace("&amp;", "&") if following else ""

    assert len(keys) == 60 and keys == sorted(keys)
    both = html(client, "/configuration?q=wanted")
    assert both.count("<code>WANTED</code>") == 2 and "ferry in Lagoon" in both
    assert client.get("/configuration?cursor=nonsense").status_code == 422


@pytest.mark.parametrize("view", ["resolved", "set"])
def test_the_page_costs_the_same_however_many_keys_there_are(
    client: Client, house: House, app: App, lagoon: Environment, view: str
) -> None:
    def fill(n: int) -> None:
        variable(house, f"V{n}", f"{{{{S{n}}}}}")
        secret(house, f"S{n}")
        variable(house, f"V{n}", "x", app=app, environment=lagoon)

    fill(0)
    asked = where(app, lagoon, view=view)
    before = statements(client, asked)
    for n in range(1, 8):
        fill(n)
    assert statements(client, asked) == before


def test_an_unchanged_list_costs_a_live_page_nothing(client: Client, house: House, lagoon: Environment) -> None:
    secret(house, "TOKEN")
    asked = "/configuration?environment=lagoon"
    answer = client.get(asked, headers=LIVE)
    assert client.get(asked, headers={**LIVE, "If-None-Match": answer["ETag"]}).status_code == 304
    assert 'data-live="configuration environment:' in answer.content.decode()


# Setting


def test_a_variable_is_set_by_a_form_with_its_scope_type_and_reason(
    client: Client, house: House, app: App, lagoon: Environment
) -> None:
    asked = f"{reverse('variable-new')}?app={app.pk}&environment=lagoon"
    shown = html(client, asked)
    assert f'value="app:{app.pk}" selected' in shown and f'<option value="{lagoon.pk}" selected>' in shown
    given = {"holder": f"app:{app.pk}", "place": str(lagoon.pk), "key": "DEPTH", "type": "number", "value": "deep"}

    refused = client.post(asked, given)
    assert refused.status_code == 422 and "is not a number" in beside(refused.content.decode(), "value")
    made = client.post(asked, given | {"value": "3", "description": "of water", "reason": "spring tide"})

    entry = Entry.objects.get(key="DEPTH")
    assert made["Location"].startswith(page(entry)) and (entry.app, entry.environment) == (app, lagoon)
    told = text(html(client, page(entry)))
    assert (
        "DEPTH Variable ferry in Lagoon" in told and "of water" in told and "spring tide" in told and "Number" in told
    )
    assert Event.objects.get(kind="variable.created").data["reason"] == "spring tide"
    again = client.post(asked, given | {"value": "4"})
    assert again.status_code == 409 and "is set for ferry in Lagoon already" in beside(again.content.decode(), "key")


def test_what_was_typed_as_a_secret_is_never_written_into_a_page(client: Client, house: House) -> None:
    given = {"key": "no key", "value": PLANTED, "rotate_on": "2030-01-01"}
    refused = client.post(reverse("secret-new"), given)
    assert refused.status_code == 422 and PLANTED not in refused.content.decode()
    assert 'value="2030-01-01"' in refused.content.decode()

    made = client.post(reverse("secret-new"), given | {"key": "TOKEN", "write_only": "on"}, follow=True)

    entry = Entry.objects.get(key="TOKEN")
    assert (entry.write_only, str(entry.rotate_on)) == (True, "2030-01-01")
    assert PLANTED not in made.content.decode() and PLANTED not in str(list(Event.objects.values()))
    stale = client.post(f"{page(entry)}/edit", {"version": "old", "value": f"{PLANTED}!", "description": ""})
    assert stale.status_code == 409 and PLANTED not in stale.content.decode()


def test_the_form_offers_the_scopes_one_may_write_and_says_why_not_the_others(house: House, app: App) -> None:
    lagoon, sea = house.environment("lagoon"), house.environment("sea", protected=True)
    operator = signed_in(house.person("operator"))

    shown = html(operator, reverse("variable-new"))

    assert f'<option value="{lagoon.pk}"' in shown and f'value="{sea.pk}"' not in shown
    assert "<option disabled>sea</option>" in shown and "<option disabled>Every environment</option>" in shown
    told = text(shown)
    assert "sea : Your role does not let you change variables and secrets here; the environment is protected" in told
    assert "Every environment : A value for Organization also reaches sea, which is protected." in told
    part = html(operator, f"{reverse('variable-new')}?holder=app:{app.pk}", headers=HTMX)
    assert "<main" not in part and f'value="app:{app.pk}"' in part and "A value for ferry also reaches sea" in part
    refused = operator.post(reverse("variable-new"), {"key": "A", "type": "text", "value": "x", "place": str(sea.pk)})
    assert refused.status_code == 403 and "the environment is protected" in refused.content.decode()
    named = signed_in(house.person("operator", environment=sea))
    assert f'<option value="{sea.pk}" selected>' in html(named, f"{reverse('variable-new')}?environment=sea")
    assert signed_in(house.person("viewer")).get(reverse("variable-new")).status_code == 403


def test_the_form_costs_the_same_however_many_environments_there_are(house: House) -> None:
    base = house.environment("base", protected=True)
    house.environment("preview", based_on="base")
    operator, asked = signed_in(house.person("operator")), reverse("secret-new")
    before = statements(operator, asked)
    for n in range(5):
        house.environment(f"more-{n}", based_on="base" if n % 2 else None, protected=n == 4)
        house.app(f"app-{n}", project=house.project(f"P{n}"))
    assert statements(operator, asked) == before
    assert [one.name for one in base.heirs.order_by("name")] == ["more-1", "more-3", "preview"]


def test_a_value_is_changed_and_nothing_newer_is_overwritten(client: Client, house: House) -> None:
    entry = variable(house, "DEPTH", "one\ntwo")
    edit = f"{page(entry)}/edit"
    seen = re.search(r'name="version" value="(\w+)"', html(client, edit))
    assert seen
    given = {"version": seen[1], "type": "text", "value": "one\r\ntwo", "description": "deep"}
    client.post(edit, given)
    entry.refresh_from_db()
    assert (entry.current.number, entry.description) == (1, "deep"), "line breaks of a browser are no other value"

    stale = client.post(edit, given | {"value": "mine"})
    assert stale.status_code == 409 and "It differs from what is saved in: Value." in stale.content.decode()
    again = re.search(r'name="version" value="(\w+)"', stale.content.decode())
    assert again
    assert client.post(edit, given | {"value": "mine", "version": again[1], "reason": "meant"}).status_code == 302
    told = text(html(client, page(entry)))
    assert "v2 Current" in told and "meant" in told


def test_an_old_secret_is_kept_when_only_what_is_said_about_it_changes(client: Client, house: House) -> None:
    entry = secret(house, "TOKEN")
    edit = f"{page(entry)}/edit"
    given = {"version": entries.tag(entry), "value": "", "description": "of the harbour", "rotate_on": "2020-01-01"}
    assert client.post(edit, given).status_code == 302
    entry.refresh_from_db()
    assert entry.current.number == 1
    assert "Rotation overdue" in text(html(client, page(entry)))
    assert "Rotation overdue since 1 Jan 2020" in rows(html(client, "/configuration?show=overdue"))["TOKEN"]
    assert "Rotation overdue" in rows(html(client, "/configuration?view=resolved"))["TOKEN"]
    Entry.objects.update(rotate_on=timezone.now().date() + timedelta(days=2))
    assert "Rotation overdue" not in html(client, "/configuration?view=resolved")


# One key


def test_a_key_has_a_history_of_which_versions_are_compared_and_restored(client: Client, house: House) -> None:
    entry = variable(house, "LINES", "one\ntwo")
    variables.update(entry, by=house.owner, value="one\nthree", note="it grew")
    variable(house, "LINES", "else", environment=house.environment("lagoon"))

    shown = html(client, f"{page(entry)}?from=1&to=2")

    told = text(shown)
    assert "removed two" in told and "added three" in told and "it grew" in told
    assert "Also set for lagoon" in told
    assert client.get(f"{page(entry)}?from=1&to=9").status_code == 404
    assert client.get(f"{page(entry)}?from=x&to=9").status_code == 422
    restore = f"{page(entry)}/versions/1/restoration"
    assert restore in shown and "becomes the newest version" in html(client, restore)
    client.post(restore, {"reason": "too many"})
    told = text(html(client, page(entry)))
    assert "v3 Current" in told and "restores v1" in told and "too many" in told


def test_a_deleted_key_is_found_and_restored_also_by_undoing(client: Client, house: House) -> None:
    entry = variable(house, "DEPTH", "3")
    assert "can be restored" in html(client, f"{page(entry)}/deletion")

    gone = client.post(f"{page(entry)}/deletion", {"reason": "dry"}, follow=True).content.decode()

    assert "DEPTH of Organization is deleted." in gone and "It holds nowhere." in text(gone) and "dry" in text(gone)
    assert "DEPTH" not in rows(html(client, "/configuration")) and "DEPTH" in rows(
        html(client, "/configuration?show=deleted")
    )
    assert client.get(f"{page(entry)}/edit").status_code == 409
    undo = re.search(r'action="(/events/\d+/undoing)', gone)
    assert undo
    back = client.post(undo[1])
    assert back["Location"].startswith(page(entry))
    entry.refresh_from_db()
    assert entry.deleted_at is None and entry.current.value == "3"
    assert client.post(undo[1]).status_code == 409


def test_each_change_of_a_value_is_undone_unless_it_has_moved_on(client: Client, house: House) -> None:
    client.post(reverse("variable-new"), {"key": "DEPTH", "type": "text", "value": "1"})
    entry = Entry.objects.get(key="DEPTH")
    made = Event.objects.get(kind="variable.created")
    variables.update(entry, by=house.owner, value="2")
    changed = Event.objects.get(kind="variable.updated")
    assert client.post(f"/events/{made.pk}/undoing").status_code == 409
    assert client.post(f"/events/{changed.pk}/undoing").status_code == 302
    entry.refresh_from_db()
    assert entry.current.value == "1"
    hidden = secret(house, "TOKEN", "first")
    secrets.update(hidden, by=house.owner, value=Secret("second"))
    secrets.revoke(hidden, 1, by=house.owner)
    assert client.post(f"/events/{Event.objects.get(kind='secret.updated').pk}/undoing").status_code == 409


def test_a_version_of_a_secret_is_revoked_and_destroyed_after_a_question(client: Client, house: House) -> None:
    entry = secret(house, "TOKEN")
    revoke, destroy = (f"{page(entry)}/versions/1/{word}" for word in ("revocation", "destruction"))
    assert "TOKEN has no value from now on" in html(client, revoke) and "cannot be undone" in html(client, destroy)

    client.post(revoke, {"reason": "it leaked"})
    told = html(client, page(entry))
    assert "Revoked" in text(told) and "until a new one is set" in text(told)
    assert revoke not in told and destroy in told and "/revealing" not in told
    client.post(destroy)

    told = html(client, page(entry))
    assert "Destroyed" in text(told) and destroy not in told
    assert entry.versions.get().sealed is None
    assert client.post(f"{page(entry)}/versions/1/restoration").status_code == 409
    plain = variable(house, "DEPTH", "3")
    assert client.post(f"{page(plain)}/versions/1/revocation").status_code == 404


# Revealing


def test_a_secret_is_shown_by_a_click_in_its_place_and_by_nothing_else(client: Client, house: House) -> None:
    entry = secret(house, "TOKEN")
    secrets.update(entry, by=house.owner, value=Secret("newer"))
    reveal = f"{page(entry)}/revealing"
    assert client.get(reveal).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(house.owner.user)
    assert strict.post(reveal).status_code == 403 and not Event.objects.filter(kind="secret.revealed").exists()

    part = client.post(reveal, {"number": "1"}, headers=HTMX)

    assert PLANTED in part.content.decode() and "<main" not in part.content.decode()
    assert f'id="value-{entry.pk}-1"' in part.content.decode() and 'data-hides-after="30"' in part.content.decode()
    assert "no-store" in part["Cache-Control"]
    assert Event.objects.get(kind="secret.revealed").data["number"] == 1
    whole = client.post(reveal)
    assert "newer" in text(whole.content.decode()) and "in 30 seconds" in text(whole.content.decode())
    assert whole["Refresh"].startswith(f"30; url={page(entry)}") and "no-store" in whole["Cache-Control"]
    assert Event.objects.filter(kind="secret.revealed").count() == 2
    for asked in ("/configuration", "/configuration?view=resolved", page(entry), f"{page(entry)}/edit", "/activity"):
        assert PLANTED not in html(client, asked) and "newer" not in text(html(client, asked)), asked


def test_who_may_not_reveal_is_told_why_and_so_is_everybody_of_what_is_write_only(house: House) -> None:
    entry = secret(house, "TOKEN")
    closed = secret(house, "CLOSED", more={"write_only": True}.items())
    operator, owner = signed_in(house.person("operator")), signed_in(house.owner)
    for asked in (page(entry), "/configuration?view=resolved"):
        assert "Reveal TOKEN: Your role does not let you reveal secrets here" in html(operator, asked)
        assert f"{page(entry)}/revealing" not in html(operator, asked)
        assert f"{page(entry)}/revealing" in html(owner, asked)
    assert operator.post(f"{page(entry)}/revealing").status_code == 403
    assert "CLOSED is write-only: processes get it" in html(owner, page(closed))
    assert f"{page(closed)}/revealing" not in html(owner, "/configuration?view=resolved")
    answer = owner.post(f"{page(closed)}/revealing")
    assert answer.status_code == 403 and "write-only" in answer.content.decode()
    assert not Event.objects.filter(kind="secret.revealed").exists()


# Rights


def test_who_may_see_a_key_and_not_change_it_is_told_why(house: House) -> None:
    entry = variable(house, "DEPTH", "3", environment=house.environment("sea", protected=True))
    for role in ("viewer", "operator"):
        person = signed_in(house.person(role))
        assert 'Change<span class="vh">: Your role does not let you' in html(person, page(entry))
        for act in ("edit", "deletion", "versions/1/restoration"):
            assert person.get(f"{page(entry)}/{act}").status_code == 403
            assert person.post(f"{page(entry)}/{act}").status_code == 403
    assert f"{page(entry)}/edit" in html(signed_in(house.person("admin")), page(entry))


def test_another_organization_and_another_project_find_nothing(house: House, app: App, lagoon: Environment) -> None:
    entry = variable(house, "DEPTH", "3", app=app)
    secret(house, "TOKEN", environment=lagoon)
    stranger = signed_in(new_house().owner)
    other = signed_in(house.person("admin", project=house.project("OTHER")))
    for person in (stranger, other):
        assert "DEPTH" not in html(person, "/configuration")
        assert person.get(page(entry)).status_code == 404
        assert person.get(f"/configuration?app={app.pk}").status_code == 404
        asked = {"holder": f"app:{app.pk}", "key": "A", "value": "x", "type": "text"}
        assert person.post(reverse("variable-new"), asked).status_code == 404
    assert "TOKEN" not in html(stranger, "/configuration")
    apart = signed_in(house.person("admin", project=app.project, environment=house.environment("elsewhere")))
    assert apart.get("/configuration?environment=lagoon").status_code == 404


def test_what_was_set_in_an_environment_that_is_gone_is_listed_no_more(
    client: Client, house: House, lagoon: Environment
) -> None:
    variable(house, "DEPTH", "3", environment=lagoon)
    lifecycle.delete(lagoon, by=house.owner)
    assert "DEPTH" not in rows(html(client, "/configuration"))


def test_the_activity_tells_of_keys_and_leads_to_them(client: Client, house: House) -> None:
    entry = secret(house, "TOKEN")
    client.post(f"{page(entry)}/revealing")
    shown = html(client, "/activity?kind=secret")
    assert "Secret TOKEN v1 of Organization revealed." in text(shown) and page(entry) in shown


# Where it is found


def test_pages_of_apps_projects_and_environments_lead_there(client: Client, app: App, lagoon: Environment) -> None:
    assert f"/configuration?app={app.pk}" in html(client, reverse("app", args=[app.pk]))
    assert "/configuration?project=HARBOUR" in html(client, reverse("project", args=[app.project_id]))
    assert "/configuration?environment=lagoon" in html(client, reverse("environment", args=[lagoon.pk]))
    found = html(client, "/search?q=configuration")
    assert '"/configuration"' in found
    assert reverse("variable-new") in html(client, "/search?q=new+variable")


def test_an_environment_is_based_on_another_by_its_settings(client: Client, house: House, lagoon: Environment) -> None:
    sea = house.environment("sea")
    settings = reverse("environment-settings", args=[sea.pk])
    given = {"name": "sea", "version": lifecycle.version(sea), "based_on": "nowhere"}
    refused = client.post(settings, given)
    assert refused.status_code == 422 and "There is no environment nowhere here." in beside(
        refused.content.decode(), "based_on"
    )
    assert client.post(settings, given | {"based_on": "LAGOON"}).status_code == 302
    sea.refresh_from_db()
    assert sea.based_on == lagoon
    assert "Based on Lagoon" in text(html(client, reverse("environment", args=[sea.pk])))
    circle = client.post(
        reverse("environment-settings", args=[lagoon.pk]),
        {"name": "lagoon", "version": lifecycle.version(lagoon), "based_on": "sea"},
    )
    assert circle.status_code == 422
    assert "in a circle: Lagoon -&gt; sea -&gt; Lagoon" in circle.content.decode()
    assert client.post(settings, given | {"version": lifecycle.version(sea), "based_on": ""}).status_code == 302
    sea.refresh_from_db()
    assert sea.based_on is None
