"""Regular expressions that people write, matched in time that grows with the text alone (RE2), never without end."""

import re2

LONGEST = 200


def problem(pattern: str) -> str:
    """Why the pattern is not taken, or an empty string."""
    if len(pattern) > LONGEST:
        return f"must have at most {LONGEST} characters"
    try:
        _compiled(pattern)
    except re2.error as error:
        return f"is no regular expression (RE2): {_words(error)}"
    return ""


def fits(pattern: str, text: str) -> bool:
    """Whether the whole text is what the pattern describes."""
    return _compiled(pattern).fullmatch(text) is not None


def _compiled(pattern: str) -> "re2._Regexp":
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    return re2.compile(pattern, options)


def _words(error: Exception) -> str:
    first = error.args[0] if error.args else ""
    return first.decode(errors="replace") if isinstance(first, bytes) else str(first)
