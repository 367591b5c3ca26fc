"""`make campaign`: kill everything at every named point, write docs/reliability.md, exit 1 where something broke."""

import os
import platform
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from config.env import ROOT
from tests.campaign.faults import POINTS, VICTIMS, WHOLE_WITHIN, Campaign, Found
from tests.config.installations import Running, free_bind

REPORT = ROOT / "docs" / "reliability.md"


def main() -> int:
    folder = Path(tempfile.mkdtemp(prefix="towpath-campaign-"))
    folder.chmod(0o755)
    bind, found = free_bind(), list[Found]()
    began = time.monotonic()

    def start() -> Running:
        running = Running(folder / "home", TOWPATH_BIND=bind)
        running.until_ready()
        return running

    try:
        campaign = Campaign(start(), start)
        campaign.begin()
        for victim in (*VICTIMS, "parent"):
            for point in POINTS:
                found.append(campaign.fault(victim, point))
                print(told(found[-1]), flush=True)
        campaign.running.stop()
    finally:
        for one in Running.all:
            one.clear_away()
        shutil.rmtree(folder, ignore_errors=True)
    REPORT.write_text(report(found, time.monotonic() - began))
    return 1 if any(one.wrong for one in found) else 0


def told(one: Found) -> str:
    outcome = "; ".join(one.wrong) or "whole"
    return f"{one.victim:11} {one.point:21} {one.phase:10} attempt {one.attempts} {one.whole:5.1f} s  {outcome}"


def report(found: list[Found], seconds: float) -> str:
    broken = [one for one in found if one.wrong]
    rows = "\n".join(
        f"| {one.victim} | {one.point} | {'yes' if one.hit else 'nobody there'} | {one.phase} | {one.attempts} "
        f"| {one.whole:.1f} | {'; '.join(one.wrong) or 'whole'} |"
        for one in found
    )
    slowest = max(found, key=lambda one: one.whole)
    return f"""\
# Reliability

Written by `make campaign` on {datetime.now(UTC):%d %B %Y}, on {os.cpu_count()} shared cores ({platform.system()}), in
{seconds / 60:.0f} minutes: a real installation, a new release on its way for each fault, and `kill -9` of one of its
programs at a named point of that deployment.

Whole means, within {WHOLE_WITHIN:.0f} s (more where the machine is busy) and without a hand: the run has ended, no
other run is left, the address answers with the release that the board shows, and no program runs twice. All the
while the processes of the machine were looked at for two attempts of one run at work at once.

**{len(found)} faults, {len(found) - len(broken)} whole, {len(broken)} not.**
The slowest was whole after {slowest.whole:.1f} s ({slowest.victim}, {slowest.point}).

| killed | when | hit | the run | attempts | seconds until whole | found |
|---|---|---|---|---|---|---|
{rows}
"""


if __name__ == "__main__":
    sys.exit(main())
