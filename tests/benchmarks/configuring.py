"""What the resolved configuration of an app costs over the API, and that a read after a commit always sees it."""

import itertools
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from environments import sealing
from environments.models import Entry, EntryKind, EntryVersion, Environment
from environments.resolving import candidates, resolution
from environments.resolving.resolution import Target
from environments.resolving.scopes import Scope
from projects import access, apps, tokens
from projects.access import Actor
from projects.credentials import Secret
from projects.models import Project, Role
from tests.benchmarks import seed
from tests.benchmarks.measuring import ROUNDS, Costs, Server, Subject, median
from tests.benchmarks.pages import words
from tests.benchmarks.report import Report

HOW = """
The flat map of an app in an environment, `GET /execution-environment/apps/{id}/resolved` with an access token: keys set
for an environment, for the project in it and for the app in it, every fifth in two of them, a tenth secrets, some
values built from others. What was answered before is given again while the database says that nothing is another; what
it costs to make it is measured by asking as so many that nobody is remembered when they ask again. The floor is a
Django view without middleware that reads one row by its key and answers it as JSON. Opening the secrets, with the key
that they are sealed by, is measured beside it. The floors stand on Django's own backend for PostgreSQL, as they did
when they were pinned. Medians of 25 turns.
"""
KEYS = (20, 200, 2_000)
REQUESTS = {20: 24, 200: 48, 2_000: 12}
PAIRS, WRITERS = 10_000, 4
# More than a process remembers answers of.
MANY = 90
FLOOR, MADE, MASKED, SPARED, REVEALED = "the minimal Django point read", "made", "masked", "304", "revealed"


@dataclass(frozen=True)
class Configured:
    """An app with so many keys, and where they are asked for."""

    target: Target
    path: str


def measure(report: Report, environment: dict[str, str]) -> None:
    report.section("Configuration", HOW)
    seeded = seed.organization("configured", environments=20, apps=1)
    by = access.of_user(seeded.users[0], seeded.organization)
    sizes = {keys: configured(by, keys=keys) for keys in KEYS}
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    headers = bearer(by, "bench")
    many = [bearer(by, f"bench-{number}") for number in range(MANY)]
    statements(report, sizes, headers)
    floor = Server("tests.benchmarks.floors:application", of_floors(environment, sizes[200]))
    products = [Server("config.asgi:application", environment) for _ in range(2)]
    try:
        floor.wait("/bare")
        for one in products:
            one.wait("/livez")
        costs(report, floor, products[0], sizes, headers, many)
        pairs(report, products, sizes[20], headers)
    finally:
        for one in (floor, *products):
            one.stop()


def bearer(by: Actor, name: str) -> dict[str, str]:
    _, secret = tokens.create(by=by, name=name, role=Role.OWNER)
    return {"Authorization": f"Bearer {secret.reveal()}"}


def of_floors(environment: dict[str, str], one: Configured) -> dict[str, str]:
    return environment | {
        "DJANGO_SETTINGS_MODULE": "tests.benchmarks.floor_settings",
        "BENCH_ENVIRONMENT": str(one.target.environment_id),
    }


def made(by: Actor, scopes: list[Scope], names: list[str]) -> None:
    """In bulk, sealed as the rooms seal."""
    box, entries, versions = sealing.box(by.organization.pk), [], []

    def one(scope: Scope, kind: EntryKind, key: str, value: str) -> None:
        entry = Entry(
            organization=by.organization,
            kind=kind,
            key=key,
            within_id=scope.project_id,
            created_by=by.label,
            **scope.columns,
        )
        version = EntryVersion(entry=entry, number=1, created_by=by.label, refers="{{" in value)
        if kind == EntryKind.SECRET:
            context = candidates.context_of(entry, entry_id=entry.pk, number=1)
            version.sealed = box.seal(Secret(value), context=context)
        else:
            version.value = value
        entries.append(entry)
        versions.append(version)

    for n, name in enumerate(names):
        here = scopes[n % 3]
        if n % 10 == 0:
            one(here, EntryKind.SECRET, name, f"s3cret {n} {'x' * 24}")
        else:
            built = n % 25 == 3
            one(here, EntryKind.VARIABLE, name, f"{{{{{names[n - 1]}}}}}/{n}" if built else f"https://host-{n}.example")
        if n % 5 == 1:
            one(scopes[(n + 1) % 3], EntryKind.VARIABLE, name, "another")
    with transaction.atomic():
        Entry.objects.bulk_create(entries)
        EntryVersion.objects.bulk_create(versions)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE environments_entry entry SET current_id = version.id FROM environments_entryversion version "
                "WHERE version.entry_id = entry.id AND entry.current_id IS NULL"
            )


def configured(by: Actor, *, keys: int) -> Configured:
    """In an environment of its own, so that no size sees the keys of another."""
    organization = by.organization
    environment = Environment.objects.filter(organization=organization, name__startswith="environment-")[keys % 7]
    project = Project.objects.filter(organization=organization)[0]
    app = apps.create(by=by, project=project, name=f"configured-{keys}")
    # All three in the environment: what is set more widely would be in every size.
    scopes = [
        Scope(project=project, environment=environment),
        Scope(environment=environment),
        Scope(app=app, environment=environment),
    ]
    made(by, scopes, [f"KEY_OF_THE_APP_{n:04}" for n in range(keys)])
    target = Target(
        organization_id=organization.pk, environment_id=environment.pk, project_id=project.pk, app_id=app.pk
    )
    path = f"/api/v1/execution-environment/apps/{app.pk}/resolved?environment={environment.pk}"
    return Configured(target, path)


def statements(report: Report, sizes: dict[int, Configured], headers: dict[str, str]) -> None:
    counts = {}
    for keys, one in sizes.items():
        client = Client(headers=headers)
        tag = client.get(one.path)["ETag"]
        asks = [lambda one=one: resolution.resolve(one.target).environ()]
        asks += [
            lambda headers=headers, client=client, one=one: client.get(one.path, headers=headers)
            for headers in ({}, {"If-None-Match": tag}, {"If-None-Match": '"another"'})
        ]
        counts[keys] = [_of_values(ask) for ask in asks]
    most = max(max(each) for each in counts.values())
    report.add(
        "SQL statements for 20, 200 and 2,000 keys: resolving with every secret opened, masked, 304, masked with an "
        "outdated tag",
        " and ".join(", ".join(map(str, each)) for each in counts.values()),
        "the same, at most 3",
        passed=len({tuple(each) for each in counts.values()}) == 1 and most <= 3,
    )


def _of_values(ask: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as asked:
        ask()
    return len([one for one in asked if "_entry " in one["sql"] or "_datakey" in one["sql"]])


def costs(
    report: Report,
    floor: Server,
    product: Server,
    sizes: dict[int, Configured],
    headers: dict[str, str],
    many: list[dict[str, str]],
) -> None:
    of_size = {}
    for keys, one in sizes.items():
        tag = httpx.get(product.url + one.path, headers=headers).headers["ETag"]
        subjects = {
            FLOOR: Subject(floor, "/point", 50),
            MADE: Subject(product, one.path, keys * 20, several=itertools.cycle(many)),
            MASKED: Subject(product, one.path, keys * 20, headers=headers),
            SPARED: Subject(product, one.path, 0, headers={**headers, "If-None-Match": tag}, status=304),
            REVEALED: Subject(product, f"{one.path}&reveal=true", keys * 20, headers=headers),
        }
        of_size[keys] = Costs(subjects, REQUESTS[keys])
    found, opening = of_size[200], opened(sizes[200])
    report.add("Floor: the minimal Django point read", words(found.of(FLOOR)))
    report.add("Opening 20 secrets", f"{opening:.2f} ms CPU")
    report.at_most(
        "200 keys of which 20 secrets",
        found.ratio(MASKED, FLOOR, lambda cost: cost.cpu),
        2,
        f"{words(found.of(MASKED))} to {words(found.of(FLOOR))}",
    )
    rounds = zip(found.rounds[MADE], found.rounds[FLOOR], strict=True)
    report.at_most(
        "The same made anew, less the cost of opening 20 secrets",
        median([(one.cpu - opening) / other.cpu for one, other in rounds]),
        2,
        f"{words(found.of(MADE))} to {words(found.of(FLOOR))}",
    )
    report.add("The same revealed, with the event that tells of it", words(found.of(REVEALED)))
    report.at_most(
        "The same for who has it already: 304",
        found.ratio(SPARED, FLOOR, lambda cost: cost.cpu),
        2,
        f"{words(found.of(SPARED))} to {words(found.of(FLOOR))}",
    )
    each = {keys: median([cost.whole for cost in of_size[keys].rounds[MADE]]) / keys for keys in KEYS}
    report.at_most(
        "A key among 2,000 to one among 200, PostgreSQL included",
        each[2_000] / each[200],
        1.2,
        ", ".join(f"{of_size[keys].of(MADE).whole:.1f} ms for {keys:,}" for keys in KEYS),
    )


def opened(one: Configured) -> float:
    """CPU milliseconds for opening 20 secrets, with the statement that reads the organization's key."""
    found = resolution.resolve(one.target)
    keys = [key for key, winner in found.winners.items() if winner.is_secret]
    spent = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(100):
            resolution.Resolution(one.target.organization_id, found.winners).environ(keys)
        spent.append((time.process_time() - began) * 10)
    return median(spent) * 20 / len(keys)


def pairs(report: Report, products: list[Server], one: Configured, headers: dict[str, str]) -> None:
    """Each writer changes a key of its own through one process and reads it through the other."""
    began = time.monotonic()
    with ThreadPoolExecutor(WRITERS) as pool:
        shares = [pool.submit(_pairs, products, one, headers, n) for n in range(WRITERS)]
        stale = sum(share.result() for share in shares)
    report.add(
        f"{PAIRS:,} writes, each read at once through the other of two web processes: reads that were stale",
        f"{stale} ({PAIRS / (time.monotonic() - began):.0f} pairs/s)",
        "0",
        passed=stale == 0,
    )


def _pairs(products: list[Server], one: Configured, headers: dict[str, str], writer: int) -> int:
    stale = 0
    key, tag = f"WRITTEN_BY_{writer}", ""
    with httpx.Client(headers=headers, timeout=30) as client:
        body = {"key": key, "value": "", "app_id": str(one.target.app_id)}
        made = client.post(f"{products[0].url}/api/v1/variables", json=body).raise_for_status().json()
        turns = itertools.cycle(((0, 1), (1, 0)))
        for _ in range(PAIRS // WRITERS):
            write, read = next(turns)
            value = uuid.uuid4().hex
            address = f"{products[write].url}/api/v1/variables/{made['id']}"
            client.patch(address, json={"value": value}).raise_for_status()
            answer = client.get(products[read].url + one.path, headers={"If-None-Match": tag} if tag else {})
            if answer.status_code != 200 or answer.json()[key] != value:
                stale += 1
            tag = answer.headers["ETag"]
    return stale
