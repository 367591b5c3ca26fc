"""The lines of a run: chunks of one attempt, counted from 0, stored once, bounded."""

import json
import uuid
from collections.abc import Sequence
from typing import Any, TypedDict

from django.db import connection, transaction
from django.db.models import F, Max

from environments.models import LogChunk, Run, Worker
from environments.runs.lease import lock
from projects import bell
from projects.errors import Invalid

MOST_BYTES = 50 * 1024 * 1024  # a run, over all its attempts
LONGEST_LINE = 16_000
MOST_LINES = 5_000  # in one chunk
STREAMS = ("out", "err", "note")
FIND = """
SELECT c."offset" + l.n - 1, l.line ->> 'at', (l.line ->> 'step')::int, l.line ->> 'stream', l.line ->> 'text'
FROM environments_logchunk c CROSS JOIN LATERAL jsonb_array_elements(c.lines) WITH ORDINALITY AS l (line, n)
WHERE c.run_id = %(run)s AND c.attempt = %(attempt)s AND strpos(lower(l.line ->> 'text'), lower(%(words)s)) > 0
ORDER BY c."offset" DESC, l.n DESC LIMIT %(limit)s
"""
CUT = "The log ends here: a run keeps 50 MB of it. The run itself goes on."


class Line(TypedDict):
    """One line; `n` counts from 0 within the attempt, `step` is 0 where it belongs to none."""

    n: int
    at: str
    step: int
    stream: str
    text: str


def append(run_id: uuid.UUID, attempt: int, holder: Worker | str, offset: int, lines: Sequence[dict[str, Any]]) -> int:
    """Store lines that begin at `offset`; answers the number of the line expected next.

    What was stored before is ignored, also where a repeat is cut into other chunks. LeaseLost for an attempt that is
    over.
    """
    if offset < 0:
        raise Invalid.field("offset", "a number from 0")
    if len(lines) > MOST_LINES:
        raise Invalid.field("lines", f"at most {MOST_LINES} in one chunk")
    with transaction.atomic():
        run = lock(run_id, attempt, holder)
        stored = end(run_id, attempt)
        fresh = [cleaned(line) for line in lines[max(0, stored - offset) :]]
        if not fresh:
            return max(stored, offset)
        _store(run, attempt, max(offset, stored), fresh)
        bell.ring(bell.LOGS, run=run_id)
    return max(stored, offset) + len(fresh)


def _store(run: Run, attempt: int, offset: int, lines: list[dict[str, Any]]) -> None:
    if run.log_size >= MOST_BYTES:
        return
    size = len(json.dumps(lines))
    if run.log_size + size > MOST_BYTES:
        lines = [{"at": lines[0]["at"], "step": lines[0]["step"], "stream": "note", "text": CUT}]
        size = MOST_BYTES - run.log_size
    LogChunk.objects.create(run=run, attempt=attempt, offset=offset, count=len(lines), size=size, lines=lines)
    Run.objects.filter(pk=run.pk).update(log_size=F("log_size") + size)


def is_full(run_id: uuid.UUID) -> bool:
    """Whether nothing that the run writes from now on is kept."""
    return Run.objects.filter(pk=run_id, log_size__gte=MOST_BYTES).exists()


def cleaned(line: dict[str, Any]) -> dict[str, Any]:
    """A line as it is kept: known fields, no NUL, not longer than a page can show."""
    text = str(line.get("text", "")).replace("\0", "").encode("utf-8", "replace").decode("utf-8")
    if len(text) > LONGEST_LINE:
        text = text[:LONGEST_LINE] + " … (the line was cut)"
    step = line.get("step") or 0
    return {
        "at": str(line.get("at", ""))[:40].replace("\0", ""),
        "step": step if isinstance(step, int) and 0 <= step < 32_000 else 0,
        "stream": line.get("stream") if line.get("stream") in STREAMS else "out",
        "text": text,
    }


def read(run: Run, attempt: int | None = None, from_line: int = 0, limit: int = 1000) -> list[Line]:
    """At most `limit` lines of an attempt (the latest, unless given) from line `from_line` on."""
    number = run.attempt if attempt is None else attempt
    chunks = LogChunk.objects.filter(run=run, attempt=number)
    # Chunks do not overlap: the one that holds `from_line` is the last that begins at or before it.
    first = chunks.filter(offset__lte=from_line).aggregate(first=Max("offset"))["first"] or 0
    found: list[Line] = []
    for chunk in chunks.filter(offset__gte=first).order_by("offset").iterator(chunk_size=20):
        for n, line in enumerate(chunk.lines, start=chunk.offset):
            if n < from_line:
                continue
            found.append(Line(n=n, at=line["at"], step=line["step"], stream=line["stream"], text=line["text"]))
            if len(found) >= limit:
                return found
    return found


def find(run: Run, attempt: int, words: str, *, limit: int) -> list[Line]:
    """The last `limit` lines of an attempt that hold `words`, whatever the case: the database looks for them."""
    values: dict[str, Any] = {"run": run.pk, "attempt": attempt, "words": words.replace("\0", "\ufffd"), "limit": limit}
    with connection.cursor() as cursor:
        cursor.execute(FIND, values)
        found = [Line(n=n, at=at, step=step, stream=stream, text=text) for n, at, step, stream, text in cursor]
    return found[::-1]


def end(run_id: uuid.UUID, attempt: int) -> int:
    """How many lines the attempt has written so far."""
    last = LogChunk.objects.filter(run_id=run_id, attempt=attempt).order_by("-offset").values_list("offset", "count")
    row = last.first()
    return row[0] + row[1] if row else 0
