"""Deployments by a real worker with real processes."""

import uuid

from tests.towpath.conftest import deployment


def test_a_release_is_deployed_and_answers(site, control_plane):
    app = str(uuid.uuid4())
    run = control_plane.submit(deployment(app, "1.0"))

    record = control_plane.wait(run)

    assert record["phase"] == "succeeded", (record, site.said())
    assert site.get(app) == "1.0"
    assert [step["name"] for _, step in sorted(record["steps"].items())] == [
        "Fetch", "write", "Start", "Health check", "Switch", "Drain",
    ]  # fmt: skip
    assert "written" in control_plane.lines(run)
