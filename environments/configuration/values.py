"""What a key and a value may be, by the type of the variable."""

from environments.models import VariableType
from environments.resolving import references, types
from projects import env_names
from projects.errors import Invalid

LONGEST_NOTE = 2000
LONGEST_DESCRIPTION = 2000


def check_key(key: str) -> str:
    key = key.strip()
    if sentence := env_names.problem(key):
        raise Invalid.field("key", f"{key or 'A key'}: {sentence}.")
    return key


def check(value: str, type: str = VariableType.TEXT, *, field: str = "value") -> bool:
    """Invalid where the value cannot be one of this type; answers whether it refers to others.

    What a value that refers to others becomes is judged where it is resolved.
    """
    if type not in VariableType.values:
        raise Invalid.field("type", f"one of {', '.join(VariableType.values)}.")
    check_text(value, field=field, longest=references.LONGEST)
    try:
        named = references.names(value)
    except references.Malformed as error:
        raise Invalid.field(field, f"{error}.") from None
    if not named and (sentence := types.problem(value, type)):
        raise Invalid.field(field, sentence)
    return "{{" in value


def check_text(text: str, *, field: str, longest: int) -> str:
    """Invalid where it is too long or holds what cannot be kept or passed on."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise Invalid.field(field, "holds a character that cannot be kept.") from None
    if "\0" in text:
        raise Invalid.field(field, "holds a NUL character, which no process can be given.")
    if size > longest:
        raise Invalid.field(field, f"is at most {longest // 1024 or 1} kB." if longest >= 1024 else "is too long.")
    return text
