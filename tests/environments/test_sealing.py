"""What is sealed opens for its organization and context alone, under any master key that is given, and never else."""

import base64
from collections.abc import Callable
from importlib import import_module
from io import StringIO
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.apps import apps
from django.core.management import CommandError, call_command

from environments import sealing, worker_tokens
from environments.models import Environment, WorkerToken
from environments.sealing import Unreadable, WrongMasterKey
from projects.credentials import Secret
from tests import builders
from tests.environments.house import house

pytestmark = pytest.mark.django_db
SECRET = Secret("the recipe")
FIRST, SECOND = "first " * 8, "second " * 8


@pytest.fixture
def keys(settings, tmp_path: Path) -> Callable[..., None]:
    """Give these master keys, newest first, in a file."""
    file = tmp_path / "master"

    def give(*given: str) -> None:
        file.write_text("\n".join(one.replace(" ", "-") for one in given))
        sealing._unwrapped.cache_clear()

    settings.MASTER_KEY_FILE = lambda: file
    settings.MASTER_KEYS = lambda: file.read_text().split()
    give(FIRST)
    return give


def test_it_opens_for_its_organization_and_its_context_alone(keys: Callable[..., None]) -> None:
    one, other = builders.organization(), builders.organization()
    sealed = sealing.box(one.pk).seal(SECRET, context="a")

    assert sealing.box(one.pk).open(sealed, context="a").reveal() == SECRET.reveal()
    for box, context, what in (
        (sealing.box(one.pk), "b", sealed),
        (sealing.box(other.pk), "a", sealed),
        (sealing.box(one.pk), "a", sealed[:-1] + bytes([sealed[-1] ^ 1])),
        (sealing.box(one.pk), "a", b""),
    ):
        with pytest.raises(Unreadable):
            box.open(what, context=context)
    assert b"recipe" not in sealed and "recipe" not in repr(sealing.box(one.pk))


def test_a_fingerprint_tells_equal_values_of_one_organization_and_nothing_across(keys: Callable[..., None]) -> None:
    one, other = sealing.box(builders.organization().pk), sealing.box(builders.organization().pk)

    assert one.fingerprint(SECRET) == one.fingerprint(Secret("the recipe")) != one.fingerprint(Secret("another"))
    assert one.fingerprint(SECRET) != other.fingerprint(SECRET)


def test_a_wrong_or_missing_master_key_is_refused_by_name_and_loses_nothing(keys: Callable[..., None]) -> None:
    organization = builders.organization()
    sealed = sealing.box(organization.pk).seal(SECRET, context="a")
    call_command("check_master_keys")

    keys(SECOND)

    with pytest.raises(WrongMasterKey, match="another master key"):
        sealing.box(organization.pk)
    with pytest.raises(CommandError, match="nothing was changed"):
        call_command("check_master_keys")
    keys(FIRST)
    assert sealing.box(organization.pk).open(sealed, context="a").reveal() == SECRET.reveal()


def test_a_new_master_key_wraps_every_data_key_and_the_old_one_can_go(keys: Callable[..., None], settings) -> None:
    sealed = {}
    for _ in range(3):
        organization = builders.organization()
        sealed[organization.pk] = sealing.box(organization.pk).seal(SECRET, context="a")
    told = StringIO()

    call_command("rotate_master_key", stdout=told)
    call_command("rotate_master_key", "--go-on", "--forget", stdout=told)

    assert "3 of 3 organizations" in told.getvalue()
    given = settings.MASTER_KEYS()
    assert len(given) == 1 and given[0] != FIRST.replace(" ", "-")
    sealing._unwrapped.cache_clear()
    for ident, box in ((ident, sealing.box(ident)) for ident in sealed):
        assert box.open(sealed[ident], context="a").reveal() == SECRET.reveal()


def test_a_rotation_that_was_stopped_goes_on_where_it_was(keys: Callable[..., None], monkeypatch) -> None:
    monkeypatch.setattr(sealing, "BATCH", 1)
    sealed = {}
    for _ in range(3):
        organization = builders.organization()
        sealed[organization.pk] = sealing.box(organization.pk).seal(SECRET, context="a")
    keys(SECOND, FIRST)

    assert next(sealing.rewrap()) == (1, 3)
    assert [each for each in sealing.rewrap()] == [(1, 2), (2, 2)]

    keys(SECOND)
    for ident, what in sealed.items():
        assert sealing.box(ident).open(what, context="a").reveal() == SECRET.reveal()


def test_worker_tokens_that_were_sealed_before_data_keys_are_sealed_anew(keys: Callable[..., None], settings) -> None:
    environment = house().environment("qa")
    tokens = {kind: worker_tokens.give(environment, kind).reveal() for kind in ("joined", "builtin")}
    for kind, token in tokens.items():
        context = f"worker-token:{environment.id}" + ("" if kind == "joined" else f":{kind}")
        key = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=context.encode())
        box = Fernet(base64.urlsafe_b64encode(key.derive(settings.MASTER_KEYS()[0].encode())))
        WorkerToken.objects.filter(environment=environment, kind=kind).update(sealed=box.encrypt(token.encode()))
    migration = import_module("environments.migrations.0021_worker_tokens_sealed_anew")

    migration.seal_anew(apps, None)

    environment = Environment.objects.get(pk=environment.pk)
    assert {kind: worker_tokens.give(environment, kind).reveal() for kind in tokens} == tokens
