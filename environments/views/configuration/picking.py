"""Where a new key is to be set: every scope with whether the actor may set values there, and why not."""

from dataclasses import dataclass
from typing import Any

from django.db.models.functions import Lower

from environments import seen
from environments.configuration import rights
from environments.forms import configuration as forms
from environments.models import Environment
from environments.overview import configuration as choosing
from environments.overview.lists.listing import Option
from environments.resolving.scopes import HOLDERS, Scope
from projects.access import Actor
from projects.errors import NotAllowed, NotFound

MOST = 200
TOLD = 5
GROUPS = (("project", "Projects"), ("app", "Apps"), ("team", "Teams"), ("agent", "Agents"))


@dataclass(frozen=True)
class Place:
    """One option of the environment; `why` says why it is not to be had."""

    value: str
    word: str
    why: str = ""


@dataclass(frozen=True)
class Picker:
    """`places` may be chosen, `refused` may not; `chosen` is the place that stands in the form."""

    holder: str
    named: str
    places: list[Place]
    refused: list[Place]
    more: bool
    chosen: str

    @property
    def told(self) -> list[Place]:
        return self.refused[:TOLD]


def picker(by: Actor, *, holder: str, place: str) -> Picker:
    """For one holder; the statements do not grow with the environments. NotFound for a holder that `by` sees not."""
    held = forms.scope(by, holder, "")
    rows = list(seen.environments(by).order_by("-priority", Lower("name"), "id")[: MOST + 1])
    shown = rows[:MOST]
    chosen = _chosen(by, place, shown)
    if chosen and chosen not in shown:
        shown.insert(0, chosen)
    known = rights.reach(shown, by=by)
    places, refused = [], []
    for environment in (None, *shown):
        scope = Scope(**{name: getattr(held, name) for name in HOLDERS}, environment=environment)
        word = environment.title if environment else "Every environment"
        try:
            rights.check_write(scope, by=by, known=known)
        except NotAllowed as why:
            refused.append(Place("", word, why.detail))
        except NotFound:
            continue  # the two together are not theirs to see
        else:
            places.append(Place(str(environment.pk) if environment else "", word))
    value = str(chosen.pk) if chosen else ""
    if value not in {one.value for one in places}:
        value = places[0].value if places else ""
    return Picker(holder, str(held), places, refused, len(rows) > MOST, value)


def _chosen(by: Actor, place: str, shown: list[Environment]) -> Environment | None:
    """The one that is asked for, by id or name; what there is not is not chosen."""
    if not place:
        return None
    found = next((one for one in shown if place in (str(one.pk), one.name)), None)
    return found or seen.environments(by).filter(name__iexact=place).first()


def holders(by: Actor, chosen: str) -> list[tuple[str, list[Option]]]:
    """What values may be set for, in groups; of very many the first, and the chosen one."""
    name, _, ident = chosen.partition(":")
    held = {name: choosing.holder(by, name, ident)} if chosen else {}
    groups: list[tuple[str, list[Option]]] = [("", [Option("", f"{by.organization.name}: everything")])]
    known: dict[str, Any] = choosing.known(by)
    for kind, word in GROUPS:
        options = [Option(f"{kind}:{pk}", told) for pk, told in known[kind]]
        if kind == name and chosen not in {one.value for one in options}:
            options.append(Option(chosen, held[name].name))
        if options:
            groups.append((word, options))
    return groups
