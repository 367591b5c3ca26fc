"""What else is broken than by `kill -9`: frozen, emptied, away, cancelled in the instant of the switch."""

import json
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import httpx
import psutil
import redis

from config.up import valkey
from tests.campaign.faults import Fault, Found, at_point, watched
from tests.campaign.full_disk import disk_full
from tests.campaign.in_flight import switch_under_open_requests
from tests.campaign.points import Halted, Point
from tests.campaign.restarts import RESTARTS, restarts_of_web
from tests.campaign.site import SERVICE, Site
from tests.config.installations import wait_for

LONG_THEN_SHORT = {
    "steps": [
        {
            "name": "build",
            "run": "mkdir www && echo $TOWPATH_VERSION > www/index.html; [ $TOWPATH_ATTEMPT != 1 ] || sleep 300",
        }
    ],
    "services": [SERVICE],
}
QUEUED = 30
AWAY = 30.0


def frozen_beyond_its_lease(site: Site) -> Found:
    """SIGSTOP until the run is given to the next attempt, then SIGCONT."""
    found = Found("SIGSTOP of the environment's worker beyond its lease, then SIGCONT", Point.IN_A_STEP.words)
    run = site.deploy(LONG_THEN_SHORT)
    halted = Halted(site, run, Point.IN_A_STEP)
    found.done(halted.reached.words)
    wait_for(lambda: site.run(run)["phase"] == "queued", seconds=60)
    found.wrong += late_report(site, run)

    def check() -> list[str]:
        ends = site.sql("SELECT ends FROM environments_run WHERE id = %s", run)[0][0]
        return [] if ends.get("1") == "lost" else [f"the first attempt's end: {ends}"]

    with watched(site, found, run, expected="succeeded", check=check):
        halted.go_on()
    return found


def late_report(site: Site, run: str) -> list[str]:
    """What the frozen worker would say of its attempt, said for it: has to be refused."""
    session = json.loads((site.routes.root.parent / "worker" / "session.json").read_text())["session"]
    answer = httpx.post(
        f"http://{site.running.record['web']}/api/v1/runs/{run}/conclusion",
        json={"attempt": 1, "outcome": "succeeded", "reason": "", "last_lines": []},
        headers={"Authorization": f"Bearer {session}", "Towpath-Protocol": "1"},
        timeout=10,
    )
    refused = answer.status_code == 409 and answer.json()["code"] == "lease-lost"
    return [] if refused else [f"a late report was answered {answer.status_code} {answer.text[:100]}"]


def cancelled(site: Site, point: Point, expected: str) -> Found:
    """Before the point of no return a wish to cancel is obeyed, behind it refused; either way all is whole."""
    found = Found("cancel in the instant of the switch", point.words)
    run, halted = at_point(site, point)
    with watched(site, found, run, expected=expected):
        with suppress(AssertionError):
            site.ask("POST", f"/runs/{run}/cancellation")
        found.done(halted.reached.words)
        halted.go_on()
    return found


def flushed_with_queued_runs(site: Site) -> Found:
    """The control worker is halted while runs are asked for and all messages are thrown away."""
    found = Found(f"FLUSHALL with {QUEUED} queued runs")
    control = site.processes("control")
    for process in control:
        process.suspend()
    made = [
        site.ask("POST", "/environments", name=f"flushed-{n}-{int(time.time())}", provisioner="external")["id"]
        for n in range(QUEUED)
    ]
    run = site.deploy()
    redis.Redis.from_url(broker(site).url).flushall()
    found.done(f"{QUEUED} queued")

    def check() -> list[str]:
        rows = site.sql(
            "SELECT count(*), count(*) FILTER (WHERE phase = 'succeeded' AND attempt = 1) FROM environments_run "
            "WHERE kind = 'provision' AND environment_id = ANY(%s::uuid[])",
            made,
        )
        return (
            [] if rows[0] == (QUEUED, QUEUED) else [f"of {QUEUED} queued runs: {rows[0]} there and succeeded at once"]
        )

    with watched(site, found, run, expected="succeeded", check=check):
        for process in control:
            process.resume()
    for one in made:
        site.ask("DELETE", f"/environments/{one}")
    return found


def broker(site: Site) -> valkey.Broker:
    return valkey.broker(site.home, port=site.running.record["valkey_port"])


def emptied_broker(site: Site) -> Found:
    found = Found("Valkey killed and started again with an empty directory", Point.IN_A_STEP.words)
    run, halted = at_point(site, Point.IN_A_STEP)
    with watched(site, found, run, check=lambda: pings(site)):
        for process in site.processes("valkey"):
            process.suspend()
        for path in broker(site).directory.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        site.kill("valkey")
        found.done(halted.reached.words)
        halted.go_on()
    return found


def pings(site: Site) -> list[str]:
    try:
        redis.Redis.from_url(broker(site).url, socket_timeout=2).ping()
    except redis.RedisError as error:
        return [f"Valkey: {error}"]
    return []


def database_away(site: Site) -> Found:
    found = Found(f"PostgreSQL stopped and away for {AWAY:.0f} s", Point.IN_A_STEP.words)
    run, halted = at_point(site, Point.IN_A_STEP)
    site.supervisor().stopProcess("postgres")
    found.done(halted.reached.words)
    halted.go_on()
    time.sleep(AWAY)
    with watched(site, found, run):
        site.supervisor().startProcess("postgres", False)
    return found


JUMPED = ("clock_timestamp", "now", "transaction_timestamp", "statement_timestamp")


def clock_jump(site: Site, hours: int) -> Found:
    """The clock that leases are measured by, as the application sees it, jumps while a step runs."""
    found = Found(f"the database's clock jumps by {hours:+d} h", Point.IN_A_STEP.words)
    site.sql("CREATE SCHEMA jumped")
    site.sql("CREATE TABLE jumped.jump AS SELECT interval '0' AS far")
    for name in JUMPED:
        site.sql(
            f"CREATE OR REPLACE FUNCTION jumped.{name}() RETURNS timestamptz LANGUAGE sql "
            f"AS 'SELECT pg_catalog.{name}() + far FROM jumped.jump'"
        )
    site.sql("GRANT USAGE ON SCHEMA jumped TO towpath_app")
    site.sql("GRANT SELECT ON jumped.jump TO towpath_app")
    site.sql("ALTER ROLE towpath_app SET search_path = jumped, pg_catalog, public")
    cut_off(site)
    run, halted = at_point(site, Point.IN_A_STEP)
    with watched(site, found, run):
        site.sql(f"UPDATE jumped.jump SET far = far + interval '{hours} hours'")
        found.done(halted.reached.words)
        halted.go_on()
    site.sql("ALTER ROLE towpath_app RESET search_path")
    site.sql("DROP SCHEMA jumped CASCADE")
    cut_off(site)
    site.until(lambda: not site.not_whole(run), "whole again by the right clock")
    return found


def cut_off(site: Site) -> None:
    """The application's connections, so that new ones are made as its role now says."""
    site.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'towpath_app'")
    time.sleep(3)


def two_of_everything(site: Site) -> Found:
    """A second control worker and scheduler beside the first (web is two anyway); then the first are killed."""
    found = Found("two of everything at once, then kill -9 of one of each", Point.IN_A_STEP.words)
    first = {name: site.processes(name) for name in ("web", "control", "scheduler")}
    copies = [copy(first[name][0]) for name in ("control", "scheduler")]
    try:
        site.more.update({"control": 1, "scheduler": 1})
        made = [
            site.ask("POST", "/environments", name=f"twice-{n}-{int(time.time())}", provisioner="external")["id"]
            for n in range(QUEUED)
        ]
        run, halted = at_point(site, Point.IN_A_STEP)

        def check() -> list[str]:
            begun = site.sql(
                "SELECT count(*) FROM projects_event WHERE kind = 'environment.became_ready' "
                "AND environment_id = ANY(%s::uuid[])",
                made,
            )[0][0]
            return [] if begun == QUEUED else [f"{begun} ends of {QUEUED} runs are told"]

        with watched(site, found, run, expected="succeeded", check=check):
            for name in ("web", "control", "scheduler"):
                first[name][0].kill()
            found.done(halted.reached.words)
            halted.go_on()
    finally:
        site.more.clear()
        for process in copies:
            process.kill()
            process.wait(10)
    for one in made:
        site.ask("DELETE", f"/environments/{one}")
    return found


def copy(process: psutil.Process) -> psutil.Popen:
    """Another one of the same program, started in the same way."""
    words = [word.replace("control@", "second@") for word in process.cmdline()]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return psutil.Popen(words, env=process.environ(), cwd=process.cwd(), start_new_session=True, **quiet)


def _named(found: str, point: Point | None, act: Callable[[Site], Found]) -> Fault:
    return Fault(Found(found, point.words if point else "").name, act)


STEP = Point.IN_A_STEP
FAULTS = [
    _named(
        f"{RESTARTS} times kill -9 of both web processes, a browser and an SSE client listening", None, restarts_of_web
    ),
    _named("disk full", STEP, disk_full),
    _named("SIGSTOP of the environment's worker beyond its lease, then SIGCONT", STEP, frozen_beyond_its_lease),
    *(
        _named("cancel in the instant of the switch", point, partial(cancelled, point=point, expected=end))
        for point, end in ((Point.HEALTHY, "cancelled"), (Point.BEFORE_SWITCH, "succeeded"))
    ),
    _named("a switch with a request of 5 s and a WebSocket in flight", Point.BEFORE_SWITCH, switch_under_open_requests),
    _named(f"FLUSHALL with {QUEUED} queued runs", None, flushed_with_queued_runs),
    _named("Valkey killed and started again with an empty directory", STEP, emptied_broker),
    _named(f"PostgreSQL stopped and away for {AWAY:.0f} s", STEP, database_away),
    *(
        _named(f"the database's clock jumps by {hours:+d} h", STEP, partial(clock_jump, hours=hours))
        for hours in (1, -1)
    ),
    _named("two of everything at once, then kill -9 of one of each", STEP, two_of_everything),
]
