"""Passwords, the links that set them, mail, and how often any of it may be tried."""

from datetime import datetime, timedelta

import pytest
from django.core import mail as outbox
from django.core.management import CommandError, call_command

from config import env
from projects import access, authentication, grants, invitations, limits, mail, memberships, passwords, sessions, tokens
from projects.credentials import Secret
from projects.errors import Gone, Invalid, NotAllowed, NotFound
from projects.models import Event, Organization, Role, User, UserSession
from projects.narration import sentence
from tests import builders

pytestmark = pytest.mark.django_db
NEW = "another good password"


def link(actor, by) -> list[str]:
    return passwords.make_link(actor.user.memberships.get(), by=by).reveal().split("/")


def test_a_link_sets_a_password_once_and_ends_every_session() -> None:
    cast = builders.cast()
    builders.browser(cast.viewer)
    ident, token = link(cast.viewer, cast.admin)
    assert passwords.of_link(ident, token, address=builders.name("address")) == cast.viewer.user

    person = passwords.set_by_link(ident, token, password=NEW)

    assert person.check_password(NEW) and not UserSession.objects.filter(user=person).exists()
    with pytest.raises(Gone):
        passwords.set_by_link(ident, token, password=NEW)
    assert sentence(Event.objects.get(kind="member.password_set")) == f"{person.username} set a new password."
    assert token not in str(list(Event.objects.values()))


def test_a_link_to_set_a_password_is_good_for_a_day(monkeypatch) -> None:
    cast = builders.cast()
    ident, token = link(cast.viewer, cast.admin)
    tomorrow = datetime.now() + timedelta(days=1, seconds=1)
    monkeypatch.setattr(passwords.Links, "_now", lambda self: tomorrow)
    with pytest.raises(Gone):
        passwords.set_by_link(ident, token, password=NEW)


def test_nobody_makes_a_link_for_who_may_more_or_belongs_to_others_too() -> None:
    cast = builders.cast()
    User.objects.filter(pk=cast.operator.user.pk).update(is_staff=True)
    builders.organization(cast.viewer.user)
    for person in (cast.owner, cast.operator):
        with pytest.raises(NotAllowed):
            link(person, cast.admin)
    viewer = cast.viewer.user.memberships.get(organization=cast.organization)
    with pytest.raises(NotAllowed, match="reset_password"):
        passwords.make_link(viewer, by=cast.owner)
    with pytest.raises(NotAllowed):
        link(cast.admin, cast.viewer)


def test_a_link_dies_when_its_person_joins_another_organization() -> None:
    cast = builders.cast()
    ident, token = link(cast.viewer, cast.admin)
    builders.organization(cast.viewer.user)
    with pytest.raises(Gone):
        passwords.set_by_link(ident, token, password=NEW)


CHANGES = {
    "the person becomes an owner": lambda cast, maker, person: grants.give(person, by=cast.owner, role=Role.OWNER),
    "the person becomes staff": lambda cast, maker, person: User.objects.filter(pk=person.user_id).update(
        is_staff=True
    ),
    "the maker is removed": lambda cast, maker, person: memberships.remove(maker, by=cast.owner),
    "the maker is deactivated": lambda cast, maker, person: memberships.deactivate(maker, by=cast.owner),
    "the maker manages nobody now": lambda cast, maker, person: grants.take_away(
        maker.grants.get().id, maker, by=cast.owner
    ),
    "the maker cannot sign in": lambda cast, maker, person: User.objects.filter(pk=maker.user_id).update(
        is_active=False
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_link_is_dead_as_soon_as_its_maker_could_not_make_it_any_more(change: str) -> None:
    cast = builders.cast()
    maker, person = cast.admin.user.memberships.get(), cast.viewer.user.memberships.get()
    ident, token = link(cast.viewer, cast.admin)
    by_owner, by_console = link(cast.viewer, cast.owner), passwords.make_link_by_console(cast.viewer.user)

    CHANGES[change](cast, maker, person)

    with pytest.raises(Gone):
        passwords.of_link(ident, token, address=builders.name("address"))
    with pytest.raises(Gone):
        passwords.set_by_link(ident, token, password=NEW)
    assert User.objects.get(pk=person.user_id).check_password(builders.PASSWORD)
    if change != "the person becomes staff":
        assert passwords.of_link(*by_owner, address=builders.name("address")) == person.user
    assert passwords.set_by_link(*by_console.reveal().split("/"), password=NEW) == person.user


def test_nobody_passes_a_link_off_as_made_by_somebody_else() -> None:
    cast = builders.cast()
    ident, token = link(cast.viewer, cast.admin)
    memberships.remove(cast.admin.user.memberships.get(), by=cast.owner)
    signed = "-".join(token.split("-")[:2])
    for forged in (signed, f"{signed}-", f"{signed}-{cast.owner.user.pk.hex}", f"{signed}-x", f"{token}-{'0' * 32}"):
        with pytest.raises(Gone):
            passwords.set_by_link(ident, forged, password=NEW)


def test_a_link_that_names_no_maker_because_it_was_made_before_they_did_is_dead() -> None:
    class Before(passwords.Links):
        def _make_hash_value(self, user: User, timestamp: int) -> str:
            return super()._make_hash_value(user, timestamp).removesuffix("by:")

    person = builders.cast().viewer.user
    with pytest.raises(Gone):
        passwords.set_by_link(person.pk.hex, Before("").make_token(person), password=NEW)


def test_changing_ones_password_needs_the_present_one_and_ends_the_other_sessions() -> None:
    cast = builders.cast()
    kept, other = builders.browser(cast.viewer).session.session_key, builders.browser(cast.viewer).session.session_key
    change = {"by": cast.viewer, "session": kept, "password": NEW}
    with pytest.raises(Invalid):
        passwords.change(present="wrong", **change)
    passwords.change(present=builders.PASSWORD, **change)
    assert set(UserSession.objects.values_list("pk", flat=True)) & {kept, other} == {kept}
    assert User.objects.get(pk=cast.viewer.user.pk).check_password(NEW)


def test_one_ends_ones_own_sessions_and_nobody_elses() -> None:
    cast = builders.cast()
    mine, other, theirs = (builders.browser(one).session.session_key for one in (cast.viewer, cast.viewer, cast.admin))
    listed = {one.id: one for one in sessions.of(cast.viewer.user, current=mine)}
    assert [one.current for one in listed.values()] == [True, False]
    assert not {mine, other, theirs} & set(listed)
    foreign = sessions.of(cast.admin.user, current="")[0].id
    with pytest.raises(NotFound):
        sessions.end(foreign, by=cast.viewer)

    sessions.end(next(one.id for one in listed.values() if not one.current), by=cast.viewer)
    assert sessions.end_others(by=cast.viewer, current=mine) == 0
    assert set(UserSession.objects.values_list("pk", flat=True)) == {mine, theirs}


# By hand, by mail, and how often


def test_the_console_prints_a_link_for_anybody(capsys, settings) -> None:
    settings.TOWPATH_PUBLIC_URL = "https://towpath.example.org"
    person = builders.cast().owner.user
    builders.organization(person)
    call_command("reset_password", person.username.upper())
    printed = capsys.readouterr().out.strip()
    assert printed.startswith("https://towpath.example.org/password/")
    ident, token = printed.split("/")[-2:]
    assert passwords.set_by_link(ident, token, password=NEW) == person
    with pytest.raises(CommandError, match="Nobody is called nobody-here"):
        call_command("reset_password", "nobody-here")
    User.objects.filter(pk=person.pk).update(is_active=False)
    with pytest.raises(CommandError, match=f"{person.username} is inactive.* no link"):
        call_command("reset_password", person.username)


def test_the_console_makes_an_organization_and_an_owner_where_there_is_none(capsys) -> None:
    person = builders.user()
    call_command("create_organization", "Second harbour", "--owner", person.username)
    made = Organization.objects.get(name="Second harbour")
    assert access.of_user(person, made).role == Role.OWNER
    assert "password" not in capsys.readouterr().out

    call_command("create_organization", "Third harbour", "--owner", "newcomer")
    ident, token = capsys.readouterr().out.strip().split("/")[-2:]
    passwords.set_by_link(ident, token, password=NEW)
    assert authentication.sign_in(username="newcomer", password=NEW, address=builders.name("address"))
    with pytest.raises(CommandError, match="taken"):
        call_command("create_organization", "third HARBOUR", "--owner", "somebody-new")
    assert not User.objects.filter(username="somebody-new").exists()


def test_a_letter_is_sent_where_a_server_is_named_and_a_failure_is_no_error(settings) -> None:
    secret = Secret("https://towpath.example.org/join/tpi_x")
    settings.EMAIL_HOST = ""
    assert not mail.send("ada@example.org", "Invitation", "Join by", secret)
    settings.EMAIL_HOST = "mail.example.org"
    assert mail.send("ada@example.org", "Invitation\nBcc: x", "Join by", secret)
    assert outbox.outbox[0].subject == "Invitation Bcc: x" and secret.reveal() in outbox.outbox[0].body
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    assert not mail.send("ada@example.org", "Invitation", "Join by", secret)


def test_the_server_for_letters_is_named_by_an_address_and_its_password_by_a_file(tmp_path) -> None:
    (tmp_path / "password").write_text("secret word\n")
    found = env.smtp("smtp+starttls://post%40example.org@mail.example.org", str(tmp_path / "password"))
    assert (found.host, found.port, found.user) == ("mail.example.org", 587, "post@example.org")
    assert (found.password, found.starttls, found.tls) == ("secret word", True, False)
    assert env.smtp("smtps://mail.example.org").port == 465 and env.smtp("").host == ""
    for wrong in ("smtps://user:word@mail.example.org", "http://mail.example.org", "smtp://user@mail.example.org"):
        with pytest.raises(ValueError, match="TOWPATH_SMTP_URL"):
            env.smtp(wrong)
    with pytest.raises(ValueError, match="TOWPATH_SMTP_PASSWORD_FILE"):
        env.smtp("smtps://user@mail.example.org", str(tmp_path / "missing"))


@pytest.mark.parametrize("what", ["invitations", "links", "tokens"])
def test_nobody_makes_them_by_the_hundred(what: str, monkeypatch) -> None:
    cast = builders.cast()
    monkeypatch.setattr(tokens, "TOKENS", 3)
    monkeypatch.setattr(invitations, "INVITATIONS", 3)
    monkeypatch.setattr(passwords, "LINKS", 3)
    make = {
        "invitations": lambda: invitations.invite(by=cast.admin, role="viewer"),
        "links": lambda: link(cast.viewer, cast.admin),
        "tokens": lambda: tokens.create(by=cast.admin, name=builders.name("t"), role="viewer"),
    }[what]
    for _ in range(3):
        make()
    with pytest.raises(limits.TooMany):
        make()


@pytest.mark.parametrize(
    "guess",
    [
        lambda address: invitations.of_link("tpi_guess", address=address),
        lambda address: passwords.of_link("0" * 32, "guess", address=address),
    ],
    ids=["invitation", "password"],
)
def test_links_are_not_guessed_for_long(guess) -> None:
    address = builders.name("address")
    for _ in range(30):
        with pytest.raises(Gone):
            guess(address)
    with pytest.raises(limits.TooMany):
        guess(address)


def test_a_present_password_is_not_guessed_for_long_in_a_session_left_open() -> None:
    person = builders.cast().viewer
    change = {"by": person, "session": "", "password": NEW}
    for _ in range(passwords.TRIES):
        with pytest.raises(Invalid):
            passwords.change(present="wrong", **change)
    with pytest.raises(limits.TooMany):
        passwords.change(present=builders.PASSWORD, **change)
