"""Measure everything in one run, write docs/performance.md, and exit 1 where a figure is over its gate."""

import logging
import os
import resource
import sys
import time

from tests import database, servers

servers.start()
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"

import django  # noqa: E402

django.setup()

from django.db import connections  # noqa: E402

from config.env import ROOT  # noqa: E402
from tests.benchmarks import comparing, configuring, drawing, pages, promoting, seed, streams  # noqa: E402
from tests.benchmarks.report import Report  # noqa: E402

TARGET = ROOT / "docs" / "performance.md"
PARTS = ("pages", "live", "configuration", "comparing", "promotion")


def main(chosen: list[str]) -> int:
    """All parts; with names of some, only those, and nothing is written."""
    if unknown := set(chosen) - set(PARTS):
        raise SystemExit(f"There is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}.")
    began = time.monotonic()
    logging.getLogger("httpx").setLevel(logging.WARNING)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    report = Report()
    parts = chosen or PARTS
    if {"pages", "live", "configuration"} & {*parts}:
        database.clone("bench")
    if "pages" in parts or "live" in parts:
        measure_on_rows(report, parts)
    if "configuration" in parts:
        configuring.measure(report, application_environment())
    if "comparing" in parts:
        if not {"pages", "live"} & {*parts}:
            database.clone("bench")
        comparing.measure(report)
    if "promotion" in parts:
        promoting.measure(report)
    print(f"\nMeasured in {time.monotonic() - began:.0f} s.")
    if not chosen:
        TARGET.write_text(report.text())
        print(f"Written to {TARGET.relative_to(ROOT)}.")
    for what in report.over:
        print(f"OVER its gate: {what}")
    return 1 if report.over else 0


def measure_on_rows(report: Report, parts: list[str] | tuple[str, ...]) -> None:
    print(f"Seeding {seed.FEW:,} and {seed.MANY:,} environments, and 500 apps in six stages.", flush=True)
    many = seed.organization("many", environments=seed.MANY, apps=500, users=streams.PEOPLE)
    if "pages" in parts:
        few = seed.organization("few", environments=seed.FEW, apps=60)
        pages.measure(report, {seed.FEW: few, seed.MANY: many}, application_environment())
    if "live" in parts:
        streams.measure(report, many, application_environment())
        drawing.measure(report, many, application_environment())


def application_environment() -> dict[str, str]:
    """What a server of this run needs: the bench's own database, in the owner's role."""
    address = os.environ["DATABASE_URL"].rpartition("/")[0]
    names = ("PATH", "TOWPATH_HOME", "TOWPATH_TESTING", "REDIS_URL")
    return {name: os.environ[name] for name in names} | {
        "LANG": "C.UTF-8",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": f"{address}/{connections['default'].settings_dict['NAME']}",
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
