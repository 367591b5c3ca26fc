"""A scope's keys as the text of a `.env` file: what an import would change, all or nothing, what an export shows."""

import io
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from dotenv import dotenv_values
from hypothesis import given, settings
from hypothesis import strategies as st

from environments.configuration import entries, env_text, exporting, importing, secrets, variables
from environments.configuration.importing import Wish
from environments.models import Entry, EntryVersion
from environments.resolving.scopes import Scope
from projects.credentials import Secret
from projects.errors import Invalid, NotAllowed
from projects.models import Event
from projects.versions import ChangedMeanwhile
from tests.environments import house as houses
from tests.environments import meeting
from tests.environments.house import House

pytestmark = pytest.mark.django_db
KEYS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True)
VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)


@pytest.fixture
def house() -> House:
    return houses.house()


@pytest.fixture
def scope(house: House) -> Scope:
    return Scope(environment=house.environment("staging"))


def wish(text: str, **more: Any) -> Wish:
    return Wish(text=Secret(text), **more)


def told(difference: importing.Difference) -> list[tuple[str, str, str]]:
    return [(one.key, one.what, one.kind) for one in difference.changes]


def values(scope: Scope) -> dict[str, str]:
    rows = Entry.objects.filter(deleted_at=None, **scope.columns).order_by("key")
    held = secrets.opened(list(rows.filter(kind="secret").select_related("current")))
    return {one.key: held[one.pk].reveal() if one.pk in held else one.current.value for one in rows if one.current}


@given(st.dictionaries(KEYS, VALUES, max_size=8))
@settings(max_examples=200, deadline=None, database=None)
def test_whatever_is_written_is_read_again_by_us_and_by_others(given: dict[str, str]) -> None:
    text = "".join(f"{env_text.written(key, value)}\n" for key, value in given.items())

    assert {line.key: line.value for line in env_text.read(text)} == given
    assert dotenv_values(stream=io.StringIO(text), interpolate=False) == given


@given(
    st.lists(st.sampled_from(["", "# why", "A='1\n2'", "B=x # y", 'export C="a\\nb"', "\t"]), max_size=6, unique=True)
)
@settings(max_examples=100, deadline=None, database=None)
def test_every_line_that_is_wrong_is_named_by_its_number_wherever_it_stands(before: list[str]) -> None:
    text = "\n".join([*before, "no sign", ""])

    with pytest.raises(Invalid) as refused:
        env_text.read(text)

    assert refused.value.errors[0]["line"] == text.count("\n")


def test_text_is_read_as_it_is_meant_and_nothing_is_put_in_for_a_dollar_sign() -> None:
    text = '\ufeff# first\r\n\r\nexport A=1 # one\r\nB=\'$A "x"\'\r\nC="two\\nlines and ${A}"\r\nD=\r\nE="a\r\nb"\r\n'

    assert [(line.key, line.value, line.number) for line in env_text.read(text)] == [
        ("A", "1", 3), ("B", '$A "x"', 4), ("C", "two\nlines and ${A}", 5), ("D", "", 6), ("E", "a\nb", 7)
    ]  # fmt: skip


def test_an_import_shows_what_it_would_change_and_then_changes_just_that(house: House, scope: Scope) -> None:
    variables.create(scope, by=house.owner, key="KEPT", value="1", type="number")
    variables.create(scope, by=house.owner, key="OLD", value="before")
    variables.create(scope, by=house.owner, key="LEFT", value="there")
    secrets.create(scope, by=house.owner, key="TOKEN", value=Secret("planted-before"))
    asked = wish("KEPT=1\nOLD=after\nNEW=x\nTOKEN=planted-after\nAPI_KEY=planted-new\n", secrets=frozenset({"API_KEY"}))

    shown = importing.preview(scope, asked, by=house.owner)

    assert told(shown) == [
        ("KEPT", "same", "variable"), ("OLD", "changed", "variable"), ("NEW", "new", "variable"),
        ("TOKEN", "changed", "secret"), ("API_KEY", "new", "secret"),
    ]  # fmt: skip
    assert "planted" not in repr(shown) and shown.counts == {"new": 2, "changed": 2, "gone": 0, "same": 1}
    assert values(scope)["OLD"] == "before"

    importing.save(scope, asked, by=house.owner, seen=shown.digest)

    assert values(scope) == {
        "API_KEY": "planted-new", "KEPT": "1", "LEFT": "there", "NEW": "x", "OLD": "after", "TOKEN": "planted-after"
    }  # fmt: skip
    assert EntryVersion.objects.filter(entry__key="KEPT").count() == 1
    assert "planted" not in str(list(Event.objects.values_list("data", "object")))


def test_what_is_missing_is_deleted_only_when_asked_and_secrets_never(house: House, scope: Scope) -> None:
    variables.create(scope, by=house.owner, key="GONE", value="1")
    secrets.create(scope, by=house.owner, key="TOKEN", value=Secret("x"))

    found = importing.save(scope, wish("NEW=1", replace=True), by=house.owner)

    assert told(found) == [("NEW", "new", "variable"), ("GONE", "gone", "variable")]
    assert set(values(scope)) == {"NEW", "TOKEN"}
    assert not importing.preview(scope, wish("NEW=1", replace=True), by=house.owner).counts["gone"]


def test_new_keys_may_all_be_secrets(house: House, scope: Scope) -> None:
    variables.create(scope, by=house.owner, key="PLAIN", value="1")

    importing.save(scope, wish("PLAIN=2\nHIDDEN=3", as_secrets=True), by=house.owner)

    assert list(Entry.objects.order_by("key").values_list("key", "kind")) == [
        ("HIDDEN", "secret"), ("PLAIN", "variable")
    ]  # fmt: skip


def test_every_value_that_cannot_be_set_is_told_with_its_line_and_none_of_the_text_is_saved(
    house: House, scope: Scope
) -> None:
    variables.create(scope, by=house.owner, key="LIMIT", value="1", type="number")
    secrets.create(scope, by=house.owner, key="TOKEN", value=Secret("x"))
    text = "GOOD=1\nLIMIT=many\nPATH=/bin\n1ST=x\nTOKEN=\nURL={{ nonsense\n"

    with pytest.raises(Invalid) as refused:
        importing.save(scope, wish(text), by=house.owner)

    assert [error["message"] for error in refused.value.errors] == [
        "Line 2 sets LIMIT, which is not a number, such as 30 or 0.5.",
        "Line 3 sets PATH: this name is reserved; choose another.",
        "Line 4 sets 1ST: use letters, digits and underscores, not beginning with a digit.",
        "Line 5 sets TOKEN, which is a secret here and has no value in the text; leave the line out to keep it.",
        "Line 6 sets URL: after {{ comes a name as in {{NAME}}, {{.env.NAME}} or {{.secret.NAME}}; "
        "write \\{{ for the two signs.",
    ]
    assert set(values(scope)) == {"LIMIT", "TOKEN"}


def test_a_name_that_is_not_in_the_text_or_is_a_variable_here_is_no_secret(house: House, scope: Scope) -> None:
    variables.create(scope, by=house.owner, key="PLAIN", value="1")

    with pytest.raises(Invalid, match="OTHER is not in the text"):
        importing.preview(scope, wish("PLAIN=2", secrets=frozenset({"OTHER"})), by=house.owner)
    with pytest.raises(Invalid, match="Line 1 sets PLAIN, which is a variable here"):
        importing.preview(scope, wish("PLAIN=2", secrets=frozenset({"PLAIN"})), by=house.owner)


def test_nothing_newer_than_what_was_previewed_is_overwritten(house: House, scope: Scope) -> None:
    entry = variables.create(scope, by=house.owner, key="LEVEL", value="info")
    asked = wish("LEVEL=debug")
    seen = importing.preview(scope, asked, by=house.owner).digest
    variables.update(entries.locked(entry), by=house.owner, value="warn")

    with pytest.raises(ChangedMeanwhile):
        importing.save(scope, asked, by=house.owner, seen=seen)

    assert values(scope) == {"LEVEL": "warn"}
    with pytest.raises(ChangedMeanwhile):
        importing.save(scope, wish("LEVEL=other"), by=house.owner, seen=seen)


def test_more_than_one_operation_can_tell_is_refused_before_anything_is_done(house: House, scope: Scope) -> None:
    text = "".join(f"K{n}=1\n" for n in range(importing.MOST + 1))

    with pytest.raises(Invalid, match="changes 201 keys"):
        importing.save(scope, wish(text), by=house.owner)

    assert values(scope) == {}


def test_a_preview_costs_the_same_however_many_keys_there_are(house: House, scope: Scope) -> None:
    def cost(text: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            importing.preview(scope, wish(text), by=house.owner)
        return len(queries)

    importing.save(scope, wish("".join(f"K{n}=1\n" for n in range(20))), by=house.owner)
    assert cost("K1=2") == cost("".join(f"K{n}=2\n" for n in range(40)))


def test_who_may_not_write_there_neither_previews_nor_imports(house: House, scope: Scope) -> None:
    viewer = house.person("viewer")
    for act in (importing.preview, importing.save):
        with pytest.raises(NotAllowed):
            act(scope, wish("A=1"), by=viewer)


def test_an_export_shows_secrets_by_name_alone_and_what_it_shows_is_imported_as_the_same(
    house: House, scope: Scope
) -> None:
    variables.create(scope, by=house.owner, key="GREETING", value="it's\n\\{{ $x")
    secrets.create(scope, by=house.owner, key="TOKEN", value=Secret("planted"))

    text = exporting.text(scope, by=house.person("viewer"))

    assert text == '# staging\nGREETING="it\'s\\n\\\\{{ $x"\n# TOKEN= is a secret\n'
    assert told(importing.preview(scope, wish(text, replace=True), by=house.owner)) == [
        ("GREETING", "same", "variable")
    ]
    assert not Event.objects.filter(kind="secret.exported").exists()


def test_an_export_with_values_needs_reveal_and_is_one_event_that_names_them(house: House, scope: Scope) -> None:
    for key, more in (("A", {}), ("B", {}), ("DEAD", {}), ("SEALED", {"write_only": True})):
        made = secrets.create(scope, by=house.owner, key=key, value=Secret(f"planted-{key}"), **more)
    dead = Entry.objects.get(key="DEAD")
    secrets.revoke(dead, 1, by=house.owner)
    assert made.write_only

    with pytest.raises(NotAllowed):
        exporting.revealed(scope, by=house.person("operator"))
    text = exporting.revealed(scope, by=house.owner).reveal()

    assert text.splitlines()[1:] == [
        "A=planted-A", "B=planted-B", "# DEAD= is a secret (revoked)", "# SEALED= is a secret (write-only)"
    ]  # fmt: skip
    (event,) = Event.objects.filter(kind="secret.exported")
    assert event.data["keys"] == ["A", "B"] and event.environment_id == scope.environment_id
    assert "planted" not in str(event.data)


@pytest.mark.django_db(transaction=True)
def test_an_import_waits_for_who_changes_a_key_and_overwrites_nothing_of_theirs(house: House, scope: Scope) -> None:
    entry = variables.create(scope, by=house.owner, key="LEVEL", value="info")
    seen = importing.preview(scope, wish("LEVEL=debug"), by=house.owner).digest

    got = meeting.behind(
        lambda: variables.update(entry, by=house.owner, value="warn"),
        lambda: importing.save(scope, wish("LEVEL=debug"), by=house.owner, seen=seen),
    )

    assert isinstance(got, ChangedMeanwhile) and values(scope) == {"LEVEL": "warn"}


@pytest.mark.django_db(transaction=True)
def test_a_change_waits_for_a_change_and_is_made_on_top_of_it(house: House, scope: Scope) -> None:
    entry = variables.create(scope, by=house.owner, key="LEVEL", value="info")

    meeting.behind(
        lambda: variables.update(entry, by=house.owner, value="warn"),
        lambda: variables.update(entry, by=house.owner, value="error"),
    )

    assert list(entry.versions.order_by("number").values_list("value", flat=True)) == ["info", "warn", "error"]


@pytest.mark.django_db(transaction=True)
def test_a_key_that_somebody_else_is_just_setting_takes_the_whole_import_with_it(house: House, scope: Scope) -> None:
    got = meeting.behind(
        lambda: variables.create(scope, by=house.owner, key="LAST", value="theirs"),
        lambda: importing.save(scope, wish("FIRST=1\nLAST=mine"), by=house.owner),
    )

    assert isinstance(got, entries.Taken) and values(scope) == {"LAST": "theirs"}
