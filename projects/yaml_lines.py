"""YAML and JSON text as plain nodes that know their line; nothing in it can grow, loop or construct."""

import json
from dataclasses import dataclass
from typing import Any

import yaml

LONGEST = 262_144
DEEPEST = 20


class Unreadable(Exception):
    """The text is not YAML, or uses what is not needed here."""


@dataclass(frozen=True)
class Node:
    """`value` is a dict of nodes, a list of nodes or a scalar; `raw` the scalar as written; `line` 0 is unknown."""

    value: Any
    line: int = 0
    raw: str = ""


def read(text: str) -> Node:
    """The nodes of one YAML document (JSON is YAML)."""
    if len(text) > LONGEST:
        raise Unreadable("is longer than 256 kB")
    try:
        _check_shape(text)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise Unreadable(f"{line}{error.problem or 'cannot be read'}") from None
    except yaml.YAMLError as error:
        raise Unreadable(f"cannot be read: {str(error).splitlines()[0]}") from None
    except (ValueError, OverflowError):
        raise Unreadable("names a character that there is not") from None
    if root is None:
        raise Unreadable("is empty")
    return _node(root)


def _check_shape(text: str) -> None:
    depth = documents = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise Unreadable(f"line {line}: anchors and aliases are not supported")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
        if depth > DEEPEST:
            raise Unreadable(f"line {line}: is nested deeper than {DEEPEST} levels")
        if documents > 1:
            raise Unreadable(f"line {line}: a second document begins here; give one")


def _node(node: yaml.Node) -> Node:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        return Node([_node(part) for part in node.value], line)
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Node] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise Unreadable(f"line {key.start_mark.line + 1}: a name must be plain text")
            _check_letters(key)
            if key.value in found:
                raise Unreadable(f"line {key.start_mark.line + 1}: {key.value} is there twice")
            found[key.value] = _node(value)
        return Node(found, line)
    _check_letters(node)
    return Node(_scalar(node), line, str(node.value))


def _check_letters(node: yaml.Node) -> None:
    if any("\ud800" <= letter <= "\udfff" for letter in node.value):
        raise Unreadable(f"line {node.start_mark.line + 1}: holds half a character")


def _scalar(node: yaml.Node) -> Any:
    if node.tag == "tag:yaml.org,2002:null":
        return None
    if node.tag == "tag:yaml.org,2002:bool":
        return str(node.value).lower() in {"yes", "true", "on"}
    if node.tag == "tag:yaml.org,2002:int":
        try:
            return int(str(node.value).replace("_", ""), 10)
        except ValueError:
            return str(node.value)
    if node.tag == "tag:yaml.org,2002:float":
        try:
            return float(node.value)
        except ValueError:
            return str(node.value)
    return str(node.value)


def wrap(value: Any, depth: int = 0) -> Node:
    """Nodes of what was parsed already; lines are unknown."""
    if depth > DEEPEST:
        raise Unreadable(f"is nested deeper than {DEEPEST} levels")
    if isinstance(value, dict):
        return Node({str(name): wrap(part, depth + 1) for name, part in value.items()})
    if isinstance(value, list | tuple):
        return Node([wrap(part, depth + 1) for part in value])
    return Node(value, raw=value if isinstance(value, str) else json.dumps(value))
