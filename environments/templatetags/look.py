"""The tags that draw a status, an icon, an environment's mark and a time, the same everywhere."""

from datetime import datetime
from functools import lru_cache

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from environments import statuses

register = template.Library()


@lru_cache(maxsize=512)
def drawn(look: statuses.Status, word: str) -> SafeString:
    return format_html('<span class="status {}">{}{}</span>', look.css, shape(look, still=False), word or look.word)


@lru_cache(maxsize=512)
def shape(look: statuses.Status, *, still: bool) -> SafeString:
    return format_html(
        '<svg class="g{}" viewBox="0 0 16 16" aria-hidden="true"><use href="#s-{}"/></svg>',
        " spin" if look.spins and not still else "",
        look.shape,
    )


@register.simple_tag
def status(name: str, word: str = "") -> SafeString:
    """`{% status environment.state %}`: shape, word and tone."""
    return drawn(statuses.status_of(name), word)


@register.simple_tag
def phase(name: str, word: str = "") -> SafeString:
    """`{% phase run.phase %}`: the same for runs and steps."""
    return drawn(statuses.phase_of(name), word)


@register.simple_tag
def glyph(name: str, still: bool = False) -> SafeString:
    """The shape alone, where the word stands beside it."""
    return shape(statuses.status_of(name), still=still)


@register.simple_tag
def phase_glyph(name: str) -> SafeString:
    return shape(statuses.phase_of(name), still=False)


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
    return shape(statuses.message_of(level), still=True)


@register.simple_tag
@lru_cache(maxsize=128)
def icon(name: str) -> SafeString:
    return format_html('<svg class="i" viewBox="0 0 16 16" aria-hidden="true"><use href="#i-{}"/></svg>', name)


LEVELS = [
    format_html(
        '<svg class="lvl" viewBox="0 0 16 16" aria-hidden="true">{}</svg>',
        SafeString(
            "".join(
                f"<rect{' class=' + chr(34) + 'on' + chr(34) if bar < level else ''}"
                f' x="{1 + bar * 3.75}" y="{11 - bar * 3}" width="2.75" height="{4 + bar * 3}" rx=".75"/>'
                for bar in range(4)
            )
        ),
    )
    for level in range(5)
]


@register.simple_tag
def level(place: int | None) -> SafeString:
    """An environment's place in its chain, one to four bars; outside a chain an empty ladder."""
    return LEVELS[min(max(place or 0, 0), 4)]


@register.simple_tag
def ago(moment: datetime | None) -> SafeString:
    """`<time>` with a short age and the exact moment as its title."""
    if moment is None:
        return SafeString("")
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.isoformat(timespec="seconds"),
        moment.strftime("%d %b %Y %H:%M:%S UTC"),
        statuses.age((timezone.now() - moment).total_seconds()),
    )


@register.simple_tag
def lasted(start: datetime | None, end: datetime | None = None) -> str:
    """How long something took, or has been taking until now."""
    return statuses.duration(((end or timezone.now()) - start).total_seconds()) if start else ""
