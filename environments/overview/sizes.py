"""Amounts in words: cores and bytes."""


def cores(value: float | None) -> str:
    """`0.42`; nothing where it was not measured."""
    return "" if value is None else f"{value:.2f}"


def data(value: float | None) -> str:
    """Bytes as `612 MB` or `1.9 GB` (powers of 1000)."""
    if value is None:
        return ""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= size:
            amount = value / size
            return f"{amount:.1f} {unit}" if amount < 10 else f"{amount:.0f} {unit}"
    return f"{int(value)} B"
