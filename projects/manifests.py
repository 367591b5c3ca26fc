"""A release's manifest: read from YAML or JSON and checked; every error names its line and field."""

import re
from collections.abc import Mapping
from typing import Any

from projects import env_names, patterns
from projects.errors import Invalid
from projects.yaml_lines import Node, Unreadable, read, wrap

STEP = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}")
SERVICE = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
MOST_STEPS, MOST_SERVICES, LONGEST_RUN = 50, 20, 20_000
MOST_REQUIRED = 200
TYPES = ("text", "number", "boolean", "json", "url")
LONGEST_STEP, LONGEST_STOP, LONGEST_HEALTH = 24 * 3600, 600, 3600
STEP_TIMEOUT, STOP_TIMEOUT, HEALTH_WITHIN = 600, 10, 60


def parse(source: str | Mapping[str, Any]) -> dict[str, Any]:
    """The checked form: `{"steps": [{n, name, run, timeout, env, once}], "services": [{name, run, port, env,
    stop_timeout, health}], "requires": {variables, secrets}}`, times in seconds. Invalid names lines and fields."""
    try:
        root = read(source) if isinstance(source, str) else wrap(dict(source))
    except Unreadable as error:
        raise Invalid(f"manifest: {error}", errors=[{"field": "manifest", "message": str(error)}]) from None
    reader = Reader()
    checked = reader.manifest(root)
    reader.check()
    return checked


class Reader:
    """Walks the nodes once and collects every error, so that an author mends all of them in one go.

    `within` stands before the names of fields.
    """

    def __init__(self, *, within: str = "manifest.") -> None:
        self.within = within
        self.errors: list[dict[str, Any]] = []

    def check(self) -> None:
        """Raise what was found."""
        if self.errors:
            first = self.errors[0]
            raise Invalid(f"{first['field']}: {first['message']}", errors=self.errors)

    def wrong(self, node: Node, field: str, message: str) -> None:
        found: dict[str, Any] = {"field": field, "message": message}
        if node.line:
            found |= {"message": f"line {node.line}: {message}", "line": node.line}
        self.errors.append(found)

    def manifest(self, root: Node) -> dict[str, Any]:
        parts = self.mapping(root, "manifest", {"steps", "services", "requires"})
        steps = [self.step(node, n) for n, node in enumerate(self.rows(parts, "steps", MOST_STEPS))]
        services = [self.service(node, n) for n, node in enumerate(self.rows(parts, "services", MOST_SERVICES))]
        requires = self.requires(parts.get("requires"))
        if not self.errors and not steps and not services:
            self.wrong(root, "manifest", "names neither steps nor services; give at least one")
        return {"steps": steps, "services": services, "requires": requires}

    def step(self, node: Node, n: int) -> dict[str, Any]:
        field = f"{self.within}steps[{n}]"
        parts = self.mapping(node, field, {"name", "run", "timeout", "env", "once"})
        return {
            "n": n + 1,
            "name": self.name(node, parts, field, STEP, "1 to 63 letters, digits, spaces, dots, hyphens, underscores"),
            "run": self.command(node, parts, field),
            "timeout": self.seconds(parts.get("timeout"), f"{field}.timeout", STEP_TIMEOUT, LONGEST_STEP),
            "env": self.env(parts.get("env"), f"{field}.env"),
            "once": self.truth(parts.get("once"), f"{field}.once", default=False),
        }

    def service(self, node: Node, n: int) -> dict[str, Any]:
        field = f"manifest.services[{n}]"
        parts = self.mapping(node, field, {"name", "run", "port", "env", "stop_timeout", "health"})
        port = self.truth(parts.get("port"), f"{field}.port", default=True)
        return {
            "name": self.name(node, parts, field, SERVICE, "lower-case letters, digits and hyphens, at most 63"),
            "run": self.command(node, parts, field),
            "port": port,
            "env": self.env(parts.get("env"), f"{field}.env"),
            "stop_timeout": self.seconds(
                parts.get("stop_timeout"), f"{field}.stop_timeout", STOP_TIMEOUT, LONGEST_STOP
            ),
            "health": self.health(parts.get("health"), f"{field}.health", port=port),
        }

    def health(self, node: Node | None, field: str, *, port: bool) -> dict[str, Any] | None:
        if node is None or node.value is None:
            return {"type": "tcp", "within": HEALTH_WITHIN} if port else None
        parts = self.mapping(node, field, {"http", "tcp", "command", "within"})
        within = self.seconds(parts.get("within"), f"{field}.within", HEALTH_WITHIN, LONGEST_HEALTH)
        kinds = [kind for kind in ("http", "tcp", "command") if kind in parts]
        if len(kinds) > 1:
            self.wrong(node, field, "give one of http, tcp and command")
            return None
        kind = kinds[0] if kinds else "tcp"
        if kind != "command" and not port:
            self.wrong(node, field, f"a service without a port cannot be checked by {kind}; give a command")
        if kind == "http":
            return {"type": "http", "path": self.path(parts["http"], f"{field}.http"), "within": within}
        if kind == "command":
            return {"type": "command", "run": self.text(parts["command"], f"{field}.command"), "within": within}
        if "tcp" in parts and not self.truth(parts["tcp"], f"{field}.tcp", default=True):
            self.wrong(parts["tcp"], f"{field}.tcp", "leave it out or say true")
        return {"type": "tcp", "within": within}

    def path(self, node: Node, field: str) -> str:
        text = self.text(node, field)
        if text and (not text.startswith("/") or re.search(r"[\s\x00-\x1f]", text) or len(text) > 500):
            self.wrong(node, field, "must be a path that begins with / and has no spaces")
        return text

    def requires(self, node: Node | None) -> dict[str, list[dict[str, str]]]:
        """`{variables, secrets}`, each `[{name, type, pattern}]`; a name alone stands for any text."""
        found: dict[str, list[dict[str, str]]] = {"variables": [], "secrets": []}
        if node is None or node.value is None:
            return found
        seen: set[str] = set()
        for part, listed in self.mapping(node, "manifest.requires", {"variables", "secrets"}).items():
            field = f"manifest.requires.{part}"
            if listed.value is None:
                continue
            if not isinstance(listed.value, list) or len(listed.value) > MOST_REQUIRED:
                self.wrong(listed, field, f"must be a list of at most {MOST_REQUIRED} names")
                continue
            for n, row in enumerate(listed.value):
                required = self.required(row, f"{field}[{n}]")
                if required["name"] in seen:
                    self.wrong(row, f"{field}[{n}]", f"{required['name']} is there twice")
                seen.add(required["name"])
                found[part].append(required)
        return found

    def required(self, row: Node, field: str) -> dict[str, str]:
        """A name, or a mapping of name, type and pattern."""
        parts = {"name": row} if isinstance(row.value, str) else self.mapping(row, field, {"name", "type", "pattern"})
        named = parts.get("name")
        if named is None:
            if isinstance(row.value, dict):
                self.wrong(row, f"{field}.name", "is missing")
            return {"name": "", "type": "text", "pattern": ""}
        name = self.text(named, field)
        if name and (sentence := env_names.problem(name)):
            self.wrong(named, field, sentence)
        kind = self.text(parts["type"], f"{field}.type") if "type" in parts else "text"
        if kind not in TYPES:
            self.wrong(parts["type"], f"{field}.type", f"must be one of {', '.join(TYPES)}")
        pattern = self.text(parts["pattern"], f"{field}.pattern") if "pattern" in parts else ""
        if pattern and (sentence := patterns.problem(pattern)):
            self.wrong(parts["pattern"], f"{field}.pattern", sentence)
        return {"name": name, "type": kind, "pattern": pattern}

    # what the parts are made of

    def mapping(self, node: Node, field: str, known: set[str]) -> dict[str, Node]:
        if not isinstance(node.value, dict):
            self.wrong(node, field, "must be a mapping of names to values")
            return {}
        for name, part in node.value.items():
            if name not in known:
                self.wrong(part, f"{field}.{name}", f"is not known here; known are {', '.join(sorted(known))}")
        return {name: part for name, part in node.value.items() if name in known}

    def rows(self, parts: dict[str, Node], name: str, most: int) -> list[Node]:
        node = parts.get(name)
        if node is None or node.value is None:
            return []
        if not isinstance(node.value, list):
            self.wrong(node, f"{self.within}{name}", "must be a list")
            return []
        if len(node.value) > most:
            self.wrong(node, f"{self.within}{name}", f"has more than {most} entries")
            return []
        seen: set[str] = set()
        for n, row in enumerate(node.value):
            named = row.value.get("name") if isinstance(row.value, dict) else None
            if named is not None and isinstance(named.value, str):
                if named.value.lower() in seen:
                    self.wrong(named, f"{self.within}{name}[{n}].name", f"{named.value} is there twice")
                seen.add(named.value.lower())
        return node.value

    def name(self, row: Node, parts: dict[str, Node], field: str, pattern: re.Pattern[str], words: str) -> str:
        if "name" not in parts:
            if isinstance(row.value, dict):
                self.wrong(row, f"{field}.name", "is missing")
            return ""
        text = self.text(parts["name"], f"{field}.name")
        if text and not pattern.fullmatch(text):
            self.wrong(parts["name"], f"{field}.name", words)
        return text

    def command(self, row: Node, parts: dict[str, Node], field: str) -> str:
        if "run" not in parts:
            if isinstance(row.value, dict):
                self.wrong(row, f"{field}.run", "is missing")
            return ""
        return self.text(parts["run"], f"{field}.run")

    def text(self, node: Node, field: str) -> str:
        if not isinstance(node.value, str) or not node.value.strip():
            self.wrong(node, field, "must be text; put quotes around it")
            return ""
        if len(node.value) > LONGEST_RUN or "\0" in node.value:
            self.wrong(node, field, f"must have at most {LONGEST_RUN} characters and no NUL")
            return ""
        return node.value

    def truth(self, node: Node | None, field: str, *, default: bool) -> bool:
        if node is None or node.value is None:
            return default
        if not isinstance(node.value, bool):
            self.wrong(node, field, "must be true or false")
            return default
        return node.value

    def seconds(self, node: Node | None, field: str, default: int, most: int) -> int:
        if node is None or node.value is None:
            return default
        found = _seconds(node.value)
        if found is None or not 1 <= found <= most:
            self.wrong(node, field, f"must be a time such as 90s, 10m or 1h, from 1 second to {most} seconds")
            return default
        return found

    def env(self, node: Node | None, field: str) -> dict[str, str]:
        if node is None or node.value is None:
            return {}
        if not isinstance(node.value, dict):
            self.wrong(node, field, "must be a mapping of names to values")
            return {}
        found: dict[str, str] = {}
        for name, part in node.value.items():
            sentence = env_names.problem(name)
            if sentence or isinstance(part.value, dict | list) or part.value is None:
                self.wrong(part, f"{field}.{name}", sentence or "must be text")
            elif len(part.raw.encode()) > env_names.LONGEST_VALUE or "\0" in part.raw:
                self.wrong(part, f"{field}.{name}", "must be at most 64 kB and without NUL")
            # As written: 1.10 stays 1.10 and does not become 1.1.
            found[name] = part.raw
        return found


def _seconds(value: Any) -> int | None:
    """Seconds of 90, "90", "90s", "10m", "1h30m"."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    text = str(value).strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return int(text)
    match = DURATION.fullmatch(text) if text.isascii() and len(text) < 20 else None
    if match is None or not any(match.groups()):
        return None
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds
