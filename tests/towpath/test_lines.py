"""Files that grow, rotate and hold strange bytes become lines, each once."""

import os

from hypothesis import given, settings
from hypothesis import strategies as st

from towpath.worker.lines import Follower, readable


def follower(path) -> Follower:
    return Follower(path, os.getuid())


def test_lines_are_read_as_they_appear(tmp_path):
    path = tmp_path / "out"
    follow = follower(path)
    assert follow.read() == []

    path.write_bytes(b"one\ntw")
    assert follow.read() == ["one"]
    with path.open("ab") as file:
        file.write(b"o\nthree")
    assert follow.read() == ["two"]
    assert follow.read(at_end=True) == ["three"]


def test_a_rotated_file_is_read_to_its_end_first(tmp_path):
    path = tmp_path / "out"
    follow = follower(path)
    path.write_bytes(b"one\n")
    assert follow.read() == ["one"]

    with path.open("ab") as file:
        file.write(b"two\n")
    path.rename(tmp_path / "out.1")
    path.write_bytes(b"three\n")

    assert follow.read() == ["two", "three"]


def test_a_file_that_was_rotated_away_twice_is_said_to_have_a_gap(tmp_path):
    path = tmp_path / "out"
    follow = follower(path)
    path.write_bytes(b"one\n")
    assert follow.read() == ["one"]

    path.rename(tmp_path / "kept aside")
    (tmp_path / "out.1").write_bytes(b"three\n")
    path.write_bytes(b"four\n")

    assert follow.read() == ["[lines are missing here: they were written faster than they could be read]", "four"]


def test_what_is_no_text_is_made_readable():
    assert readable(b"caf\xc3\xa9 \xff\0!\r\n") == "café �!"
    assert len(readable(b"x" * 100_000)) < 17_000


def test_a_link_or_somebody_elses_file_is_not_read(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret\n")
    path = tmp_path / "out"
    path.symlink_to(secret)
    assert follower(path).read() == []

    path.unlink()
    os.link(secret, path)
    assert Follower(path, os.getuid() + 1).read() == []

    path.unlink()
    os.mkfifo(path)
    assert follower(path).read() == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=30), st.integers(1, 7))
def test_every_line_comes_once_whatever_the_writes_and_limits(tmp_path_factory, writes, limit):
    path = tmp_path_factory.mktemp("lines") / "out"
    follow = follower(path)
    found: list[str] = []
    with path.open("ab", buffering=0) as file:
        for write in writes:
            file.write(write)
            found += follow.read(limit)
    while more := follow.read(limit):
        found += more
    found += follow.read(at_end=True)

    expected = path.read_bytes().split(b"\n")
    if expected[-1] == b"":
        expected.pop()
    assert found == [readable(line) for line in expected]
