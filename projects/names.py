"""Asking for what bears a name, whatever the case, as the unique indexes have it; and for what holds some words; and
names in a sentence."""

import re
from collections.abc import Sequence

from django.db.models import Q, Value
from django.db.models.functions import Lower
from django.db.models.lookups import Exact


def same(field: str, name: str) -> Q:
    """`field` is `name` regardless of case. `iexact` would ask for upper(), which no index on lower() serves."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return NOTHING
    return NOTHING if "\0" in name else Q(Exact(Lower(field), Lower(Value(name))))


# Three letters in a row, or fewer beside what is none: what an index of trigrams can look for.
_TRIGRAM = re.compile(r"[^\W_]{3}|[\W_][^\W_]|[^\W_]{2}[\W_]")


def long_enough(typed: str) -> bool:
    """Whether an index of trigrams finds what holds it; of anything shorter it finds what begins with it."""
    return _TRIGRAM.search(typed) is not None


def holding(field: str, typed: str) -> Q:
    """`field` holds what was typed; one or two letters are looked for at its beginning alone."""
    return Q((f"{field}__icontains" if long_enough(typed) else f"{field}__istartswith", typed))


def line_holding(typed: str) -> str:
    """What a text of several lines in small letters, each behind a line feed, must hold for one of them to match."""
    return typed.lower() if long_enough(typed) else f"\n{typed.lower()}"


# No name holds what the database cannot keep: a NUL, or half of a surrogate pair.
NOTHING = Q(pk__in=())


def listed(found: Sequence[str]) -> str:
    """`a`, `a and b`, or `a, b and c`."""
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}"
