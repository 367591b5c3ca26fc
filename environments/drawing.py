"""How a status, an icon, a place in a chain and an age are drawn: HTML made once, the same in tags and in rows."""

from datetime import datetime
from functools import lru_cache

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from environments import statuses


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


def level(place: int | None) -> SafeString:
    """An environment's place in its chain, one to four bars; outside a chain an empty ladder."""
    return LEVELS[min(max(place or 0, 0), 4)]


def status(name: str, word: str = "") -> SafeString:
    return drawn(statuses.status_of(name), word)


def ago(moment: datetime | None) -> SafeString:
    """`<time>` that says how long ago, with the exact moment as its title; all of it is ours, nothing to escape."""
    if moment is None:
        return SafeString("")
    age = statuses.ago((timezone.now() - moment).total_seconds())
    exact = f"{moment:%d %b %Y %H:%M:%S} UTC"
    return SafeString(f'<time datetime="{moment.isoformat(timespec="seconds")}" title="{exact}">{age}</time>')


def away(address: str) -> SafeString:
    """A link to a page of somebody else's, shortened to what tells it from others."""
    if not address:
        return SafeString("")
    words = address.partition("://")[2].rstrip("/")
    short = words if len(words) <= 40 else f"{words[:18]}…{words[-20:]}"
    return format_html('<a class="link" href="{}" rel="noopener noreferrer" title="{}">{}</a>', address, address, short)
