"""A setting that cannot be meant is refused at the start, by a sentence that names it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.env import BAD_SETTING, ROOT
from config.up.errors import CannotStart
from config.up.parent import Parent

BAD = [
    ("TOWPATH_LOG_DAYS", "0"),
    ("TOWPATH_SAMPLE_DAYS", "a week"),
    ("TOWPATH_EVENT_DAYS", "7"),
    ("TOWPATH_RELEASES_KEPT", "1"),
    ("TOWPATH_ARTIFACT_MB", "-5"),
    ("TOWPATH_STREAMS_PER_USER", "0"),
    ("TOWPATH_STREAM_RECHECK", "soon"),
    ("TOWPATH_STREAM_LOOK", "0"),
    ("TOWPATH_EGRESS_ALLOW", "10.0.0.0/99"),
    ("TOWPATH_PUBLIC_URL", "towpath.example.com"),
    ("TOWPATH_PUBLIC_URL", "https://somebody:a-password@towpath.example.com"),
    ("TOWPATH_LOG_FORMAT", "xml"),
    ("TOWPATH_SMTP_URL", "ftp://mail"),
    ("TOWPATH_SMTP_URL", "smtp://mail:post"),
    ("DATABASE_URL", "mysql://db"),
    ("DATABASE_URL", "postgresql://somebody:a-password@db:many/towpath"),
]


@pytest.mark.parametrize(("name", "value"), BAD, ids=[" ".join(one) for one in BAD])
def test_it_is_said_which_one_and_what_it_must_be(tmp_path: Path, name: str, value: str) -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "config.up.prepare"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "TOWPATH_HOME": str(tmp_path), name: value},
        capture_output=True,
        text=True,
    )

    assert outcome.returncode == BAD_SETTING, outcome.stderr
    assert outcome.stdout.startswith(name) and outcome.stdout.endswith(".\n") and outcome.stdout.count("\n") == 1
    assert "a-password" not in outcome.stdout + outcome.stderr


def test_make_up_shows_that_sentence_and_no_traceback(tmp_path: Path) -> None:
    given = {"PATH": os.environ["PATH"], "TOWPATH_HOME": str(tmp_path), "TOWPATH_LOG_DAYS": "0"}
    with pytest.raises(CannotStart) as refusal:
        Parent(tmp_path).python("-m", "config.up.prepare", environment=given)
    assert str(refusal.value) == "TOWPATH_LOG_DAYS is '0'; it must be a whole number from 1 to 36500."
