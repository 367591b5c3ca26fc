"""Secrets that lie in a store elsewhere (OpenBao, HashiCorp Vault): read when they are needed, and kept nowhere.

What was read is remembered for some seconds, in memory alone. A store that is sealed, slow or says no is told by a
`Trouble`, always in time: whatever happens there, nobody waits longer than `ALTOGETHER` for all that they ask.
"""

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

import hvac
import requests
from hvac import exceptions as answers

from environments import sealing
from environments.models import SecretStore, StoreAuth
from environments.resolving import outgoing, references
from environments.resolving.remembering import Asking, Remembered, Unanswered
from projects.credentials import Secret

# Seconds: to connect, to wait for what comes next, for one answer, and for all answers of one look.
CONNECT, READ, ANSWER, ALTOGETHER = 3.0, 5.0, 8.0, 8.0
# Seconds that an answer is remembered for, and that nothing more is asked of a store that does not answer.
REMEMBERED, LEFT_ALONE = 30.0, 5.0
# Questions to one store under way at once, also those that nobody waits for any more.
MOST_UNANSWERED = 32
T = TypeVar("T")


class Trouble(Exception):
    """`code` is store-sealed, store-unreachable, store-refused or store-missing; the message names the store and never
    what was to be read."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code

    def again(self) -> "Trouble":
        """The same without where it was met: what is remembered must hold no frames."""
        return Trouble(self.code, str(self))


@dataclass(frozen=True)
class Reach:
    """How to read from a store, without its row; `mark` changes whenever that does."""

    name: str
    address: str
    mount: str
    namespace: str
    auth: str
    credentials: Secret = field(repr=False)
    mark: tuple[uuid.UUID, datetime]

    def trouble(self, code: str, what: str) -> Trouble:
        return Trouble(code, f"the secret store {self.name} {what}")


_asking = Asking("secret-store", most=MOST_UNANSWERED)
_values: Remembered[Secret] = Remembered(seconds=REMEMBERED, most=1000)
_sessions: Remembered[Secret] = Remembered(seconds=REMEMBERED, most=100)
_silent: Remembered[Trouble] = Remembered(seconds=LEFT_ALONE, most=100)


class Reader:
    """What one look reads from the stores of an organization: each version once, and no longer than ALTOGETHER."""

    def __init__(self, organization_id: uuid.UUID, box: Callable[[], sealing.Box]) -> None:
        self.organization_id, self._box = organization_id, box
        self._told: dict[uuid.UUID, str | Trouble] = {}
        self._spent = 0.0

    def read(self, version_id: uuid.UUID, store_id: uuid.UUID, *, path: str, field: str) -> str:
        """The value of a version that lies in a store; Trouble where it does not give it."""
        if version_id not in self._told:
            begun = time.monotonic()
            try:
                self._told[version_id] = self._read(version_id, store_id, path, field)
            except Trouble as trouble:
                self._told[version_id] = trouble.again()
            self._spent += time.monotonic() - begun
        told = self._told[version_id]
        if isinstance(told, Trouble):
            raise told.again()
        return told

    def _read(self, version_id: uuid.UUID, store_id: uuid.UUID, path: str, field: str) -> str:
        store = self._stores.get(store_id)
        if store is None or store.credentials is None:
            raise Trouble("store-missing", f"the secret store {store.name if store else 'it lay in'} was deleted")
        reach = reach_of(store, self._box())
        if (known := _values.get((version_id, reach.mark))) is not None:
            return known.reveal()
        left = ALTOGETHER - self._spent
        if left <= 0:
            raise reach.trouble("store-unreachable", "is too slow: not everything could be read in time")
        value = read(reach, path=path, field=field, seconds=min(left, ANSWER))
        _values.put((version_id, reach.mark), value)
        return value.reveal()

    @cached_property
    def _stores(self) -> dict[uuid.UUID, SecretStore]:
        return {store.pk: store for store in SecretStore.objects.filter(organization=self.organization_id)}


def context_of(store: SecretStore) -> str:
    """What a store's credentials are sealed for: nobody sends them elsewhere by changing an address."""
    return f"secret-store:{store.pk}:{store.auth}:{store.address}"


def reach_of(store: SecretStore, box: sealing.Box) -> Reach:
    assert store.credentials is not None
    return Reach(
        name=store.name,
        address=store.address,
        mount=store.mount,
        namespace=store.namespace,
        auth=store.auth,
        credentials=box.open(store.credentials, context=context_of(store)),
        mark=(store.pk, store.updated_at),
    )


def read(reach: Reach, *, path: str, field: str, seconds: float = ANSWER) -> Secret:
    """One field of what lies at a path of a KV store, version 2."""

    def ask() -> Secret:
        found = _signed_in(reach, lambda client: _latest(client, reach, path))
        told = found.get("data") if isinstance(found, dict) else None
        data = told.get("data") if isinstance(told, dict) else None
        if not isinstance(data, dict):
            raise reach.trouble("store-unreachable", "answers what is no answer of such a store")
        if field not in data:
            raise reach.trouble("store-missing", f"has no field {field} at {path}")
        return Secret(_as_text(data[field], reach, path))

    return _in_time(reach, ask, seconds)


def probe(reach: Reach) -> None:
    """Sign in and look at the mount; Trouble where that does not work. What troubled before is asked again."""
    _silent.forget(reach.mark)
    _sessions.forget(reach.mark)

    def ask() -> None:
        try:
            found = _signed_in(reach, lambda client: client.read(f"sys/internal/ui/mounts/{reach.mount}"))
        except answers.InvalidPath:
            found = None
        told = found.get("data") if isinstance(found, dict) else None
        if not isinstance(told, dict):
            raise reach.trouble("store-missing", f"has nothing mounted at {reach.mount}")
        if told.get("type") != "kv" or (told.get("options") or {}).get("version") != "2":
            raise reach.trouble("store-refused", f"has no key-value store of version 2 at {reach.mount}")

    _in_time(reach, ask, ANSWER)


def _latest(client: hvac.Client, reach: Reach, path: str) -> Any:
    try:
        return client.secrets.kv.v2.read_secret_version(
            path=path, mount_point=reach.mount, raise_on_deleted_version=True
        )
    except answers.InvalidPath:
        raise reach.trouble("store-missing", f"has nothing at {path}") from None


def _signed_in(reach: Reach, ask: Callable[[hvac.Client], T]) -> T:
    """What a client that is signed in gets; who was signed in before is signed in anew once it is turned away."""
    client = _client(reach)
    try:
        if reach.auth == StoreAuth.TOKEN:
            client.token = reach.credentials.reveal()
            return ask(client)
        if (before := _sessions.get(reach.mark)) is not None:
            client.token = before.reveal()
            try:
                return ask(client)
            except answers.Forbidden:
                _sessions.forget(reach.mark)
        _sign_in(client, reach)
        return ask(client)
    finally:
        client.session.close()


def _sign_in(client: hvac.Client, reach: Reach) -> None:
    client.token = ""
    role = json.loads(reach.credentials.reveal())
    try:
        client.auth.approle.login(role_id=role["role_id"], secret_id=role["secret_id"], use_token=True)
    except (answers.InvalidRequest, answers.InvalidPath, KeyError, TypeError):
        raise reach.trouble("store-refused", "does not take the AppRole's credentials") from None
    _sessions.put(reach.mark, Secret(str(client.token)))


def _client(reach: Reach) -> hvac.Client:
    try:
        session = outgoing.session(reach.address)
    except outgoing.Unasked as refusal:
        raise reach.trouble("store-unreachable", str(refusal)) from None
    return hvac.Client(
        url=reach.address.rstrip("/"),
        token="",
        namespace=reach.namespace or None,
        timeout=(CONNECT, READ),
        allow_redirects=False,
        session=session,
    )


def _in_time(reach: Reach, ask: Callable[[], T], seconds: float) -> T:
    """The answer, or Trouble: also where a name is never looked up, or an answer comes drop by drop for ever."""
    if (before := _silent.get(reach.mark)) is not None:
        raise before.again()
    try:
        return _asking.in_time(reach.mark, ask, seconds=seconds)
    except Trouble as found:
        trouble = found
    except Unanswered:
        raise reach.trouble("store-unreachable", "has not answered what it was asked before") from None
    except Exception as error:
        trouble = _told(reach, error)
    if trouble.code in {"store-unreachable", "store-sealed"}:
        _silent.put(reach.mark, trouble.again())
    raise trouble from None


def _told(reach: Reach, error: Exception) -> Trouble:
    """What went wrong there, in our own words: theirs may repeat what they were asked for."""
    if isinstance(error, answers.VaultDown) and "sealed" in str(error.errors or error.text).lower():
        return reach.trouble("store-sealed", "is sealed")
    if isinstance(error, answers.VaultNotInitialized):
        return reach.trouble("store-sealed", "was never set up")
    if isinstance(error, answers.Forbidden | answers.Unauthorized):
        return reach.trouble("store-refused", "says no: its credentials here do not let that be read")
    if isinstance(error, answers.InvalidPath | answers.InvalidRequest | answers.UnsupportedOperation):
        return reach.trouble("store-refused", "does not understand what it is asked")
    if isinstance(error, answers.RateLimitExceeded):
        return reach.trouble("store-unreachable", "is asked too often")
    if isinstance(error, requests.exceptions.SSLError):
        return reach.trouble("store-unreachable", "shows a certificate that is not trusted here")
    if isinstance(error, TimeoutError | requests.exceptions.Timeout):
        return reach.trouble("store-unreachable", "does not answer in time")
    if isinstance(error, requests.exceptions.ConnectionError | OSError):
        return reach.trouble("store-unreachable", "does not answer")
    return reach.trouble("store-unreachable", "answers what is no answer of such a store")


def _as_text(value: Any, reach: Reach, path: str) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        size = references.LONGEST + 1
    if "\0" in text or size > references.LONGEST:
        raise reach.trouble("store-refused", f"has a value at {path} that no process can be given")
    return text
