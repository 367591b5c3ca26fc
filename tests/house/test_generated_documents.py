"""What is made from the code is made from this code."""

import pytest
from django.conf import settings as installed
from django.core.management import CommandError, call_command

from tests.campaign.faults import Found
from tests.campaign.report import report


@pytest.mark.parametrize("command", ["openapi", "states_doc", "integrations_doc"])
def test_the_document_in_the_repository_is_current(command: str) -> None:
    call_command(command, "--check")


def test_the_check_sees_a_difference(settings, tmp_path) -> None:
    settings.BASE_DIR = tmp_path
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "openapi.json").write_text("{}")
    with pytest.raises(CommandError):
        call_command("openapi", "--check")


def test_the_campaigns_report_in_the_repository_says_what_the_campaign_would_say() -> None:
    said = report([Found("a fault", "a point")], 1.0, planned=1)
    words = said.partition("## What whole means")[2].partition("## What was broken when")[0]
    assert words and words in (installed.BASE_DIR / "docs" / "reliability.md").read_text()
