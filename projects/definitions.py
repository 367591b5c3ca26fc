"""What a workflow is made of: the inputs it asks for and the steps it takes, read from YAML, JSON or a request."""

import re
from collections.abc import Mapping
from typing import Any

from projects import env_names
from projects.errors import Invalid
from projects.manifests import Reader
from projects.yaml_lines import Node, Unreadable, read, wrap

INPUT = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
NUMBER = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?")
TYPES = ("text", "number", "boolean", "choice")
WORDS = {"text": "text", "number": "a number such as 3 or 0.5", "boolean": "true or false"}
MOST_INPUTS, MOST_OPTIONS, LONGEST_DESCRIPTION = 50, 100, 500
PREFIX = "INPUT_"


def parse(source: str | Mapping[str, Any]) -> dict[str, Any]:
    """The checked form: `{"inputs": {name: {n, type, required, default, options, description}}, "steps": [{n, name,
    run, timeout, env, once}]}`, times in seconds and defaults as text. Invalid names lines and fields."""
    try:
        root = read(source) if isinstance(source, str) else wrap(dict(source))
    except Unreadable as error:
        raise Invalid(f"definition: {error}", errors=[{"field": "definition", "message": str(error)}]) from None
    reader = _Reader(within="")
    parts = reader.mapping(root, "definition", {"inputs", "steps"})
    steps = [reader.step(node, n) for n, node in enumerate(reader.rows(parts, "steps", 50))]
    inputs = reader.inputs(parts.get("inputs"))
    if not reader.errors and not steps:
        reader.wrong(root, "steps", "give at least one")
    reader.check()
    return {"inputs": inputs, "steps": steps}


def in_order(inputs: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The inputs as they were written, and as they are read again."""
    told = sorted(inputs.items(), key=lambda each: each[1].get("n", 0))
    return {name: {part: value for part, value in one.items() if part != "n"} for name, one in told}


def variable(name: str) -> str:
    """The environment variable in which a step finds an input."""
    return f"{PREFIX}{name.upper()}"


def given(inputs: Mapping[str, Mapping[str, Any]], values: Mapping[str, Any]) -> dict[str, str]:
    """The inputs of one run as text; what is not given has its default. Invalid names everything that is wrong."""
    wrong = [(name, "is not asked for here") for name in values if name not in inputs]
    found: dict[str, str] = {}
    for name, declared in inputs.items():
        value = values.get(name)
        value = declared["default"] if value is None or value == "" else value
        if value is None:
            wrong += [(name, "is missing")] if declared["required"] else []
            continue
        text = as_text(value)
        sentence = problem(text, declared["type"], declared["options"])
        wrong += [(name, sentence)] if sentence else []
        found[name] = text
    if wrong:
        errors = [{"field": f"inputs.{name}", "message": message} for name, message in wrong]
        raise Invalid(f"{errors[0]['field']}: {errors[0]['message']}", errors=errors)
    return found


def as_text(value: Any) -> str:
    """As a program reads it: no list or mapping is a value."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else "\0"


def problem(text: str, kind: str, options: list[str]) -> str:
    """Why this is no value of that type, or an empty string."""
    if "\0" in text:
        return f"must be {WORDS.get(kind, 'text')}"
    if len(text.encode()) > env_names.LONGEST_VALUE:
        return "must be at most 64 kB"
    fits = {
        "text": True,
        "number": NUMBER.fullmatch(text) is not None,
        "boolean": text in ("true", "false"),
        "choice": text in options,
    }[kind]
    return "" if fits else f"must be {WORDS[kind]}" if kind in WORDS else f"must be one of {', '.join(options)}"


class _Reader(Reader):
    def inputs(self, node: Node | None) -> dict[str, dict[str, Any]]:
        if node is None or node.value is None:
            return {}
        if not isinstance(node.value, dict):
            self.wrong(node, "inputs", "must be a mapping of names to what they are")
            return {}
        if len(node.value) > MOST_INPUTS:
            self.wrong(node, "inputs", f"has more than {MOST_INPUTS} entries")
            return {}
        seen: dict[str, str] = {}
        for name, part in node.value.items():
            if not INPUT.fullmatch(name):
                self.wrong(part, f"inputs.{name}", "use letters, digits and underscores, not beginning with a digit")
            twin = seen.setdefault(name.upper(), name)
            if twin != name:
                self.wrong(part, f"inputs.{name}", f"is {variable(name)} to steps, and so is {twin}")
        # The database keeps no order of names.
        return {
            name: {"n": n, **self.input(part, f"inputs.{name}")} for n, (name, part) in enumerate(node.value.items(), 1)
        }

    def input(self, node: Node, field: str) -> dict[str, Any]:
        parts = self.mapping(node, field, {"type", "required", "default", "options", "description"})
        kind = parts["type"].value if "type" in parts else "text"
        if kind not in TYPES:
            self.wrong(parts.get("type", node), f"{field}.type", f"must be one of {', '.join(TYPES)}")
            kind = "text"
        description = self.text(parts["description"], f"{field}.description") if _set(parts, "description") else ""
        if len(description) > LONGEST_DESCRIPTION:
            self.wrong(parts["description"], f"{field}.description", "use at most 500 characters")
        options = self.options(node, parts, field, kind)
        default = None
        if _set(parts, "default"):
            default = parts["default"].raw if isinstance(parts["default"].value, int | float | str) else "\0"
            if sentence := problem(default, kind, options):
                self.wrong(parts["default"], f"{field}.default", sentence)
        required = self.truth(parts.get("required"), f"{field}.required", default=False)
        return {
            "type": kind,
            "required": required,
            "default": default,
            "options": options,
            "description": description,
        }

    def options(self, node: Node, parts: dict[str, Node], field: str, kind: str) -> list[str]:
        if not _set(parts, "options") or parts["options"].value == []:
            if kind == "choice":
                self.wrong(node, f"{field}.options", "name what there is to choose from")
            return []
        given = parts["options"]
        if kind != "choice":
            self.wrong(given, f"{field}.options", "only a choice has options")
        if not isinstance(given.value, list) or len(given.value) > MOST_OPTIONS:
            self.wrong(given, f"{field}.options", f"must be a list of at most {MOST_OPTIONS}")
            return []
        found = [one.raw if isinstance(one.value, int | float | str) else "" for one in given.value]
        if any(not one or len(one) > 200 or "\0" in one for one in found) or len(set(found)) < len(found):
            self.wrong(given, f"{field}.options", "must be different texts of 1 to 200 characters")
        return found


def _set(parts: dict[str, Node], name: str) -> bool:
    return name in parts and parts[name].value is not None and (name != "description" or parts[name].value != "")
