"""The tags that draw a status, an icon, an environment's mark and a time, the same everywhere."""

from datetime import datetime

from django import template
from django.utils import dateformat
from django.utils.safestring import SafeString

from environments import drawing, statuses

register = template.Library()


@register.simple_tag
def status(name: str, word: str = "") -> SafeString:
    """`{% status environment.state %}`: shape, word and tone."""
    return drawing.drawn(statuses.status_of(name), word)


@register.simple_tag
def phase(name: str, word: str = "") -> SafeString:
    """`{% phase run.phase %}`: the same for runs and steps."""
    return drawing.drawn(statuses.phase_of(name), word)


@register.simple_tag
def glyph(name: str, still: bool = False) -> SafeString:
    """The shape alone, where the word stands beside it."""
    return drawing.shape(statuses.status_of(name), still=still)


@register.simple_tag
def phase_glyph(name: str) -> SafeString:
    return drawing.shape(statuses.phase_of(name), still=False)


@register.filter
def tone(name: str) -> str:
    """The class of a status' tone: `{{ service.state|tone }}`."""
    return statuses.status_of(name).css


@register.filter
def phase_tone(name: str) -> str:
    return statuses.phase_of(name).css


@register.filter
def message_tone(level: str) -> str:
    """The tone of one of Django's messages, whose levels share words with an environment's states."""
    return statuses.message_of(level).css


@register.simple_tag
def message_glyph(level: str) -> SafeString:
    return drawing.shape(statuses.message_of(level), still=True)


@register.simple_tag
def icon(name: str) -> SafeString:
    return drawing.icon(name)


@register.simple_tag
def level(place: int | None) -> SafeString:
    """An environment's place in its chain, one to four bars; outside a chain an empty ladder."""
    return drawing.level(place)


@register.simple_tag
def ago(moment: datetime | None) -> SafeString:
    """`<time>` that says how long ago, and the exact moment as its title."""
    return drawing.ago(moment)


@register.filter
def moment(at: datetime | None, form: str) -> SafeString:
    """`{{ token.expires_at|moment:'j M Y' }}`: in that form, with the exact moment as its title."""
    return drawing.dated(at, dateformat.format(at, form) if at else "")
