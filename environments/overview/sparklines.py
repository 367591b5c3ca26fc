"""A series of measurements as the paths of a small drawing, 100 units wide and 32 high."""

from collections.abc import Sequence
from itertools import pairwise

WIDTH, TOP, HEIGHT, FLOOR, PLACES = 100.0, 2.0, 30.0, 32, 60
# A minute without a measurement is a late one; with more the line breaks off.
GAP = 2
Point = tuple[float, float]


def paths(measured: Sequence[Point]) -> tuple[str, str]:
    """SVG path data of the line and of the area below it; `measured` are `(moment, value)`, moments from 0 to 1.

    Each measurement stands at its moment, the largest of a place (a sixtieth of the width) for all in it; where
    nothing was measured there is no line. Both are empty below two measurements.
    """
    if len(measured) < 2:
        return "", ""
    places: dict[int, float] = {}
    for moment, value in measured:
        place = min(PLACES - 1, max(0, int(moment * PLACES)))
        places[place] = max(value, places.get(place, 0.0))
    top = max(places.values()) * 1.15 or 1.0
    drawn = [[_point(place, value, top) for place, value in part] for part in _parts(sorted(places.items()))]
    line = "".join(f"M{'L'.join(part)}" for part in drawn)
    area = "".join(f"M{'L'.join(part)}V{FLOOR}H{part[0].split()[0]}Z" for part in drawn)
    return line, area


def _parts(places: Sequence[tuple[int, float]]) -> list[list[tuple[int, float]]]:
    """What is drawn without lifting the pen; a place on its own is as wide as it is."""
    parts = [[places[0]]]
    for (before, _), now in pairwise(places):
        if now[0] - before > GAP:
            parts.append([])
        parts[-1].append(now)
    return [part if len(part) > 1 else [part[0], (part[0][0] + 1, part[0][1])] for part in parts]


def _point(place: int, value: float, top: float) -> str:
    return f"{place * WIDTH / PLACES:.1f} {TOP + HEIGHT - value / top * HEIGHT:.1f}"
