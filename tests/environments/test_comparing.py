"""How two texts differ, line by line: every line of both is told once, in order, and in bounded time."""

import time

import pytest

from environments.planning import comparison

STEPS = "steps:\n  - name: build\n    run: make\n  - name: check\n    run: make check\n"


def told(before: str, after: str) -> list[str]:
    signs = {"same": " ", "added": "+", "removed": "-"}
    return [signs[line.change] + line.text for line in comparison.lines(before, after)]


def test_a_changed_line_is_removed_and_added_in_its_place() -> None:
    changed = told(STEPS, STEPS.replace("make check", "make test"))
    assert changed[-3:] == ["   - name: check", "-    run: make check", "+    run: make test"]
    assert [line[0] for line in changed[:-2]] == [" "] * 4


def test_lines_keep_the_numbers_they_have_in_their_texts() -> None:
    found = comparison.lines("a\nb\nc\n", "a\nx\ny\nc\n")
    assert [(line.before, line.after, line.text) for line in found] == [
        (1, 1, "a"),
        (2, None, "b"),
        (None, 2, "x"),
        (None, 3, "y"),
        (3, 4, "c"),
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "a\n"),
        ("a\n", ""),
        (STEPS, STEPS),
        ("a\na\na\n", "a\na\n"),
        ("a\nb\n", "b\na\n"),
        ("a\u2028b\x0cc\n", "a\n"),
    ],
    ids=["begins", "ends", "same", "fewer", "turned", "odd-breaks"],
)
def test_both_texts_can_be_read_from_it(before: str, after: str) -> None:
    found = comparison.lines(before, after)
    assert "\n".join(line.text for line in found if line.before) == before.removesuffix("\n")
    assert "\n".join(line.text for line in found if line.after) == after.removesuffix("\n")
    assert [line.before for line in found if line.before] == list(
        range(1, len(before.removesuffix("\n").split("\n")) + 1)
    )


@pytest.mark.parametrize("size", [1_900, 200_000], ids=["as-many-as-are-matched", "more"])
def test_texts_made_to_be_hard_are_told_in_time(size: int) -> None:
    hard = "\n".join(str(n * n % 97) for n in range(size))
    harder = "\n".join(str(n * 31 % 89) for n in range(size))
    begun = time.process_time()  # what others do meanwhile says nothing of it
    found = comparison.lines(hard, harder)
    assert time.process_time() - begun < 5
    assert sum(line.before is not None for line in found) == size
