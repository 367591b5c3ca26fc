"""A disk that is nearly full, then full, then has room again; on a file system that holds one installation alone."""

import os
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from tests.campaign.faults import Found, at_point, watched
from tests.campaign.points import Point
from tests.campaign.site import Site

MEGABYTES = 1200
FULL_FOR = 15.0


def disk_full(_: Site) -> Found:
    found = Found("disk full", Point.IN_A_STEP.words)
    mounted = Path(tempfile.mkdtemp(prefix="towpath-full-"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m,mode=755", "towpath", str(mounted)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        mounted.rmdir()
        found.tried, found.hit = False, "this machine lets us mount nothing"
        return found
    try:
        site = Site(mounted / "site")
        try:
            filled(site, found, mounted)
        finally:
            site.end()
    finally:
        subprocess.run(["umount", "--lazy", str(mounted)], check=False)
        mounted.rmdir()
    return found


def filled(site: Site, found: Found, mounted: Path) -> None:
    run, halted = at_point(site, Point.IN_A_STEP)
    filler = mounted / "filler"
    fill(filler, leave=0)
    found.done(halted.reached.words)
    halted.go_on()
    time.sleep(FULL_FOR)
    with watched(site, found, run):
        filler.unlink()
    usage = shutil.disk_usage(mounted)
    fill(filler, leave=usage.total * 4 // 100)
    found.wrong += refused(site)
    filler.unlink()


def fill(filler: Path, *, leave: int) -> None:
    """Until only so many bytes are left; with 0 until the system says that there is no more."""
    with suppress(OSError), open(filler, "wb", buffering=0) as file:
        while leave == 0 or shutil.disk_usage(filler.parent).free > leave:
            file.write(bytes(1 << 18))


def refused(site: Site) -> list[str]:
    """With less than a twentieth left nothing is deployed, and a sentence says why."""
    try:
        site.deploy()
    except AssertionError as refusal:
        return [] if "nearly full" in str(refusal) and '"status":409' in str(refusal) else [str(refusal)[:200]]
    return ["with 4 % of the disk free a deployment was accepted"]
