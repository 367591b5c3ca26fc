"""Measure everything in one run, write docs/performance.md, and exit 1 where a figure is over its gate."""

import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from tests import database, servers

servers.start()
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"

import django  # noqa: E402

django.setup()

from importlib.metadata import version  # noqa: E402

import psutil  # noqa: E402
from django.conf import settings  # noqa: E402
from django.db import connection, connections  # noqa: E402
from django.test import Client  # noqa: E402

from config.env import ROOT  # noqa: E402
from projects.models import User  # noqa: E402
from tests.benchmarks import live, seed  # noqa: E402
from tests.benchmarks.measuring import Cost, Server, cost  # noqa: E402

REQUESTS = 60
PAGES = {
    # name: path, gate on statements, gate on CPU as a multiple of the minimal Django page
    "Board, 50 of 500 apps by 6 stages": ("/", 12, 3.0),
    "Environments list, 50 of 100,000": ("/environments", 8, 3.0),
}
FLOOR_GATE = 45.0
TARGET = ROOT / "docs" / "performance.md"


@dataclass
class Report:
    """Rows of the table: what, figure, gate, verdict."""

    rows: list[tuple[str, str, str, bool]] = field(default_factory=list)

    def add(self, what: str, figure: str, gate: str = "", *, passed: bool = True) -> None:
        self.rows.append((what, figure, gate, passed))
        print(f"{'ok  ' if passed else 'OVER'} {what}: {figure}{f' (gate {gate})' if gate else ''}", flush=True)

    @property
    def passed(self) -> bool:
        return all(row[3] for row in self.rows)

    def text(self) -> str:
        lines = [
            "# Performance",
            "",
            "Written by `make bench`. Machines differ and are noisy, so a gate is a ratio to a floor of the same run:",
            "the bare floor is an ASGI application that reads one row by its key, the page floor a Django view of one",
            "query and 50 rows without middleware (`tests/benchmarks/floors.py`, pinned). CPU is that of the server's",
            "whole process tree for one request, the median of three rounds; PostgreSQL's is named beside it.",
            "",
            f"{platform.machine()}, {psutil.cpu_count()} cores, Python {platform.python_version()}, "
            f"Django {version('django')}.",
            "",
            "| what | figure | gate | |",
            "|---|---|---|---|",
            *(f"| {what} | {figure} | {gate} | {'ok' if ok else '**over**'} |" for what, figure, gate, ok in self.rows),
            "",
        ]
        return "\n".join(lines)


def main() -> int:
    database.clone("bench")
    print("Seeding 100,000 environments and 500 apps in six stages.", flush=True)
    large = seed.organization("large", environments=100_000, apps=500, users=live.PEOPLE)
    small = seed.organization("small", environments=10, apps=10)
    report = Report()
    statements(report, {"small": small.users[0], "large": large.users[0]})
    pages(report, large)
    live.measure(report, large, application_environment())
    TARGET.write_text(report.text())
    print(f"Written to {TARGET.relative_to(ROOT)}.")
    return 0 if report.passed else 1


def statements(report: Report, users: dict[str, User]) -> None:
    for name, (path, gate, _) in PAGES.items():
        counts = {size: count_statements(user, path) for size, user in users.items()}
        report.add(
            f"{name}: SQL statements with few rows and with many",
            f"{counts['small']} and {counts['large']}",
            f"the same, at most {gate}",
            passed=counts["small"] == counts["large"] <= gate,
        )


def count_statements(user: User, path: str) -> int:
    client = Client()
    client.force_login(user)
    counted = 0

    def count(execute: Callable[..., object], sql: str, *rest: object) -> object:
        nonlocal counted
        counted += 1
        return execute(sql, *rest)

    client.get(path)
    with connection.execute_wrapper(count):
        answer = client.get(path)
    if answer.status_code != 200:
        raise SystemExit(f"{path} answered {answer.status_code}.")
    return counted


def pages(report: Report, large: seed.Seeded) -> None:
    environment = application_environment()
    some = large.organization.environments.order_by("created_at").first()
    floor = Server(
        "tests.benchmarks.floors:application",
        environment
        | {
            "DJANGO_SETTINGS_MODULE": "tests.benchmarks.floor_settings",
            "BENCH_ORGANIZATION": str(large.organization.id),
            "BENCH_ENVIRONMENT": str(some.id),
        },
    )
    product = Server("config.asgi:application", environment)
    try:
        floor.wait("/bare")
        product.wait("/livez")
        bare = cost(floor, "/bare", requests=2000, database_cpu=database_cpu)
        page = cost(floor, "/page", requests=300, database_cpu=database_cpu, least=3000)
        report.add("Bare ASGI point read", words(bare))
        ratio = page.cpu / bare.cpu
        report.add(
            "Minimal Django page of 50 rows",
            f"{words(page)}, {ratio:.1f}x the point read",
            f"{FLOOR_GATE:.0f}x",
            passed=ratio <= FLOOR_GATE,
        )
        cookies = signed_in(large.users[0])
        for name, (path, _, gate) in PAGES.items():
            spent = cost(product, path, requests=REQUESTS, database_cpu=database_cpu, cookies=cookies, least=20_000)
            ratio = spent.cpu / page.cpu
            report.add(
                f"{name}: CPU", f"{words(spent)}, {ratio:.1f}x the minimal page", f"{gate:.0f}x", passed=ratio <= gate
            )
    finally:
        floor.stop()
        product.stop()


def words(spent: Cost) -> str:
    return f"{spent.cpu:.2f} ms CPU (+ {spent.database:.2f} PostgreSQL), {spent.wall:.1f} ms"


def signed_in(user: User) -> dict[str, str]:
    client = Client()
    client.force_login(user)
    return {settings.SESSION_COOKIE_NAME: client.cookies[settings.SESSION_COOKIE_NAME].value}


def application_environment() -> dict[str, str]:
    """What a server of this run needs: the bench's own database, in the owner's role."""
    address = os.environ["DATABASE_URL"].rpartition("/")[0]
    names = ("PATH", "TOWPATH_HOME", "TOWPATH_TESTING", "REDIS_URL")
    return {name: os.environ[name] for name in names} | {
        "LANG": "C.UTF-8",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": f"{address}/{connections['default'].settings_dict['NAME']}",
    }


def database_cpu() -> float:
    """CPU seconds of PostgreSQL's backends that serve this run's database; those that ended are not counted."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
        pids = [row[0] for row in cursor.fetchall()]
    spent = 0.0
    for pid in pids:
        try:
            spent += sum(psutil.Process(pid).cpu_times()[:2])
        except psutil.Error:
            continue
    return spent


if __name__ == "__main__":
    sys.exit(main())
