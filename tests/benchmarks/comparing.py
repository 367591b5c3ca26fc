"""What comparing environments costs: five with a thousand keys each."""

import time
from dataclasses import dataclass

from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from environments import sealing
from environments.configuration import comparisons
from environments.models import Entry, EntryKind, EntryVersion, Environment
from environments.resolving import candidates
from environments.resolving.scopes import Scope
from projects import access, apps, tokens
from projects.access import Actor
from projects.credentials import Secret
from projects.models import App, Project, Role
from tests.benchmarks import seed
from tests.benchmarks.measuring import ROUNDS, median
from tests.benchmarks.report import Report

HOW = """
Five environments compared for an app, 1,000 keys in each: set for the organization, for its environments and for the
app in them, every tenth a secret, every twentieth built from others. The CPU of this process alone, medians of five
rounds, and the statements, which are as many for a tenth of the keys.
"""
PLACES, KEYS = 5, 1_000
GATE = 300


@dataclass(frozen=True)
class Configured:
    app: App
    places: list[Environment]


def measure(report: Report) -> None:
    report.section("Comparing environments", HOW)
    seeded = seed.organization("compared", environments=4 * PLACES, apps=1)
    by = access.of_user(seeded.users[0], seeded.organization)
    few, many = configured(by, "few", keys=KEYS // 10), configured(by, "many", keys=KEYS)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    _, secret = tokens.create(by=by, name="bench-comparing", role=Role.OWNER)
    client = Client(headers={"Authorization": f"Bearer {secret.reveal()}"})
    ids = ",".join(str(one.pk) for one in many.places)
    path = f"/api/v1/environments/compare?ids={ids}&app={many.app.pk}"
    page = Client()
    page.force_login(seeded.users[0])

    def asked(client: Client, path: str) -> None:
        assert client.get(path).status_code == 200

    for what, act, gate in (
        ("5 environments x 1,000 keys", lambda: look(many, by), True),
        (
            "The same with secrets by their fingerprints and the events that tell of it",
            lambda: comparisons.compare_secrets(many.places, Scope(app=many.app), by=by),
            True,
        ),
        ("The same over REST, all of it as JSON", lambda: asked(client, path), False),
        (
            "The same as a page, a hundred keys of it",
            lambda: asked(page, f"/configuration/compare?ids={ids}&holder=app:{many.app.pk}"),
            False,
        ),
    ):
        spent = median([cpu(act) for _ in range(ROUNDS + 1)][1:])
        words = f"{spent:.0f} ms CPU"
        report.add(what, words, f"under {GATE} ms CPU" if gate else "", passed=spent < GATE if gate else None)
    statements = [count(each, by) for each in (few, many)]
    report.add(
        "SQL statements for 100 and for 1,000 keys",
        " and ".join(map(str, statements)),
        "the same",
        passed=len(set(statements)) == 1,
    )


def look(one: Configured, by: Actor) -> None:
    found = comparisons.compare(one.places, Scope(app=one.app), by=by)
    assert found.counts["different"] and found.counts["unknown"] and found.counts["same"]


def cpu(act: object) -> float:
    assert callable(act)
    began = time.process_time()
    act()
    return (time.process_time() - began) * 1000


def count(one: Configured, by: Actor) -> int:
    with CaptureQueriesContext(connection) as queries:
        look(one, by)
    return len(queries)


def configured(by: Actor, name: str, *, keys: int) -> Configured:
    """In bulk, sealed as the rooms seal; each app has environments of its own."""
    organization = by.organization
    free = Environment.objects.filter(organization=organization, entries=None, name__startswith="environment-")
    places = list(free.order_by("name")[:PLACES])
    app = apps.create(by=by, project=Project.objects.filter(organization=organization)[0], name=f"compared-{name}")
    box, entries, versions = sealing.box(organization.pk), [], []

    def one(scope: Scope, key: str, value: str, kind: str = EntryKind.VARIABLE) -> None:
        made = {"organization": organization, "kind": kind, "key": key, "within_id": scope.within}
        entry = Entry(**made, created_by=by.label, **scope.columns)
        version = EntryVersion(entry=entry, number=1, created_by=by.label, refers="{{" in value)
        if kind == EntryKind.SECRET:
            context = candidates.context_of(entry, entry_id=entry.pk, number=1)
            version.sealed = box.seal(Secret(value), context=context)
        else:
            version.value = value
        entries.append(entry)
        versions.append(version)

    for n in range(keys):
        key = f"KEY_OF_{name.upper()}_{n:04}"
        if n % 3 == 0:
            one(Scope(app=app), key, f"for all {n}")
        for number, place in enumerate(places if n % 3 or n % 2 else []):
            kind = EntryKind.SECRET if n % 10 == 1 else EntryKind.VARIABLE
            built = f"{{{{KEY_OF_{name.upper()}_{n - 1:04}}}}}/x" if n % 20 == 3 else f"https://host-{n}-{number % 2}"
            one(Scope(app=app if n % 2 else None, environment=place), key, built, kind)
    with transaction.atomic():
        Entry.objects.bulk_create(entries)
        EntryVersion.objects.bulk_create(versions)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE environments_entry entry SET current_id = version.id FROM environments_entryversion version "
                "WHERE version.entry_id = entry.id AND entry.current_id IS NULL"
            )
    return Configured(app, places)
