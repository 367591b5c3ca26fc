"""A worker refuses to fetch where the disk is nearly full; what runs goes on running."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.towpath.conftest import a_control_plane, a_site, deployment
from towpath.worker import disk
from towpath.worker.attempts import Failed


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB of its own."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only where file systems can be mounted")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_disk_that_fills_up_is_refused_until_there_is_room(small: Path) -> None:
    disk.check(small)

    (small / "much").write_bytes(bytes(1_000_000))
    with pytest.raises(Failed, match="nearly full"):
        disk.check(small)

    (small / "much").unlink()
    disk.check(small)


def test_a_place_that_cannot_be_looked_at_refuses_nothing() -> None:
    disk.check(Path("/nowhere/at/all"))
    assert disk.room(Path("/nowhere/at/all")) is None


def test_a_deployment_there_fails_with_the_sentence_and_leaves_what_serves(tmp_path: Path) -> None:
    with a_control_plane() as control_plane, a_site(tmp_path / "site", control_plane) as site:
        control_plane.wait(control_plane.submit(deployment("one", "1.0")))
        assert site.get("one") == "1.0"
        place = site.layout.project("SHOP").releases
        told = control_plane.observations[-1]["resources"]["disk"]
        assert 0 < told["free"] <= told["total"]
        mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
        if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
            pytest.skip("only where file systems can be mounted")
        try:
            (place / "much").write_bytes(bytes(64 * 1024))
            record = control_plane.wait(control_plane.submit(deployment("one", "2.0")))
        finally:
            subprocess.run(["umount", "-l", str(place)], check=True)

        assert record["phase"] == "failed"
        assert "nearly full" in record["conclusion"]["reason"]
        assert site.get("one") == "1.0"
