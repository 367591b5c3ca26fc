"""What a page costs: statements, CPU, the last page against the first, and whether a search goes through an index."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from django.db import connection
from django.test import Client
from django.utils.http import urlencode

from environments.models import Environment
from environments.overview import environments as overviews
from projects import marks
from projects.models import User
from tests.benchmarks import seed
from tests.benchmarks.measuring import Cost, Costs, Server, Subject
from tests.benchmarks.report import Report
from tests.benchmarks.signing_in import cookies

HOW = """
CPU of the web process for one request, session and permissions included, as a multiple of a Django view of one query
and 50 rows without middleware. PostgreSQL's CPU and the clock are named beside it. Medians of 25 turns.
"""
REQUESTS = 24
POINT_READS = 200
FLOOR = "the minimal Django page"
FRAGMENT = {"HX-Request": "true"}
# What is asked: path, headers, least bytes, most statements, most CPU as a multiple of the floor.
PAGES: dict[str, tuple[str, dict[str, str], int, int, float]] = {
    "Board, 50 apps by 6 stages": ("/", {}, 40_000, 12, 3.0),
    "Environments list, 50 rows": ("/environments", {}, 20_000, 8, 3.0),
    "Environments list as a partial for htmx": ("/environments", FRAGMENT, 15_000, 8, 2.0),
}
FIRST, LAST = "First page of the list", "Last page of the list"
WORDS = "environment-00042"  # found ten times among 1,000 and among 100,000
SEARCHES = {"Search box": f"/search?q={WORDS}", "Search in the list": f"/environments?q={WORDS}"}
# A search that reads more rows than so many to show 50 of them walks through them, whatever index it walks along.
MOST_READ = 1_000


def measure(report: Report, organizations: dict[int, seed.Seeded], environment: dict[str, str]) -> None:
    report.section("Pages", HOW)
    for name, (path, headers, _, most, _) in PAGES.items():
        counts = [len(statements(one.users[0], path, headers)) for one in organizations.values()]
        report.add(
            f"{name}: SQL statements among {sizes(organizations)} environments",
            " and ".join(map(str, counts)),
            f"the same, at most {most}",
            passed=len(set(counts)) == 1 and max(counts) <= most,
        )
    some = organizations[seed.MANY].organization
    floor = Server(
        "tests.benchmarks.floors:application",
        environment
        | {
            "DJANGO_SETTINGS_MODULE": "tests.benchmarks.floor_settings",
            "BENCH_ORGANIZATION": str(some.id),
            "BENCH_ENVIRONMENT": str(some.environments.values_list("id", flat=True)[0]),
        },
    )
    product = Server("config.asgi:application", environment)
    try:
        floor.wait("/bare")
        product.wait("/livez")
        _floors(report, floor)
        _costs(report, floor, product, organizations)
    finally:
        floor.stop()
        product.stop()
    for name, path in SEARCHES.items():
        _plans(report, name, organizations[seed.MANY].users[0], path)


def _floors(report: Report, floor: Server) -> None:
    costs = Costs({"bare": Subject(floor, "/bare", 1)}, POINT_READS)
    report.add("Floor: bare ASGI, one row by its key", words(costs.of("bare")))
    report.add("Floor: the minimal Django page", words(Costs({"page": Subject(floor, "/page", 3000)}, 50).of("page")))


def _costs(report: Report, floor: Server, product: Server, organizations: dict[int, seed.Seeded]) -> None:
    for size, seeded in organizations.items():
        mine = cookies(seeded.users[0])
        subjects = {FLOOR: Subject(floor, "/page", 3000)}
        for name, (path, headers, least, _, _) in PAGES.items():
            subjects[name] = Subject(product, path, least, mine, headers)
        subjects[FIRST] = Subject(product, "/environments", 20_000, mine)
        subjects[LAST] = Subject(product, f"/environments?{urlencode({'cursor': _last(seeded)})}", 20_000, mine)
        for name, path in SEARCHES.items():
            subjects[name] = Subject(product, path, 1_000, mine)
        costs = Costs(subjects, REQUESTS)
        among = f", among {size:,} environments"
        for name, (_, _, _, _, gate) in PAGES.items():
            ratio = costs.ratio(name, FLOOR, lambda cost: cost.cpu)
            report.at_most(f"{name}{among}", ratio, gate, f"{words(costs.of(name))} to {words(costs.of(FLOOR))}")
        ratio = costs.ratio(LAST, FIRST, lambda cost: cost.whole)
        said = f"{words(costs.of(LAST))} to {words(costs.of(FIRST))}"
        report.at_most(f"{LAST} to the first, PostgreSQL included{among}", ratio, 1.2, said)
        for name in SEARCHES:
            report.add(f"{name}, ten environments found{among}", words(costs.of(name)))


def _last(seeded: seed.Seeded) -> str:
    """The mark of the last row before the last 50, in the list's order."""
    backwards = seeded.organization.environments.order_by("priority", "-name", "-id")
    before = backwards[overviews.PAGE]
    return marks.write(before.priority, before.name.lower(), before.id)


def words(spent: Cost) -> str:
    return f"{spent.cpu:.1f} ms CPU (+ {spent.database:.1f} PostgreSQL), {spent.wall:.1f} ms"


def sizes(organizations: dict[int, seed.Seeded]) -> str:
    return " and ".join(f"{size:,}" for size in organizations)


def statements(user: User, path: str, headers: dict[str, str]) -> list[tuple[str, Any]]:
    """What a request asks of the database, the second time it is made."""
    client = Client(headers=headers)
    client.force_login(user)
    found: list[tuple[str, Any]] = []

    def note(execute: Callable[..., object], sql: str, params: Any, *rest: object) -> object:
        found.append((sql, params))
        return execute(sql, params, *rest)

    client.get(path)
    with connection.execute_wrapper(note):
        answer = client.get(path)
    if answer.status_code != 200:
        raise SystemExit(f"{path} answered {answer.status_code}.")
    return found


def _plans(report: Report, name: str, user: User, path: str) -> None:
    """Every statement of the search, explained as it runs: by which scans environments are read, and how many."""
    scans: dict[str, int] = {}
    for sql, params in statements(user, path, {}):
        if not sql.lstrip(" \n(").upper().startswith(("SELECT", "WITH")) or WORDS not in repr(params):
            continue
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params)
            (plan,) = cursor.fetchone()
        for node in _nodes((plan if isinstance(plan, list) else json.loads(plan))[0]["Plan"]):
            if node.get("Relation Name") != Environment._meta.db_table and node["Node Type"] != "Bitmap Index Scan":
                continue
            read = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
            read += node.get("Rows Removed by Index Recheck", 0)
            scan = " ".join(part for part in (node["Node Type"], node.get("Index Name", "")) if part)
            scans[scan] = max(scans.get(scan, 0), round(read * node["Actual Loops"]))
    most = max(scans.values(), default=0)
    report.add(
        f"{name} among {seed.MANY:,} environments: how it reads them",
        "; ".join(f"{scan}, {rows:,} rows" for scan, rows in scans.items()),
        f"no Seq Scan, at most {MOST_READ:,} rows read",
        passed=bool(scans) and not any(scan.startswith("Seq Scan") for scan in scans) and most <= MOST_READ,
    )


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)
