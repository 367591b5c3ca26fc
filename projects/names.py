"""Asking for what bears a name, whatever the case, as the unique indexes have it."""

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


# No name holds what the database cannot keep: a NUL, or half of a surrogate pair.
NOTHING = Q(pk__in=())
