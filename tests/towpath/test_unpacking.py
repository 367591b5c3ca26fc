"""Archives that try to leave the directory they are unpacked into, or to fill the disk, are refused."""

import io
import os
import stat
import subprocess
import sys
import tarfile
import zipfile

import pytest

from towpath.worker.unpacking import Limits, Unsafe, unpack


@pytest.fixture
def into(tmp_path):
    path = tmp_path / "into" / "work"
    path.mkdir(parents=True)
    return path


def tar_of(tmp_path, *members: tuple, mode: str = "w:gz"):
    path = tmp_path / "archive"
    with tarfile.open(path, mode) as tar:
        for name, kind, value in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            if kind == tarfile.REGTYPE:
                info.size = len(value)
                info.mode = 0o755 if name.endswith(".sh") else 0o644
                tar.addfile(info, io.BytesIO(value))
            else:
                info.linkname = value
                tar.addfile(info)
    return path


def test_files_directories_and_inner_links_are_unpacked(tmp_path, into):
    archive = tar_of(
        tmp_path,
        ("./app", tarfile.DIRTYPE, ""),
        ("./app/run.sh", tarfile.REGTYPE, b"#!/bin/sh\n"),
        ("app/current", tarfile.SYMTYPE, "../app/run.sh"),
        ("deep/er/file", tarfile.REGTYPE, b"x"),
    )

    assert unpack(str(archive), str(into)) == 4
    assert os.access(into / "app" / "run.sh", os.X_OK)
    assert (into / "app" / "current").read_text() == "#!/bin/sh\n"
    assert (into / "deep" / "er" / "file").read_text() == "x"


@pytest.mark.parametrize(
    "members",
    [
        [("../outside", tarfile.REGTYPE, b"x")],
        [("/etc/outside", tarfile.REGTYPE, b"x")],
        [("a/../../outside", tarfile.REGTYPE, b"x")],
        [("link", tarfile.SYMTYPE, "/etc"), ("link/outside", tarfile.REGTYPE, b"x")],
        [("link", tarfile.SYMTYPE, ".."), ("link/outside", tarfile.REGTYPE, b"x")],
        [("link", tarfile.SYMTYPE, "inner"), ("inner", tarfile.SYMTYPE, "../..")],
        [("passwd", tarfile.LNKTYPE, "/etc/passwd")],
        [("device", tarfile.CHRTYPE, "")],
        [("pipe", tarfile.FIFOTYPE, "")],
        [("file", tarfile.REGTYPE, b"x"), ("file", tarfile.REGTYPE, b"y")],
        [("file", tarfile.REGTYPE, b"x"), ("file/inner", tarfile.REGTYPE, b"y")],
        [("back\\slash", tarfile.REGTYPE, b"x")],
    ],
    ids=lambda members: " ".join(name for name, _, _ in members),
)
def test_a_tar_that_reaches_outside_is_refused_and_writes_nothing_there(tmp_path, into, members):
    archive = tar_of(tmp_path, *members)
    before = everything_but(tmp_path, into)

    with pytest.raises(Unsafe):
        unpack(str(archive), str(into))

    assert everything_but(tmp_path, into) == before


def test_the_archive_that_passes_the_standard_filter_and_writes_outside_is_refused(tmp_path, into):
    """Python 3.11's `data` filter lets this one through: links that are harmless one by one lead out together."""
    long = "d" * 247
    steps = "abcdefghijklmnop"
    members: list[tuple] = []
    path = ""
    for letter in steps:
        members.append((os.path.join(path, long), tarfile.DIRTYPE, ""))
        members.append((os.path.join(path, letter), tarfile.SYMTYPE, long))
        path = os.path.join(path, long)
    chain = os.path.join("/".join(steps), "l" * 254)
    members.append((chain, tarfile.SYMTYPE, "../" * len(steps)))
    members.append(("escape", tarfile.SYMTYPE, chain + "/../outside"))
    members.append(("escape", tarfile.LNKTYPE, "escape"))
    members.append(("escape", tarfile.REGTYPE, b"got out"))
    archive = tar_of(tmp_path, *members)

    with pytest.raises((Unsafe, OSError)):
        unpack(str(archive), str(into))

    assert not (into.parent / "outside").exists()


def test_a_chain_of_links_that_leads_outside_together_is_refused(tmp_path, into):
    archive = tar_of(
        tmp_path,
        ("a/b/c", tarfile.DIRTYPE, ""),
        ("short", tarfile.SYMTYPE, "a/b/c"),
        ("out", tarfile.SYMTYPE, "short/../../../../outside"),
    )

    with pytest.raises(Unsafe):
        unpack(str(archive), str(into))


def test_more_entries_or_bytes_than_allowed_are_refused(tmp_path, into):
    many = tar_of(tmp_path, *[(f"f{n}", tarfile.REGTYPE, b"") for n in range(11)])
    with pytest.raises(Unsafe, match="more than 10 entries"):
        unpack(str(many), str(into), Limits(entries=10))

    bomb = tar_of(tmp_path, ("bomb", tarfile.REGTYPE, b"\0" * (30 << 20)))
    with pytest.raises(Unsafe, match="more space"):
        unpack(str(bomb), str(into), Limits())


def test_a_zip_is_unpacked_and_its_ways_outside_are_refused(tmp_path, into):
    def zip_of(name: str, content: str = "x", mode: int = 0o644) -> str:
        path = tmp_path / "archive.zip"
        with zipfile.ZipFile(path, "w") as bundle:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            bundle.writestr(info, content)
        return str(path)

    unpack(zip_of("bin/run", mode=0o755), str(into))
    assert os.access(into / "bin" / "run", os.X_OK)
    for name, content, mode in (
        ("../outside", "x", 0o644),
        ("/outside", "x", 0o644),
        ("link", "../../outside", stat.S_IFLNK | 0o777),
        ("link", "/etc/passwd", stat.S_IFLNK | 0o777),
    ):
        with pytest.raises(Unsafe):
            unpack(zip_of(name, content, mode), str(into))


def everything_but(root, into) -> set[str]:
    return {str(path) for path in root.rglob("*") if into not in path.parents}


@pytest.mark.parametrize(
    ("names", "told"), [(("a",), "1 entry unpacked"), (("a", "b"), "2 entries unpacked")], ids="12"
)
def test_the_log_says_how_many_there_were(tmp_path, into, names, told):
    archive = tar_of(tmp_path, *((name, tarfile.REGTYPE, b"") for name in names))
    spec = {"archive": str(archive), "into": str(into)}
    # In a process of its own: it bounds its memory for good.
    code = f"from towpath.worker.unpacking import unpack_from_spec; unpack_from_spec({spec})"

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == told
