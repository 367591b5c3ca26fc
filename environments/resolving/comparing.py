"""The same app or project in several environments side by side: what is equal, different, missing, and from where.

Values come from `resolution` alone. A secret, and what is built from one, is a token that says whether two are equal:
the versions it is made of, which whoever sees a key sees, and by fingerprint where `compare` is told who may know.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

from environments.models import Environment
from environments.resolving import resolution
from environments.resolving.candidates import Candidate
from environments.resolving.problems import Unresolvable
from environments.resolving.resolution import Resolution, Target
from projects.credentials import Secret
from projects.errors import Invalid

FEWEST, MOST = 2, 6
# In the order in which they are told.
DIFFERENCES = ("missing", "different", "unknown", "same")


@dataclass(frozen=True, slots=True)
class Cell:
    """One key in one environment. `value` is None where it has none or is not shown, `problem` says why it has none.

    `is_inherited`: set for an environment that this one is based on; `overrides`: how many wider values it prevails
    over; `fingerprint` only where it may be known.
    """

    winner: Candidate | None = None
    masked: bool = False
    value: str | None = None
    problem: str = ""
    overrides: int = 0
    fingerprint: str = ""
    # Equal tokens are equal values; of a masked value it says so only one way, unless it is a fingerprint.
    token: object = None

    @property
    def is_inherited(self) -> bool:
        return self.winner is not None and self.winner.is_inherited


MISSING = Cell()


@dataclass(frozen=True, slots=True)
class Row:
    """`difference` is one of DIFFERENCES; `shared` are the places of protected and of other cells with one secret."""

    key: str
    kind: str
    cells: tuple[Cell, ...]
    difference: str
    shared: tuple[int, ...] = ()


@dataclass(frozen=True)
class Comparison:
    environments: Sequence[Environment]
    found: Sequence[Resolution]
    rows: Sequence[Row]

    @cached_property
    def counts(self) -> dict[str, int]:
        counted = Counter(row.difference for row in self.rows)
        return {each: counted[each] for each in DIFFERENCES}

    @property
    def shared(self) -> list[Row]:
        """Secrets that a protected or production environment has in common with another."""
        return [row for row in self.rows if row.shared]


def check(environments: Sequence[Environment]) -> None:
    """Invalid where they are too few, too many, or one of them is named twice."""
    if not FEWEST <= len(environments) <= MOST or len({one.pk for one in environments}) < len(environments):
        raise Invalid.field("ids", f"choose {FEWEST} to {MOST} different environments")


def look(targets: Sequence[Target]) -> list[Resolution]:
    """What holds in each; at most two statements an environment."""
    return [resolution.resolve(target) for target in targets]


def compare(
    environments: Sequence[Environment],
    found: Sequence[Resolution],
    known: Sequence[Collection[str]] = (),
) -> Comparison:
    """`known` says for each environment which masked keys' fingerprints may be told; none where it is left out."""
    columns = [_column(one, known[n] if known else ()) for n, one in enumerate(found)]
    guarded = [is_guarded(one) for one in environments]
    keys = sorted({key for column in columns for key in column})
    rows = [_row(key, tuple(column.get(key, MISSING) for column in columns), guarded) for key in keys]
    return Comparison(environments, found, rows)


def is_guarded(environment: Environment) -> bool:
    """Whose secrets no lower stage should have."""
    return environment.protected or environment.tier == Environment.Tier.PRODUCTION


def _column(found: Resolution, known: Collection[str]) -> dict[str, Cell]:
    problems, masked, cells = found.problems, found.masked, {}
    for key, winner in found.winners.items():
        overrides = len(found.shadowed[key]) if key in found.shadowed else 0
        hidden = key in masked
        if key in problems:
            why = f"{problems[key].sentence}."
            cells[key] = Cell(winner, hidden, None, why, overrides, "", ("problem", winner.version_id))
        elif hidden:
            fingerprint = _fingerprint(found, key) if key in known else ""
            cells[key] = Cell(winner, True, None, "", overrides, fingerprint, found.trace(key))
        else:
            value = found.environ([key])[key] if winner.refers else winner.value
            cells[key] = Cell(winner, False, value, "", overrides, "", value)
    return cells


def _fingerprint(found: Resolution, key: str) -> str:
    """Of what lies in a store the place is compared, and what is built of it is not: no store is asked."""
    winner = found.winners[key]
    if winner.store_id is not None:
        return found.box.fingerprint(winner.place)
    if any(one.store_id for one in found.secrets_in(key).values()):
        return ""
    try:
        return found.box.fingerprint(Secret(found.environ([key])[key]))
    except Unresolvable:
        return ""


def _row(key: str, cells: tuple[Cell, ...], guarded: Sequence[bool]) -> Row:
    present = [cell for cell in cells if cell.winner is not None]
    kind = "secret" if any(cell.winner and cell.winner.is_secret for cell in present) else "variable"
    shared = _shared(cells, guarded) if kind == "secret" else ()
    return Row(key, kind, cells, _difference(cells, present), shared)


def _difference(cells: tuple[Cell, ...], present: list[Cell]) -> str:
    if len(present) < len(cells):
        return "missing"
    first = present[0]
    if all(cell.token == first.token and cell.masked == first.masked for cell in present):
        return "same"
    verdicts = {equal(one, other) for n, one in enumerate(present) for other in present[n + 1 :]}
    return "different" if False in verdicts else "unknown" if None in verdicts else "same"


def equal(one: Cell, other: Cell) -> bool | None:
    """None where it may not be known."""
    if one.masked != other.masked or one.problem or other.problem:
        return one.token == other.token and one.masked == other.masked
    if one.token == other.token:
        return True
    if not one.masked:
        return False
    return one.fingerprint == other.fingerprint if one.fingerprint and other.fingerprint else None


def _shared(cells: tuple[Cell, ...], guarded: Sequence[bool]) -> tuple[int, ...]:
    found: set[int] = set()
    for n, one in enumerate(cells):
        for m, other in enumerate(cells):
            if guarded[n] and not guarded[m] and one.masked and other.masked and not one.problem and equal(one, other):
                found |= {n, m}
    return tuple(sorted(found))
