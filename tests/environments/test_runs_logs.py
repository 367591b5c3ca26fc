"""Logs: each line once, in order, bounded, whatever is repeated."""

import pytest

from environments.models import LogChunk, Run
from environments.runs import claim, logs
from environments.runs.lease import LeaseLost
from projects.errors import Invalid
from tests.environments.test_runs_claim import together
from tests.environments.yard import silent, yard

pytestmark = pytest.mark.django_db


def line(text: str, **other: object) -> dict[str, object]:
    return {"at": "2026-01-01T00:00:00Z", "step": 1, "stream": "out", "text": text} | other


def begun() -> Run:
    here = yard()
    from environments.runs import queue

    run = queue.enqueue(kind="prepare", by=here.owner, organization=here.owner.organization)
    claimed = claim.by_control("me", run.pk)
    assert claimed is not None
    return claimed


def texts(run: Run, *args: int) -> list[str]:
    return [one["text"] for one in logs.read(Run.objects.get(pk=run.pk), *args)]


def test_lines_are_read_from_any_line_on() -> None:
    run = begun()
    logs.append(run.pk, 1, "me", 0, [line(str(n)) for n in range(5)])
    logs.append(run.pk, 1, "me", 5, [line(str(n)) for n in range(5, 12)])

    assert texts(run) == [str(n) for n in range(12)]
    assert texts(run, 1, 3, 4) == ["3", "4", "5", "6"]
    assert texts(run, 1, 7) == ["7", "8", "9", "10", "11"]
    assert texts(run, 1, 12) == []


def test_the_last_lines_that_hold_some_words_are_found_whatever_the_case() -> None:
    run = begun()
    logs.append(run.pk, 1, "me", 0, [line("100% done"), line("100 pears"), line("An Apple")])
    logs.append(run.pk, 1, "me", 3, [line("apples", stream="err"), line("a 100% APPLE", step=2)])

    def found(words: str, most: int = 10) -> list[tuple[int, str]]:
        return [(one["n"], one["text"]) for one in logs.find(run, 1, words, limit=most)]

    assert found("apple") == [(2, "An Apple"), (3, "apples"), (4, "a 100% APPLE")]
    assert found("APPLE", 2) == [(3, "apples"), (4, "a 100% APPLE")]
    assert found("100%") == [(0, "100% done"), (4, "a 100% APPLE")]
    assert found("stream") == found("nul\0") == []
    assert logs.find(run, 1, "a 100%", limit=1) == logs.read(run, 1, 4)


def test_a_repeat_is_ignored_however_it_is_cut() -> None:
    run = begun()
    assert logs.append(run.pk, 1, "me", 0, [line("a"), line("b")]) == 2
    assert logs.append(run.pk, 1, "me", 0, [line("a"), line("b")]) == 2
    assert logs.append(run.pk, 1, "me", 1, [line("b"), line("c")]) == 3
    assert logs.append(run.pk, 1, "me", 0, [line("a"), line("b"), line("c"), line("d")]) == 4
    assert texts(run) == ["a", "b", "c", "d"]


@pytest.mark.django_db(transaction=True)
def test_repeats_at_the_same_moment_are_stored_once() -> None:
    run = begun()
    together(*[lambda: logs.append(run.pk, 1, "me", 0, [line("a"), line("b")]) for _ in range(6)])
    assert texts(run) == ["a", "b"]


def test_nul_and_half_characters_and_endless_lines_are_made_fit() -> None:
    run = begun()
    logs.append(run.pk, 1, "me", 0, [line("a\0b"), line("\ud800"), line("x" * 20_000), line("y", stream="strange")])

    found = logs.read(run, 1)

    assert [one["text"] for one in found[:2]] == ["ab", "?"]
    assert len(found[2]["text"]) < 16_100 and found[2]["text"].endswith("(the line was cut)")
    assert found[3]["stream"] == "out"


def test_a_run_keeps_so_much_and_then_a_marked_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    run = begun()
    monkeypatch.setattr(logs, "MOST_BYTES", 2_000)
    assert not logs.is_full(run.pk)
    for n in range(10):
        logs.append(run.pk, 1, "me", n * 5, [line(f"{n}.{k} " + "z" * 50) for k in range(5)])

    found = texts(run)

    assert found[-1] == logs.CUT and found.count(logs.CUT) == 1
    assert sum(chunk.size for chunk in LogChunk.objects.filter(run=run)) == 2_000
    assert logs.is_full(run.pk)


def test_an_attempt_that_is_over_adds_nothing() -> None:
    run = begun()
    silent(run)
    with pytest.raises(LeaseLost):
        logs.append(run.pk, 1, "me", 0, [line("late")])


def test_chunks_of_unreasonable_size_are_refused() -> None:
    run = begun()
    with pytest.raises(Invalid):
        logs.append(run.pk, 1, "me", 0, [line("x")] * 5_001)
    with pytest.raises(Invalid):
        logs.append(run.pk, 1, "me", -1, [line("x")])


def test_each_attempt_has_lines_of_its_own() -> None:
    run = begun()
    logs.append(run.pk, 1, "me", 0, [line("first")])
    silent(run)
    from environments.doing import sweeping

    sweeping.sweep()
    claim.by_control("me", run.pk)
    logs.append(run.pk, 2, "me", 0, [line("second")])

    assert texts(run) == ["second"]
    assert texts(run, 1) == ["first"]
