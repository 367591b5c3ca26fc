"""What is made from the code is made from this code."""

import pytest
from django.core.management import CommandError, call_command


@pytest.mark.parametrize("command", ["openapi", "states_doc"])
def test_the_document_in_the_repository_is_current(command: str) -> None:
    call_command(command, "--check")


def test_the_check_sees_a_difference(settings, tmp_path) -> None:
    settings.BASE_DIR = tmp_path
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "openapi.json").write_text("{}")
    with pytest.raises(CommandError):
        call_command("openapi", "--check")
