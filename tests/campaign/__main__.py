"""`make campaign`: kill everything at every named point, write docs/reliability.md, exit 1 where something broke.

Words name the faults to be tried, as in `python -m tests.campaign Valkey`; then nothing is written.
"""

import shutil
import signal
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue

from config.env import ROOT
from tests.campaign import report, special
from tests.campaign.faults import Fault, Found, kills
from tests.campaign.site import Site
from tests.config.installations import Running

REPORT = ROOT / "docs" / "reliability.md"
LANES = 3  # installations side by side: most of the time is waiting

ENDING = threading.Event()


def main(words: list[str]) -> int:
    folder = Path(tempfile.mkdtemp(prefix="towpath-campaign-"))
    folder.chmod(0o755)
    # What takes longest begins first.
    faults, found = [special.FAULTS[0], *kills(), *special.FAULTS[1:]], list[Found]()
    if words:
        faults = [one for one in faults if any(word in one.name for word in words)]
    waiting = SimpleQueue[Fault]()
    for one in faults:
        waiting.put(one)
    began = time.monotonic()
    lanes = [
        threading.Thread(target=lane, args=(folder / f"lane{n}", waiting, found), daemon=True)
        for n in range(min(LANES, len(faults)))
    ]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to end"))
    try:
        for one in lanes:
            one.start()
        for one in lanes:
            one.join()
    finally:
        ENDING.set()
        for running in Running.all:
            running.clear_away()
        shutil.rmtree(folder, ignore_errors=True)
        order = {one.name: n for n, one in enumerate(faults)}
        found.sort(key=lambda one: order.get(one.name, -1))
        if found and not words:
            # Also where it was told to end: what was not reached is counted there.
            REPORT.write_text(report.report(found, time.monotonic() - began, planned=len(faults)))
    return 0 if len(found) == len(faults) and not any(one.wrong for one in found) else 1


def lane(folder: Path, waiting: SimpleQueue[Fault], found: list[Found]) -> None:
    """One installation, and another where a fault has left it broken: the next one must not pay for that."""
    site, number = None, 0
    while not ENDING.is_set():
        try:
            fault = waiting.get_nowait()
        except Empty:
            break
        try:
            if site is None:
                number += 1
                site = Site(folder / str(number))
            one = fault.act(site)
        except Exception as error:
            one = Found(fault.name, wrong=[f"{type(error).__name__}: {str(error)[:200]}"])
        found.append(one)
        print(report.line(one), flush=True)
        if one.wrong and site is not None:
            with suppress(Exception):
                site.end()
            site = None
    if site is not None:
        site.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
