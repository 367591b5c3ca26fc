"""How two releases of an app differ."""

import uuid
from collections.abc import Iterable
from difflib import SequenceMatcher
from itertools import accumulate
from typing import Any, NamedTuple

from django.db.models import Func, IntegerField, TextField
from django.db.models.functions import Cast, Length

from projects.models import App, Release

MOST_CHANGES = 100
# Characters of notes and changes that one plan keeps: the rest stands on the releases' own pages.
MOST_TEXT = 50_000
# Lines between the first and the last that differ; of more, looking for what is alike would take minutes.
MOST_MATCHED = 4_000


def releases_between(app: App, current: Release | None, target: Release | None) -> list[dict[str, Any]]:
    """The releases that arrive, newest first; on the way back those that leave, marked `taken_back`.

    The first release of an app in an environment arrives alone: what came before it was never missed there.
    """
    if target is None or current == target:
        return []
    low, high = sorted((current.serial if current else target.serial - 1, target.serial))
    between = list(
        Release.objects.filter(app=app, serial__gt=low, serial__lte=high)
        .annotate(notes_size=Length("notes"), lines=_Lines("changes"), size=_text_size())
        .defer("manifest", "notes", "changes")
        .order_by("-serial")[:MOST_CHANGES]
    )
    # What begins beyond the room that there is need not be read at all: there may be tens of megabytes of it.
    begins = [0, *accumulate(release.size for release in between)]
    near = [release.pk for release, at in zip(between, begins, strict=False) if at < MOST_TEXT]
    texts = {pk: (notes, lines) for pk, notes, lines in _texts(near)}
    told, room = [], MOST_TEXT
    for release in between:
        notes, lines = texts.get(release.pk, ("", []))
        notes = notes[:room]
        lines = _fitting(lines, room - len(notes))
        room -= len(notes) + sum(map(len, lines))
        if len(notes) < release.notes_size:
            notes += "…"
        if len(lines) < release.lines:
            lines = [*lines, f"and {release.lines - len(lines)} more, on the page of this release"]
        told.append(_told(release, notes, lines, taken_back=low == target.serial))
    return told


class _Lines(Func):
    function = "jsonb_array_length"
    output_field = IntegerField()


def _text_size() -> Any:
    return Length("notes") + Length(Cast("changes", TextField()))


def _texts(releases: list[uuid.UUID]) -> Iterable[tuple[uuid.UUID, str, list[str]]]:
    return Release.objects.filter(pk__in=releases).values_list("pk", "notes", "changes")


def _fitting(lines: list[str], room: int) -> list[str]:
    return [line for line, ends in zip(lines, accumulate(map(len, lines)), strict=True) if ends <= room]


def _told(release: Release, notes: str, changes: list[str], *, taken_back: bool) -> dict[str, Any]:
    return {
        "release_id": str(release.id),
        "version": release.version,
        "commit": release.commit,
        "notes": notes,
        "changes": changes,
        "link": release.link,
        "created_by": release.created_by,
        "created_at": release.created_at.isoformat(),
        "taken_back": taken_back,
    }


class Line(NamedTuple):
    """`before` and `after` are its numbers in the two texts, from 1; None where it is not there."""

    before: int | None
    after: int | None
    text: str

    @property
    def change(self) -> str:
        return "added" if self.before is None else "removed" if self.after is None else "same"


def lines(before: str, after: str) -> list[Line]:
    """Every line of both texts in order; what was removed stands before what was added in its place."""
    old, new = before.removesuffix("\n").split("\n"), after.removesuffix("\n").split("\n")
    top = _alike(old, new)
    bottom = _alike(old[top:][::-1], new[top:][::-1])
    told = [Line(n + 1, n + 1, old[n]) for n in range(top)]
    for a, a_end, b, b_end, same in _stretches(old[top : len(old) - bottom], new[top : len(new) - bottom]):
        gone = [(top + n, old[top + n]) for n in range(a, a_end)]
        come = [(top + n, new[top + n]) for n in range(b, b_end)]
        if same:
            told += [Line(n + 1, m + 1, text) for (n, text), (m, _) in zip(gone, come, strict=True)]
        else:
            told += [Line(n + 1, None, text) for n, text in gone]
            told += [Line(None, n + 1, text) for n, text in come]
    ends = range(bottom, 0, -1)
    return told + [Line(len(old) - n + 1, len(new) - n + 1, old[-n]) for n in ends]


def _alike(old: list[str], new: list[str]) -> int:
    """How many lines are the same from the beginning."""
    differs = (n for n, (one, other) in enumerate(zip(old, new, strict=False)) if one != other)
    return next(differs, min(len(old), len(new)))


def _stretches(old: list[str], new: list[str]) -> Iterable[tuple[int, int, int, int, bool]]:
    if len(old) + len(new) > MOST_MATCHED:
        return [(0, len(old), 0, len(new), False)]
    found = SequenceMatcher(None, old, new).get_opcodes()
    return [(a, a_end, b, b_end, tag == "equal") for tag, a, a_end, b, b_end in found]
