"""Names of environment variables: ours, and which others may have (not those of loaders, shells and interpreters)."""

import re
from collections.abc import Mapping
from typing import Any

from projects.errors import Invalid

# Where programs of the system lie, whatever the PATH of whoever started us.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# By it a start finds what outlived the process that ran it.
COOKIE = "TOWPATH_INSTALLATION"

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
LONGEST_VALUE = 65_536
MOST = 200
_EXACT = {
    "PATH", "HOME", "PORT", "SHELL", "USER", "LOGNAME", "PWD", "IFS", "ENV", "BASH_ENV", "CDPATH", "PS4",
    "PROMPT_COMMAND", "SHELLOPTS", "BASHOPTS", "GLOBIGNORE", "NODE_OPTIONS", "RUBYOPT", "RUBYLIB", "PERL5OPT",
    "PERL5LIB", "PERL5DB", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH", "GCONV_PATH",
    "HOSTALIASES", "LOCPATH", "NLSPATH", "RESOLV_HOST_CONF", "RES_OPTIONS", "TMPDIR", "ZDOTDIR", "FPATH",
    "PERLLIB", "NODE_PATH", "PHPRC", "PHP_INI_SCAN_DIR", "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP",
    "PYTHONEXECUTABLE", "PYTHONUSERBASE", "PYTHONINSPECT", "PYTHONWARNINGS", "PYTHONBREAKPOINT",
    "PYTHONPLATLIBDIR", "PYTHONPYCACHEPREFIX", "PYTHONSAFEPATH", "PYTHONNOUSERSITE",
}  # fmt: skip
_PREFIXES = ("LD_", "DYLD_", "TOWPATH_", "BASH_FUNC_", "GLIBC_", "MALLOC_", "LUA_INIT", "SUPERVISOR_")


def problem(name: str) -> str:
    """Why a variable may not have this name, or an empty string."""
    if not NAME.fullmatch(name):
        return "use letters, digits and underscores, not beginning with a digit"
    if name.upper() in _EXACT or name.upper().startswith(_PREFIXES):
        return "this name is reserved; choose another"
    return ""


def check(field: str, variables: Mapping[str, Any]) -> dict[str, str]:
    """The variables as text; Invalid names every one that cannot be set."""
    if len(variables) > MOST:
        raise Invalid.field(field, f"at most {MOST} variables")
    wrong: list[dict[str, str]] = []
    checked: dict[str, str] = {}
    for name, value in variables.items():
        sentence = problem(str(name))
        if not sentence and not isinstance(value, str | int | float | bool):
            sentence = "must be text"
        text = value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
        if not sentence and (len(text.encode()) > LONGEST_VALUE or "\0" in text):
            sentence = "must be at most 64 kB and without NUL"
        if sentence:
            wrong.append({"field": f"{field}.{name}", "message": sentence})
        checked[str(name)] = text
    if wrong:
        raise Invalid(f"{wrong[0]['field']}: {wrong[0]['message']}", errors=wrong)
    return checked
