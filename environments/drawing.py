"""How a status, an icon, a place in a chain and an age are drawn: HTML made once, the same in tags and in rows."""

from datetime import UTC, datetime
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
    """`<time>` that says how long ago, with the exact moment as its title."""
    if moment is None:
        return SafeString("")
    age = statuses.ago((timezone.now() - moment).total_seconds())
    return format_html('<time datetime="{}" title="{}">{}</time>', *stamp(int(moment.timestamp())), age)


def elapsed(start: datetime) -> SafeString:
    """`<time>` that says how long it has been going on, and goes on counting in the open page."""
    seconds = max(0.0, (timezone.now() - start).total_seconds())
    at, exact = stamp(int(start.timestamp()))
    drawn = '<time data-elapsed="{}" datetime="{}" title="{}">{}</time>'
    return format_html(drawn, f"{seconds:.1f}", at, exact, statuses.duration(seconds))


def dated(moment: datetime | None, words: str) -> SafeString:
    """`<time>` that says the moment in words of its own, a day of the calendar say."""
    if moment is None:
        return SafeString("")
    return format_html('<time datetime="{}" title="{}">{}</time>', *stamp(int(moment.timestamp())), words)


@lru_cache(maxsize=16_384)
def stamp(second: int) -> tuple[str, str]:
    """A moment, given in seconds since the epoch, as machines read it, and exactly and with its zone for people."""
    moment = datetime.fromtimestamp(second, UTC)
    return moment.isoformat(), f"{moment:%d %b %Y %H:%M:%S} UTC"


def away(address: str) -> SafeString:
    """A link to a page of somebody else's, shortened to what tells it from others."""
    if not address:
        return SafeString("")
    words = address.partition("://")[2].rstrip("/")
    short = words if len(words) <= 40 else f"{words[:18]}…{words[-20:]}"
    return format_html('<a class="link" href="{}" rel="noopener noreferrer" title="{}">{}</a>', address, address, short)
