"""What may be said about an environment: every field of the contract checked, and turned into columns."""

import json
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from environments.configuration import enabling
from environments.models import Environment
from projects import env_names
from projects.errors import Invalid

NAME = re.compile(r"[A-Za-z0-9 ._\-/]{2,100}")
VALUES_LIMIT = 1024 * 1024
OBJECT_LIMIT = 16 * 1024
TIERS = {
    "production": {"prod", "production", "live"},
    "staging": {"stage", "staging", "preprod", "preproduction", "uat", "acceptance", "acc"},
    "development": {"dev", "develop", "development"},
}


def checked(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that these fields of the contract set; Invalid with every wrong field. `None` clears a field."""
    columns: dict[str, Any] = {}
    errors: list[Mapping[str, Any]] = []
    for name, value in fields.items():
        if name not in FIELDS:
            errors.append({"field": name, "message": "There is no such field."})
            continue
        try:
            columns |= FIELDS[name](name, value)
        except Invalid as refusal:
            errors += refusal.errors
    if errors:
        raise Invalid("; ".join(f"{error['field']}: {error['message']}" for error in errors), errors=errors)
    return columns


def tier_of(name: str) -> str:
    """A guess from the name's words; what cannot be guessed is `other`."""
    words = set(re.split(r"[^a-z]+", name.lower()))
    if "pre" in words and words & TIERS["production"]:
        return Environment.Tier.STAGING
    return next((tier for tier, names in TIERS.items() if words & names), Environment.Tier.OTHER)


def sound(value: str) -> bool:
    """Whether the database can keep it: no NUL, no half of a surrogate pair."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in value


def name(field: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, str) or not NAME.fullmatch(value) or value != value.strip():
        raise Invalid.field(
            field, "Use 2 to 100 letters, digits, spaces and . _ - / (and no space at the beginning or end)."
        )
    return {"name": value}


def text(limit: int) -> Callable[[str, Any], dict[str, Any]]:
    def check(field: str, value: Any) -> dict[str, Any]:
        if value is None:
            return {field: ""}
        if not isinstance(value, str) or len(value) > limit or not sound(value):
            raise Invalid.field(field, f"Give a text of at most {limit} characters.")
        return {field: value}

    return check


def tags(field: str, value: Any) -> dict[str, Any]:
    value = [] if value is None else value
    if not isinstance(value, list) or len(value) > 50:
        raise Invalid.field(field, "Give a list of at most 50 tags.")
    for tag in value:
        if not isinstance(tag, str) or not tag.strip() or len(tag) > 50 or not sound(tag):
            raise Invalid.field(field, "A tag is a text of 1 to 50 characters.")
    return {field: list(dict.fromkeys(value))}


def priority(field: str, value: Any) -> dict[str, Any]:
    value = 5 if value is None else value
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 10:
        raise Invalid.field(field, "Give a whole number from 1 to 10.")
    return {field: value}


def empty(what: str) -> Callable[[str, Any], dict[str, Any]]:
    def check(field: str, value: Any) -> dict[str, Any]:
        if value not in (None, []):
            raise Invalid.field(field, f"There are no {what} yet; leave this list empty.")
        return {}

    return check


def choice(column: str, choices: list[str], default: str | None = None) -> Callable[[str, Any], dict[str, Any]]:
    def check(field: str, value: Any) -> dict[str, Any]:
        value = default if value is None else value
        if value is None:
            return {}
        if value not in choices:
            raise Invalid.field(field, f"Choose one of {', '.join(choices)}.")
        return {column: str(value)}

    return check


def protected(field: str, value: Any) -> dict[str, Any]:
    if value is not None and not isinstance(value, bool):
        raise Invalid.field(field, "Say true or false.")
    return {field: bool(value)}


def json_object(field: str, value: Any) -> dict[str, Any]:
    """Any JSON object of at most 16 KB."""
    value = {} if value is None else value
    if not isinstance(value, dict):
        raise Invalid.field(field, "Give a JSON object.")
    try:
        size = len(json.dumps(value, allow_nan=False, ensure_ascii=False).encode())
    except (TypeError, ValueError):
        raise Invalid.field(field, "Give a JSON object of sound texts, without NaN or Infinity.") from None
    if size > OBJECT_LIMIT:
        raise Invalid.field(field, "It is larger than 16 KB.")
    if "\\u0000" in json.dumps(value):
        raise Invalid.field(field, "It holds a NUL character, which cannot be kept.")
    return {field: value}


def configuration(field: str, value: Any) -> dict[str, Any]:
    columns = json_object(field, value)
    for key in ("max_workers", "timeout_seconds"):
        number = columns[field].get(key)
        if number is not None and (not isinstance(number, int) or isinstance(number, bool) or number < 1):
            raise Invalid.field(f"{field}.{key}", "Give a whole number of at least 1.")
    return columns


def execution_environment(field: str, value: Any) -> dict[str, Any]:
    """Four parts, each replaced as a whole when it is given."""
    value = dict.fromkeys(("env_vars", "mcp_servers", "secrets", "integration_ids")) if value is None else value
    if not isinstance(value, dict):
        raise Invalid.field(field, "Give a JSON object.")
    columns: dict[str, Any] = {}
    for part, given in value.items():
        if part == "env_vars":
            columns["env_vars"] = _env_vars(f"{field}.{part}", given)
        elif part == "mcp_servers":
            columns["mcp_servers"] = json_object(f"{field}.{part}", given)[f"{field}.{part}"]
        elif part == "secrets":
            columns["required_secrets"] = _names(f"{field}.{part}", given)
        elif part == "integration_ids":
            columns["integration_ids"] = enabling.checked(f"{field}.{part}", given)
        else:
            raise Invalid.field(f"{field}.{part}", "There is no such field.")
    return columns


def _env_vars(field: str, value: Any) -> dict[str, str]:
    value = {} if value is None else value
    if not isinstance(value, dict):
        raise Invalid.field(field, "Give an object of names and texts.")
    for key, text_ in value.items():
        if not sound(str(key)) or (isinstance(text_, str) and not sound(text_)):
            raise Invalid.field(field, "A name or a value holds a character that cannot be kept.")
    variables = env_names.check(field, value)
    if sum(len(key) + len(text_.encode()) for key, text_ in variables.items()) > VALUES_LIMIT:
        raise Invalid.field(field, "All values together are at most 1 MB.")
    return variables


def _names(field: str, value: Any) -> list[str]:
    value = [] if value is None else value
    if not isinstance(value, list) or len(value) > env_names.MOST or not all(isinstance(one, str) for one in value):
        raise Invalid.field(field, f"Give a list of at most {env_names.MOST} names.")
    for name_ in value:
        if sentence := env_names.problem(name_):
            raise Invalid.field(field, f"{name_}: {sentence}.")
    return sorted(set(value))


def based_on(field: str, value: Any) -> dict[str, Any]:
    if value is not None and (not isinstance(value, str | uuid.UUID) or not sound(str(value))):
        raise Invalid.field(field, "Give an environment's id or name, or null.")
    return {field: value}


def passed_on(field: str, value: Any) -> dict[str, Any]:
    return {field: value}


FIELDS: dict[str, Callable[[str, Any], dict[str, Any]]] = {
    "name": name,
    "display_name": text(100),
    "description": text(10_000),
    "tags": tags,
    "priority": priority,
    "policy_ids": empty("policies"),
    "status": choice("wanted", ["active", "inactive"], "active"),
    "configuration": configuration,
    "metadata": json_object,
    "settings": json_object,
    "tier": choice("tier", [str(tier) for tier in Environment.Tier.values]),
    "protected": protected,
    "kind": choice("kind", [str(kind) for kind in Environment.Kind.values]),
    "project_id": passed_on,
    "based_on": based_on,
    "provisioner": choice("provisioner", ["process", "external"], "process"),
    "execution_environment": execution_environment,
}
