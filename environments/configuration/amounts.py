"""How much one wish changes: an operation records 500 events, and each key that it changes is one of them."""

from collections.abc import Iterable, Mapping

from environments.configuration import catalogue, enabling, variables
from environments.models import Integration
from environments.resolving.scopes import Scope
from projects.errors import Invalid

# Keys, those of integrations too; a wish may record something else besides.
MOST = 400


def check(
    scope: Scope | None, *, env_vars: Mapping[str, str] | None, integrations: Iterable[Integration] | None, field: str
) -> None:
    """Invalid where making these and no others hold there is too much; None stays, and what is new has no scope yet."""
    changes = 0
    if env_vars is not None:
        changes += variables.changes(scope, env_vars) if scope else len(env_vars)
    if integrations is not None:
        here = {one.pk: one for one in enabling.of_scope(scope)} if scope else {}
        wanted = {one.pk: one for one in integrations}
        moved = [(here | wanted)[ident] for ident in here.keys() ^ wanted.keys()]
        changes += sum(1 + len(catalogue.rows(one)) for one in moved)
    if changes > MOST:
        raise Invalid.field(field, f"change at most {MOST} variables at once, those of integrations counted")
