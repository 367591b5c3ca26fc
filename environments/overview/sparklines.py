"""A series of measurements as the path of a small drawing, 100 units wide and 32 high."""

from collections.abc import Sequence

WIDTH, HEIGHT, MOST_POINTS = 100.0, 30.0, 60


def path(values: Sequence[float]) -> str:
    """SVG path data from left to right, scaled to the largest value; empty below two values."""
    if len(values) < 2:
        return ""
    step = max(1, len(values) // MOST_POINTS)
    points = [max(values[start : start + step]) for start in range(0, len(values), step)]
    top = max(points) * 1.15 or 1.0
    across = WIDTH / max(1, len(points) - 1)
    return "M" + "L".join(f"{n * across:.1f} {2 + HEIGHT - value / top * HEIGHT:.1f}" for n, value in enumerate(points))
