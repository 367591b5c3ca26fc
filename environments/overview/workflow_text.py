"""A workflow's inputs and steps as somebody would write them: YAML without what goes without saying."""

from typing import Any

from environments.overview import manifest_text
from projects import definitions

FIRST = """\
inputs:
  greeting: {type: text, default: hello, description: What is said first}
steps:
  - {name: greet, run: "echo $INPUT_GREETING from $TOWPATH_ENVIRONMENT"}
"""


def write(inputs: dict[str, dict[str, Any]], steps: list[dict[str, Any]]) -> str:
    """Text that `definitions.parse` reads as the same."""
    told: dict[str, Any] = {}
    if inputs:
        told["inputs"] = {name: _input(declared) for name, declared in definitions.in_order(inputs).items()}
    return manifest_text.dumped(told | {"steps": [manifest_text.step(one) for one in steps]})


def _input(declared: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"type": declared["type"]}
    if declared["required"]:
        told["required"] = True
    return told | {name: declared[name] for name in ("default", "options", "description") if declared[name]}
