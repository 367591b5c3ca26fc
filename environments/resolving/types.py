"""The types a variable may have, and whether a value is one of them."""

import json
import re
from urllib.parse import urlsplit

from environments.models import VariableType

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


def problem(value: str, type: str) -> str:
    """Why the value is none of this type, or an empty string."""
    if type == VariableType.NUMBER and not NUMBER.fullmatch(value.strip()):
        return "is not a number, such as 30 or 0.5."
    if type == VariableType.BOOLEAN and value not in {"true", "false"}:
        return "is true or false."
    if type == VariableType.JSON:
        try:
            json.loads(value)
        except (ValueError, RecursionError) as error:
            where = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
            return f"is not JSON{where}."
    if type == VariableType.URL:
        try:
            parts = urlsplit(value)
        except ValueError:
            return "is not a URL, such as https://example.com/path."
        if not parts.scheme or not parts.netloc or value.split() != [value]:
            return "is not a URL, such as https://example.com/path."
    return ""
