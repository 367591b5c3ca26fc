"""A scope's keys as text and environments side by side, at every door: what they say, to whom, and nothing planted."""

import re
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from environments.api.schemas.comparing import EnvironmentsComparedOut
from environments.configuration import secrets, variables
from environments.models import Entry, EntryVersion, Environment
from environments.resolving.scopes import Scope
from projects.credentials import Secret
from projects.models import App, Event, IdempotentAnswer
from projects.rest.shapes import as_json
from tests import builders
from tests.doors.rest import get, is_problem, post
from tests.doors.visiting import HTMX, LIVE, html, signed_in, statements, text
from tests.environments.house import House

pytestmark = pytest.mark.django_db
PLANTED = "planted-0f3c"


@pytest.fixture
def app(house: House) -> App:
    return house.app("shop")


@pytest.fixture
def stages(house: House) -> list[Environment]:
    """Two, of which the second is protected."""
    found = [house.environment(name) for name in ("staging", "production")]
    Environment.objects.filter(pk=found[1].pk).update(protected=True)
    house.chain("staging", "production")
    return found


@pytest.fixture
def owner(house: House) -> Client:
    return signed_in(house.owner)


def fields(shown: str) -> dict[str, str]:
    own = shown.partition("<main")[2]
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', own)
    return {name: unescape(value) for name, value in found if name != "csrfmiddlewaretoken"}


def values() -> dict[str, str]:
    held = secrets.opened(list(Entry.objects.filter(kind="secret", deleted_at=None).select_related("current")))
    return {
        one.key: held[one.pk].reveal() if one.pk in held else one.current.value
        for one in Entry.objects.filter(deleted_at=None).select_related("current")
        if one.current
    }


def test_a_text_is_previewed_then_saved_and_no_page_on_the_way_shows_a_secret(
    house: House, owner: Client, stages: list[Environment]
) -> None:
    secrets.create(Scope(environment=stages[0]), by=house.owner, key="TOKEN", value=Secret("old"))
    given = {"place": str(stages[0].pk), "text": f"LEVEL=debug\nTOKEN={PLANTED}\nAPI_KEY={PLANTED}", "as_secrets": "on"}

    shown = owner.post("/configuration/import", given)

    words = text(shown.content.decode())
    assert shown.status_code == 200 and PLANTED not in shown.content.decode() and "no-store" in shown["Cache-Control"]
    assert "LEVEL New" in words and "TOKEN Changed" in words and "Save 3 changes" in words
    assert set(values()) == {"TOKEN"}

    again = owner.post(
        "/configuration/import", fields(shown.content.decode()) | {"secret": "API_KEY", "act": "preview"}
    )
    assert PLANTED not in again.content.decode() and '<code class="pre">debug' in again.content.decode()
    saved = owner.post(
        "/configuration/import", fields(again.content.decode()) | {"secret": "API_KEY", "act": "save"}, follow=True
    )

    assert values() == {"LEVEL": "debug", "TOKEN": PLANTED, "API_KEY": PLANTED}
    assert Entry.objects.get(key="LEVEL").kind == "variable" and Entry.objects.get(key="API_KEY").kind == "secret"
    assert "Keys saved: 2 new, 1 changed for staging" in saved.content.decode()
    assert PLANTED not in saved.content.decode() + str(list(Event.objects.values()))


def test_a_file_is_taken_too_and_a_wrong_line_is_told_beside_the_text(owner: Client, stages: list[Environment]) -> None:
    place = str(stages[0].pk)
    sent = SimpleUploadedFile("a.env", "\ufeffGREETING='grüß dich'\n".encode())
    assert "grüß dich" in owner.post("/configuration/import", {"place": place, "file": sent}).content.decode()

    refused = owner.post("/configuration/import", {"place": place, "text": "GOOD=1\nPATH=/bin"})
    assert refused.status_code == 422 and "Line 2 sets PATH: this name is reserved" in text(refused.content.decode())
    binary = owner.post("/configuration/import", {"place": place, "file": SimpleUploadedFile("a", b"\xff\xfe\x00")})
    assert binary.status_code == 422 and "no text in UTF-8" in binary.content.decode()
    assert owner.post("/configuration/import", {"place": place}).status_code == 422
    assert not Entry.objects.exists()


def test_what_was_changed_since_the_preview_is_shown_again_before_it_is_overwritten(
    house: House, owner: Client, stages: list[Environment]
) -> None:
    entry = variables.create(Scope(environment=stages[0]), by=house.owner, key="LEVEL", value="info")
    given = {"place": str(stages[0].pk), "text": "LEVEL=debug"}
    preview = fields(owner.post("/configuration/import", given).content.decode())
    variables.update(entry, by=house.owner, value="warn")

    refused = owner.post("/configuration/import", preview | {"act": "save"})

    assert refused.status_code == 409 and "Somebody changed staging meanwhile" in refused.content.decode()
    assert values() == {"LEVEL": "warn"}
    assert owner.post("/configuration/import", fields(refused.content.decode()) | {"act": "save"}).status_code == 302
    assert values() == {"LEVEL": "debug"}


def test_a_draft_opens_for_who_made_it_and_for_its_scope_alone(
    house: House, owner: Client, stages: list[Environment]
) -> None:
    given = {"place": str(stages[0].pk), "text": "A=1"}
    preview = fields(owner.post("/configuration/import", given).content.decode()) | {"act": "save"}

    assert signed_in(house.person("admin")).post("/configuration/import", preview).status_code == 409
    assert owner.post("/configuration/import", preview | {"place": str(stages[1].pk)}).status_code == 409
    assert owner.post("/configuration/import", preview | {"draft": "nonsense"}).status_code == 409
    assert not Entry.objects.exists()


def test_what_is_there_is_edited_as_text_and_what_is_taken_out_is_deleted(
    house: House, owner: Client, app: App, stages: list[Environment]
) -> None:
    scope = Scope(app=app, environment=stages[0])
    for key in ("KEPT", "GONE"):
        variables.create(scope, by=house.owner, key=key, value="it's")
    secrets.create(scope, by=house.owner, key="TOKEN", value=Secret(PLANTED))

    shown = html(owner, f"/configuration/import?edit=true&holder=app:{app.pk}&place={stages[0].pk}")

    area = re.search(r"<textarea[^>]*>\s*(.*?)</textarea>", shown, re.S)
    assert area and unescape(area[1]) == 'GONE="it\'s"\nKEPT="it\'s"\n' and PLANTED not in shown
    given = fields(shown) | {"text": "KEPT=other", "replace": "on"}
    preview = owner.post("/configuration/import", given).content.decode()
    assert "GONE Deleted" in text(preview)
    owner.post("/configuration/import", fields(preview) | {"act": "save"})
    assert values() == {"KEPT": "other", "TOKEN": PLANTED}


def test_who_may_not_write_there_is_told_why_beside_the_form(house: House, stages: list[Environment]) -> None:
    operator = signed_in(house.person("operator"))
    shown = html(operator, f"/configuration/import?place={stages[1].pk}")
    assert "the environment is protected" in text(shown) and "<textarea" not in shown
    assert operator.post("/configuration/import", {"place": str(stages[1].pk), "text": "A=1"}).status_code == 403
    assert "<textarea" in html(operator, f"/configuration/import?place={stages[0].pk}")


def test_an_export_is_a_file_and_with_secrets_an_event(house: House, owner: Client, stages: list[Environment]) -> None:
    variables.create(Scope(environment=stages[0]), by=house.owner, key="A", value="1")
    secrets.create(Scope(environment=stages[0]), by=house.owner, key="TOKEN", value=Secret(PLANTED))
    place = {"place": str(stages[0].pk)}

    plain = signed_in(house.person("viewer")).get("/configuration/export", place)
    assert plain.content.decode() == "# staging\nA=1\n# TOKEN= is a secret\n"
    assert 'filename="staging.env"' in plain["Content-Disposition"]
    assert signed_in(house.person("operator")).post("/configuration/export", place).status_code == 403
    assert not Event.objects.filter(kind="secret.exported").exists()

    assert f"TOKEN={PLANTED}\n" in owner.post("/configuration/export", place).content.decode()
    (event,) = Event.objects.filter(kind="secret.exported")
    assert event.environment_id == stages[0].pk and PLANTED not in str(event.data)


def configured(house: House, stages: list[Environment]) -> None:
    for n, stage in enumerate(stages):
        variables.create(Scope(environment=stage), by=house.owner, key="LEVEL", value=f"level-{n}")
        secrets.create(Scope(environment=stage), by=house.owner, key="TOKEN", value=Secret(PLANTED))
    variables.create(Scope(environment=stages[0]), by=house.owner, key="ONLY", value="here")
    variables.create(Scope(), by=house.owner, key="WIDE", value="all")


def test_environments_stand_side_by_side_and_the_address_says_what_is_shown(
    house: House, owner: Client, app: App, stages: list[Environment]
) -> None:
    configured(house, stages)

    shown = html(owner, "/configuration/compare")
    words = text(shown)

    assert "4 keys 1 missing somewhere, 1 different, 1 not compared, 1 the same" in words
    assert "LEVEL Variable ≠ Different level-0" in words and "ONLY Variable Missing here" in words
    assert "No value" in words and PLANTED not in shown
    address = f"/configuration/compare?ids={stages[1].pk}&ids={stages[0].pk}&holder=app:{app.pk}&show=differences&q=lev"
    narrowed = text(html(owner, address))
    assert "LEVEL" in narrowed and "ONLY" not in narrowed and "1 of 1 shown" in narrowed
    assert html(owner, address, headers=HTMX).startswith('<div id="comparison"')
    assert "No key matches" in html(owner, "/configuration/compare?q=nothing")


def test_secrets_are_compared_by_a_click_that_is_an_event(
    house: House, owner: Client, stages: list[Environment]
) -> None:
    configured(house, stages)
    given = {"ids": [str(one.pk) for one in stages]}

    told = owner.post("/configuration/compare", given).content.decode()

    assert re.search(r"TOKEN Secret = Same •+ fp ([0-9a-f]{6}) .*?•+ fp \1 ", text(told))
    assert "production shares TOKEN with staging." in told and PLANTED not in told
    assert "data-live" not in told.partition("<main")[2], "what was compared stays as it was"
    assert Event.objects.filter(kind="secret.compared").count() == 2
    operator = signed_in(house.person("operator")).post("/configuration/compare", given).content.decode()
    assert "Not compared" in text(operator) and "shares TOKEN" not in operator
    assert signed_in(house.person("viewer")).post("/configuration/compare", given).status_code == 403


def test_a_choice_that_cannot_be_compared_is_refused_in_place(owner: Client, stages: list[Environment]) -> None:
    for ids, status in (([stages[0].pk], 422), ([stages[0].pk] * 2, 422), (["nonsense", stages[0].pk], 404)):
        answer = owner.get("/configuration/compare", {"ids": list(map(str, ids))}, headers=HTMX)
        assert answer.status_code == status, ids


def test_with_fewer_than_two_environments_it_says_so() -> None:
    alone = builders.cast()
    shown = html(signed_in(alone.owner), "/configuration/compare")
    assert "it takes two environments" in text(shown)


def test_a_comparison_costs_the_same_however_many_keys_and_an_unchanged_one_nothing(
    house: House, owner: Client, stages: list[Environment]
) -> None:
    configured(house, stages)
    before = statements(owner, "/configuration/compare")
    for n in range(5):
        variables.create(Scope(environment=stages[0]), by=house.owner, key=f"MORE_{n}", value="x")
    assert statements(owner, "/configuration/compare") == before
    answer = owner.get("/configuration/compare", headers=LIVE)
    assert owner.get("/configuration/compare", headers={**LIVE, "If-None-Match": answer["ETag"]}).status_code == 304


def test_many_keys_come_in_pages(house: House, owner: Client, stages: list[Environment]) -> None:
    for n in range(105):
        variables.create(Scope(environment=stages[0]), by=house.owner, key=f"K{n:03}", value="x")
    shown = html(owner, "/configuration/compare")
    following = re.search(r'href="(\?[^"]*after=K099[^"]*)"', shown)
    assert following and "K099" in shown and ">K100<" not in shown
    second = html(owner, "/configuration/compare" + unescape(following[1]))
    assert ">K104<" in second and ">K099<" not in second


def test_a_key_is_copied_after_a_look_at_what_it_replaces(
    house: House, owner: Client, stages: list[Environment]
) -> None:
    configured(house, stages)
    ids = f"from={stages[0].pk}&to={stages[1].pk}"

    shown = html(owner, f"/configuration/compare/copy?key=LEVEL&{ids}")
    assert "v1 of production is replaced" in text(shown) and "level-1" in shown and "level-0" in shown
    assert owner.post("/configuration/compare/copy", fields(shown)).status_code == 302
    assert Entry.objects.get(key="LEVEL", environment=stages[1]).current.value == "level-0"  # type: ignore[union-attr]

    stale = owner.post("/configuration/compare/copy", fields(shown))
    assert stale.status_code == 409 and "Somebody changed LEVEL meanwhile" in stale.content.decode()
    secret = html(owner, f"/configuration/compare/copy?key=TOKEN&{ids}")
    assert PLANTED not in secret and "copied without being shown" in secret
    owner.post("/configuration/compare/copy", fields(secret))
    assert EntryVersion.objects.get(entry__environment=stages[1], entry__key="TOKEN", number=2).note == (
        "copied from staging, v1"
    )


def test_scripts_try_an_import_then_carry_it_out(house: House, stages: list[Environment]) -> None:
    client = builders.rest(house.owner)
    body: dict[str, Any] = {
        "environment_id": str(stages[0].pk),
        "text": f"A=1\nTOKEN={PLANTED}",
        "secrets": ["TOKEN"],
    }

    tried = post(client, "/configuration/imports", body | {"dry_run": True})

    assert tried.status_code == 200 and PLANTED not in tried.content.decode() and values() == {}
    told = tried.json()
    assert told["counts"] == {"new": 2, "changed": 0, "gone": 0, "same": 0} and told["dry_run"]
    assert [(one["key"], one["change"], one["kind"], one["after"]) for one in told["changes"]] == [
        ("A", "new", "variable", "1"), ("TOKEN", "new", "secret", None)
    ]  # fmt: skip
    done = post(client, "/configuration/imports", body | {"seen": told["digest"]}, Idempotency_Key="once")
    assert done.status_code == 200 and values() == {"A": "1", "TOKEN": PLANTED}
    assert PLANTED not in str(list(IdempotentAnswer.objects.values()))
    assert is_problem(post(client, "/configuration/imports", body | {"seen": told["digest"]}), 409, "changed-meanwhile")
    wrong = post(client, "/configuration/imports", body | {"text": "A=1\nno", "secrets": []})
    assert is_problem(wrong, 422) and wrong.json()["errors"][0]["line"] == 2


def test_scripts_export_and_reveal_only_where_they_may(house: House, stages: list[Environment]) -> None:
    secrets.create(Scope(environment=stages[0]), by=house.owner, key="TOKEN", value=Secret(PLANTED))
    address = f"/configuration/export?environment_id={stages[0].pk}"

    plain = get(builders.rest(house.person("viewer")), address)
    assert plain["Content-Type"].startswith("text/plain") and PLANTED not in plain.content.decode()
    assert is_problem(get(builders.rest(house.person("operator")), f"{address}&reveal=true"), 403)
    revealed = get(builders.rest(house.owner), f"{address}&reveal=true")
    assert f"TOKEN={PLANTED}" in revealed.content.decode()
    assert revealed["Cache-Control"] == "no-store" and "ETag" not in revealed


def test_scripts_compare_and_copy(house: House, stages: list[Environment]) -> None:
    configured(house, stages)
    client = builders.rest(house.owner)

    plain = get(client, "/environments/compare?ids=staging,production").json()
    assert as_json(EnvironmentsComparedOut.model_validate(plain).model_dump()) == plain, "as the document says"
    assert {one["key"]: one["difference"] for one in plain["keys"]} == {
        "LEVEL": "different", "ONLY": "missing", "TOKEN": "unknown", "WIDE": "same"
    }  # fmt: skip
    asked = get(client, "/environments/compare?ids=staging&ids=production&secrets=true&difference=same")
    told = asked.json()
    assert [one["key"] for one in told["keys"]] == ["TOKEN", "WIDE"] and PLANTED not in asked.content.decode()
    assert [one["sentence"] for one in told["warnings"]] == ["production shares TOKEN with staging."]
    assert asked["Cache-Control"] == "no-store"
    body = {"key": "ONLY", "from_environment_id": str(stages[0].pk), "to_environment_id": str(stages[1].pk)}
    tried = post(client, "/configuration/copies", body | {"dry_run": True}).json()
    assert (tried["value"], tried["entry_id"], tried["scope"]) == ("here", None, "production")
    assert post(client, "/configuration/copies", body | {"seen": tried["digest"]}).json()["entry_id"]
    assert is_problem(post(builders.rest(house.person("operator")), "/configuration/copies", body), 403)
    assert is_problem(get(client, "/environments/compare?ids=staging"), 422)
    assert is_problem(get(client, "/environments/compare?ids=staging,nowhere"), 404)
    assert is_problem(get(builders.rest(builders.cast().owner), "/environments/compare?ids=staging,production"), 404)
