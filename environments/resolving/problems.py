"""Why keys have no value, and the refusal that names each of them."""

from collections.abc import Sequence
from typing import NamedTuple

from projects.errors import Conflict


class Problem(NamedTuple):
    """Why a key has no value; `reference` is what could not be resolved, if that is it."""

    key: str
    code: str  # unresolved, cycle, revoked, malformed, too-large, too-deep; store-... as in vaults.Trouble
    sentence: str
    reference: str = ""


class Unresolvable(Conflict):
    """`errors` names each key and reference."""

    code = "unresolvable"


def unresolvable(problems: Sequence[Problem]) -> Unresolvable:
    more = f", and {len(problems) - 1} more keys" if len(problems) > 1 else ""
    return Unresolvable(
        f"{problems[0].key} has no value: {problems[0].sentence}{more}.",
        errors=[
            {"field": one.key, "code": one.code, "reference": one.reference, "message": f"{one.sentence}."}
            for one in problems
        ],
    )
