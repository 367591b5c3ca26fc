"""docs/reliability.md, as the campaign writes it."""

import os
import platform
from datetime import UTC, datetime

from tests.campaign.faults import Found
from tests.campaign.site import KEPT, WHOLE_WITHIN


def line(one: Found) -> str:
    outcome = "; ".join(one.wrong) or ("whole" if one.tried else "not tried")
    told = f"{one.phase} attempt {one.attempts}" if one.phase else ""
    return f"{one.name:70} hit: {one.hit:20} {told:22} {one.whole:5.1f} s  {outcome}"


def report(found: list[Found], seconds: float, *, planned: int) -> str:
    broken = [one for one in found if one.wrong]
    left_out = [one for one in found if not one.tried]
    rows = "\n".join(row(one) for one in found)
    slowest = max(found, key=lambda one: one.whole)
    late = sum(one.whole > WHOLE_WITHIN for one in found)
    when, machine = f"{datetime.now(UTC):%d %B %Y}", f"{os.cpu_count()} shared cores ({platform.system()})"
    whole = len(found) - len(broken) - len(left_out)
    return f"""\
# Reliability

Written by `make campaign` on {when}, on {machine}, in {seconds / 60:.0f} minutes: real installations, for each fault a
new release on its way, and one thing broken at a named point.

**{planned} faults: {whole} whole, {len(broken)} not, {planned - len(found) + len(left_out)} not tried.**
The slowest was whole after {slowest.whole:.1f} s ({slowest.name}); {late} took longer than {WHOLE_WITHIN:.0f} s.

## What whole means
Within {WHOLE_WITHIN:.0f} s (up to four times that where others keep the machine busy) and without a hand:
- every run has ended, the end of each is told in one event, and no two attempts of a run were ever at work at once (the
  machine's processes were looked at five times a second);
- the address answers with the release that the board shows, from the one instance that is written down; the board says
  live, or what became of the run (after the kill of a service it may say degraded, as it has to for a minute);
- each program runs as often as it should, no step of any attempt runs any more, and the worker is idle;
- at most {KEPT} directories of releases are there, and each is one that the worker knows.

## How a point is hit
The environment's worker is halted (SIGSTOP) every few milliseconds, and where the run stands is read from the database
and from the disk. Once it stands at the point the worker stays halted while the fault is done, then goes on, unless it
is what was killed. `hit` is where it stood. Claimed: an attempt has begun; in a step: its process runs; new service
healthy: it listens and the run is not past its point of no return; before the switch: past that point, the traffic
still with the old; after the switch: with the new; before finish: all is done and the end not yet told.

## What was not done as in life
- No machine's clock was set. The database's clock, by which leases, claims and ends are measured, was made to jump by
  functions of the same names that the application's role finds first. No process's own clock was made to jump.
- The disk that was full is a file system in memory that holds one whole installation.
- Seconds are counted from the fault, but where it takes its time or is mended by hand: for the parent of `make up`,
  which somebody has to start again, from then on; for PostgreSQL that was away from when it was there again; for the
  disk that was full from when what filled it is deleted; for SIGSTOP beyond the lease from SIGCONT; for the switch with
  open requests from the end of its waits; for 100 restarts from the last one.
- `kill -9` proves what a crash of a program leaves, not what a power cut leaves on a disk.

## What was broken when, and what was found
| at (UTC) | fault | point | hit | the run | attempts | whole after | found |
|---|---|---|---|---|---|---|---|
{rows}
"""


def row(one: Found) -> str:
    at = f"{datetime.fromtimestamp(one.at, UTC):%H:%M:%S}" if one.at else ""
    outcome = "; ".join(one.wrong).replace("|", "/") or ("whole" if one.tried else "not tried")
    return (
        f"| {at} | {one.what} | {one.point} | {one.hit} | {one.phase} | {one.attempts or ''} | {one.whole:.1f} s "
        f"| {outcome} |"
    )
