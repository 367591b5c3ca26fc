"""What a step leaves behind goes, however deep it is and whatever right it took from itself."""

import os

from towpath.worker.housekeeping import delete_from_spec


def test_directories_of_any_depth_and_without_rights_are_taken_away(tmp_path):
    release, beside = tmp_path / "a release", tmp_path / "beside"
    beside.mkdir()
    (beside / "kept").write_text("kept")
    release.mkdir()
    here = os.open(".", os.O_RDONLY)
    os.chdir(release)
    try:
        for _ in range(1500):
            os.mkdir("d")
            os.chdir("d")
        os.symlink(beside, "link")
    finally:
        os.fchdir(here)
        os.close(here)
    (release / "closed").mkdir()
    (release / "closed" / "file").write_text("x")
    (release / "closed").chmod(0)

    assert delete_from_spec({"paths": [str(release), str(tmp_path / "not there")]}) == 0

    assert not release.exists()
    assert (beside / "kept").read_text() == "kept"
