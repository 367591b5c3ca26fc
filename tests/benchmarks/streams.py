"""A thousand open pages: what they keep, what a change costs, when the last is told, and whether pages suffer."""

import asyncio
import time
from contextlib import ExitStack

import httpx
from django.db import connection

from environments.models import Slot
from environments.views.live import GATHER
from tests.benchmarks import seed
from tests.benchmarks.committing import Change, Listening, Publishing
from tests.benchmarks.listening import Streams
from tests.benchmarks.measuring import Costs, Server, Subject, ask, median, percentile
from tests.benchmarks.report import Report
from tests.benchmarks.signing_in import bearer, cookie, cookies

HOW = """
From the moment before COMMIT in another process until a reader has the event, by the same machine's clock. The floors
are LISTEN on a bare connection, and a bare ASGI application that sends on what Valkey publishes: a round of them
before each round of the product. The stream of a page gathers changes on purpose; that of the API does not.
"""
MANY = 1_000
A_PERSON = 19  # of the 20 streams that one may hold
PAGES_PEOPLE = -(-MANY // A_PERSON)
PEOPLE = 2 * PAGES_PEOPLE
ROUNDS = 7
COMMITS = 25
VISITS = 150
WINDOW = 1.0
MOST_MEMORY = 60_000
A_FEW = 8  # threads or connections that a server may make for its own use meanwhile


def measure(report: Report, seeded: seed.Seeded, environment: dict[str, str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE IF NOT EXISTS bench_floor (id bigserial PRIMARY KEY, at timestamptz DEFAULT now())"
        )
    pages = [cookie(person) for person in seeded.users[:PAGES_PEOPLE] for _ in range(A_PERSON)][:MANY]
    programs = [
        credential
        for person in seeded.users[PAGES_PEOPLE:]
        for credential in [bearer(person, seeded.organization)] * A_PERSON
    ][:MANY]
    with ExitStack() as stack:
        floor_settings = {"DJANGO_SETTINGS_MODULE": "tests.benchmarks.floor_settings"}
        floor = started(stack, "tests.benchmarks.floors:application", environment | floor_settings, "/page")
        busy = started(stack, "config.asgi:application", environment, "/livez")
        quiet = started(stack, "config.asgi:application", environment, "/livez")
        change = Change(seeded)
        asyncio.run(_measured(report, seeded, floor, busy, quiet, pages, programs, change))


def started(stack: ExitStack, application: str, environment: dict[str, str], path: str) -> Server:
    server = Server(application, environment)
    stack.callback(server.stop)
    server.wait(path)
    return server


async def _measured(
    report: Report,
    seeded: seed.Seeded,
    floor: Server,
    busy: Server,
    quiet: Server,
    pages: list[str],
    programs: list[str],
    change: Change,
) -> None:
    publishing = Publishing()
    report.section("Live", HOW)
    await _one(report, floor, quiet, change, publishing, pages[0], programs[0])
    async with Streams(floor, "/stream", "cookie", [""] * MANY, "event") as bare:
        await _pages(report, seeded, busy, quiet, pages, change, bare, publishing)
        await _last_of_programs(report, busy, programs, change, bare, publishing)


async def _one(
    report: Report, floor: Server, server: Server, change: Change, publishing: Publishing, page: str, program: str
) -> None:
    listening = Listening()
    heard, sent, told, drawn = [], [], [], []
    async with (
        Streams(floor, "/stream", "cookie", [""], "event") as bare,
        Streams(server, "/api/v1/events/stream", "authorization", [program], "event") as stream,
        Streams(server, "/live", "cookie", [page], "change") as live,
    ):
        for n in range(COMMITS + 3):
            once = await asyncio.to_thread(listening.heard), await waited(bare, publishing)
            live.told.clear()
            stream.told.clear()
            ready = await change.made()
            both = (await stream.told.last() - ready) * 1000, (await live.told.last() - ready) * 1000
            if n >= 3:
                for series, value in zip((heard, sent, told, drawn), (*once, *both), strict=True):
                    series.append(value)
            await asyncio.sleep(0.05)
    listening.close()
    least = median(heard) + median(sent)
    report.at_most(
        "Commit until an SSE client of the API has it, p50",
        median(told) / least,
        5.0,
        f"{median(told):.1f} ms (p95 {percentile(told, 0.95):.1f} ms) to {least:.1f} ms of commit to LISTEN and"
        f" publish to SSE ({median(heard):.1f} + {median(sent):.1f})",
    )
    report.add(
        "Commit until the stream of an open page tells it, p50",
        f"{median(drawn):.0f} ms (p95 {percentile(drawn, 0.95):.0f} ms), of which it gathers at most"
        f" {GATHER * 1000:.0f} ms",
    )


async def waited(streams: Streams, source: Change | Publishing) -> float:
    """Milliseconds until the last of the streams has what is made now."""
    streams.told.clear()
    began = await source.made()
    return (await streams.told.last() - began) * 1000


async def _pages(
    report: Report,
    seeded: seed.Seeded,
    busy: Server,
    quiet: Server,
    pages: list[str],
    change: Change,
    bare: Streams,
    publishing: Publishing,
) -> None:
    before = busy.process.num_threads(), await asyncio.to_thread(backends), busy.memory()
    async with Streams(busy, "/live", "cookie", pages, "change") as live:
        await asyncio.sleep(3)
        after = busy.process.num_threads(), await asyncio.to_thread(backends), busy.memory()
        threads, connections, memory = (after[n] - before[n] for n in range(3))
        report.add(
            f"{MANY:,} idle live pages: memory of each",
            f"{memory / MANY / 1000:.1f} kB",
            f"under {MOST_MEMORY // 1000} kB",
            passed=memory / MANY < MOST_MEMORY,
        )
        report.add(
            f"{MANY:,} idle live pages: threads and database connections more than with none",
            f"{threads} and {connections}",
            f"at most {A_FEW} and {A_FEW} in all",
            passed=threads <= A_FEW and connections <= A_FEW,
        )
        await asyncio.to_thread(_visits, report, seeded, busy, quiet)
        await _events(report, seeded, busy, quiet, live, change)
        rounds = [(await waited(bare, publishing), await waited(live, change)) for _ in range(ROUNDS + 1)][1:]
    fanned, told = median([one for one, _ in rounds]), median([one for _, one in rounds])
    most = GATHER * 1000 + 3 * fanned
    report.add(
        f"Commit until the last of {MANY:,} pages is told",
        f"{told:.0f} ms",
        f"at most the {GATHER * 1000:.0f} ms in which they gather and 3x the bare fan-out: {most:.0f} ms",
        passed=told <= most,
    )


def _visits(report: Report, seeded: seed.Seeded, busy: Server, quiet: Server) -> None:
    """The same page of two servers in turns; only one of them holds streams."""
    waits: dict[Server, list[float]] = {busy: [], quiet: []}
    subjects = {server: Subject(server, "/", 40_000, cookies(seeded.users[0])) for server in waits}
    with ExitStack() as stack:
        clients = {
            server: stack.enter_context(httpx.Client(base_url=server.url, cookies=one.cookies, timeout=30))
            for server, one in subjects.items()
        }
        for n in range(VISITS + 10):
            for server in (busy, quiet) if n % 2 else (quiet, busy):
                began = time.perf_counter()
                ask(subjects[server], clients[server])
                if n >= 10:
                    waits[server].append((time.perf_counter() - began) * 1000)
    with_streams, without = percentile(waits[busy], 0.95), percentile(waits[quiet], 0.95)
    report.at_most(
        f"Board with {MANY:,} open streams to without, p95",
        with_streams / without,
        1.3,
        f"{with_streams:.1f} ms to {without:.1f} ms (p50 {median(waits[busy]):.1f} to {median(waits[quiet]):.1f} ms)",
    )


async def _events(
    report: Report, seeded: seed.Seeded, busy: Server, quiet: Server, live: Streams, change: Change
) -> None:
    """What one event costs: telling every page, and every page that shows what changed asking for it again."""
    spent, idle = [], []
    for _ in range(ROUNDS):
        cpu = busy.cpu()
        await asyncio.sleep(WINDOW)
        quietly, cpu = busy.cpu() - cpu, busy.cpu()
        until = time.monotonic() + WINDOW
        await waited(live, change)
        await asyncio.sleep(until - time.monotonic())
        spent.append((busy.cpu() - cpu - quietly) * 1000)
        idle.append(quietly / WINDOW * 100)
    again = await asyncio.to_thread(_asked_again, seeded, quiet)
    report.add(
        f"CPU of one event for {MANY:,} live pages",
        f"{median(spent):.0f} ms to tell all of them; each that shows what changed asks again for {again:.1f} ms"
        f" ({again * MANY / 1000:.1f} s where all do)",
    )
    report.add(f"CPU of {MANY:,} idle live pages", f"{sum(idle) / len(idle):.0f} % of a core")


def _asked_again(seeded: seed.Seeded, server: Server) -> float:
    """A page fetches the row that it is told of: one row of the board, drawn."""
    app = Slot.objects.filter(organization=seeded.organization).values_list("app_id", flat=True)[0]
    row = Subject(server, f"/board/apps/{app}", 500, cookies(seeded.users[0]), {"Towpath-Live": "1"})
    cost = Costs({"row": row}, 20).of("row")
    return cost.whole


async def _last_of_programs(
    report: Report, busy: Server, programs: list[str], change: Change, bare: Streams, publishing: Publishing
) -> None:
    async with Streams(busy, "/api/v1/events/stream", "authorization", programs, "event") as streams:
        rounds = [(await waited(bare, publishing), await waited(streams, change)) for _ in range(ROUNDS + 1)][1:]
    fanned, told = median([one for one, _ in rounds]), median([one for _, one in rounds])
    report.at_most(
        f"Commit until the last of {MANY:,} SSE clients has it, to the bare fan-out",
        median([one / other for other, one in rounds]),
        3.0,
        f"{told:.0f} ms to {fanned:.0f} ms",
    )


def backends() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return int(cursor.fetchone()[0])
