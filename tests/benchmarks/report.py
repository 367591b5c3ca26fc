"""The rows of docs/performance.md, and whether one of them is over its gate."""

import platform
import textwrap
from dataclasses import dataclass, field
from importlib.metadata import version

import psutil

INTRODUCTION = """
Written by `make bench`, which ends with 1 where a figure is over its gate. Machines differ and are noisy, so gates are
ratios to floors of the same run: the simplest thing that could do the same on this stack (`tests/benchmarks/floors.py`,
pinned). Floor and subject are asked in turns, so that what else the machine does falls on both. Web server,
PostgreSQL, Valkey and workers are real processes.
"""


@dataclass
class Report:
    """Sections of rows: what, figure, gate, verdict (`None`: a figure without a gate)."""

    sections: list[tuple[str, str, list[tuple[str, str, str, bool | None]]]] = field(default_factory=list)

    def section(self, title: str, how: str) -> None:
        """`how` says below the title what was measured, and in which way."""
        self.sections.append((title, how, []))
        print(f"\n{title}", flush=True)

    def add(self, what: str, figure: str, gate: str = "", *, passed: bool | None = None) -> None:
        self.sections[-1][2].append((what, figure, gate, passed))
        said = {None: "    ", True: "ok  ", False: "OVER"}[passed]
        print(f"{said} {what}: {figure}{f' (gate: {gate})' if gate else ''}", flush=True)

    def at_most(self, what: str, ratio: float, gate: float, words: str) -> None:
        """A ratio to a floor of this run, `words` saying what it is made of."""
        self.add(what, f"**{ratio:.2f}x**: {words}", f"at most {gate:g}x", passed=ratio <= gate)

    @property
    def over(self) -> list[str]:
        return [what for _, _, rows in self.sections for what, _, _, passed in rows if passed is False]

    def text(self) -> str:
        lines = [
            "# Performance",
            "",
            *wrapped(INTRODUCTION),
            "",
            f"Measured on {platform.machine()}, {psutil.cpu_count()} cores, Python {platform.python_version()}, "
            f"Django {version('django')}.",
            "",
            f"**Over its gate: {'; '.join(self.over)}.**" if self.over else "Nothing is over its gate.",
        ]
        for title, how, rows in self.sections:
            lines += ["", f"## {title}", *wrapped(how), "", "| what | figure | gate | |", "|---|---|---|---|"]
            verdicts = {None: "", True: "ok", False: "**over**"}
            lines += [f"| {what} | {figure} | {gate} | {verdicts[passed]} |" for what, figure, gate, passed in rows]
        return "\n".join(lines) + "\n"


def wrapped(text: str) -> list[str]:
    return textwrap.wrap(" ".join(text.split()), 118)
