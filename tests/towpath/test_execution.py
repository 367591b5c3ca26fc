"""What a step or service is started with, as it is written for `towpath exec`."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from towpath.worker import execution
from towpath.worker.execution import packed, unpacked

SPEC = {"create": "", "directory": "/a b", "run": 'echo "$A"\nexit 3', "wrapper": ["unshare", "--pid"], "env": {}}


@pytest.mark.parametrize("value", ["", "x=y", "two\r\nlines", "ünï🚀", "\udcff"], ids=ascii)
def test_it_is_read_as_it_was_written(value):
    assert unpacked(packed(SPEC | {"env": {"A": value, "B": ""}})) == SPEC | {"env": {"A": value, "B": ""}}
    assert unpacked(packed(SPEC | {"wrapper": []})) == SPEC | {"wrapper": []}


@pytest.mark.parametrize(
    "wrong", [{"env": {"A": "x\0y"}}, {"env": {"A=B": "x"}}, {"env": {"": "x"}}, {"run": "echo\0"}], ids=str
)
def test_what_no_program_can_be_started_with_is_refused_where_it_is_written(wrong):
    with pytest.raises(ValueError, match=r"NUL|name"):
        packed(SPEC | wrong)


@pytest.mark.parametrize("half", [b"", b"/place\0/directory", b"\0/d\0run\0many", b"\0/d\0run\x000\0NAME"], ids=str)
def test_half_of_it_is_refused(half):
    with pytest.raises(ValueError):
        unpacked(half)


def started(spec: dict, directory: Path, *, script: str = execution.__file__) -> subprocess.CompletedProcess[str]:
    (directory / "spec.json").write_text(json.dumps(spec))
    command = [sys.executable, "-I", "-S", script, "--instance", str(directory)]
    return subprocess.run(command, capture_output=True, text=True)


def test_what_was_written_before_an_update_is_started_after_it(tmp_path):
    before = {
        "kind": "shell",
        "directory": str(tmp_path),
        "run": 'echo "$A"',
        "env": {"A": "as before", "PATH": "/bin"},
    }

    assert started(before, tmp_path).stdout == "as before\n"
    assert started({**before, "create": str(tmp_path / "release"), "wrapper": ["env", "B=1"]}, tmp_path).returncode == 0
    assert (tmp_path / "release" / "work").is_dir()


def test_what_lies_beside_the_package_stands_in_for_nothing_of_the_interpreters_own(tmp_path):
    shutil.copytree(Path(execution.__file__).parents[1], tmp_path / "towpath")
    (tmp_path / "json.py").write_text("raise SystemExit('not the one that was meant')")
    spec = {"kind": "create", "create": str(tmp_path / "release")}

    done = started(spec, tmp_path, script=str(tmp_path / "towpath" / "worker" / "execution.py"))

    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "release" / "work").is_dir()
