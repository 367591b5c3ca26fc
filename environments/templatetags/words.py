"""The tags that name who did something, say how long it has been going on, and show what a program wrote."""

from datetime import datetime

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from environments import drawing, statuses
from projects import narration
from projects.models import Event

register = template.Library()


@register.filter
def who(actor: str) -> SafeString:
    """`owner` for `user:owner`; the whole label, with what kind of actor it is, is the title."""
    kind, _, name = actor.partition(":")
    return format_html('<span title="{}">{}</span>', actor, name) if name else format_html("{}", kind)


@register.filter
def told(event: Event) -> str:
    """The sentence that an event is told by, for what is done about it."""
    return narration.sentence(event)


@register.filter
def settled(line: str) -> str:
    """A written line as a terminal leaves it: each carriage return goes back over what stood there before."""
    return next((words for words in reversed(line.split("\r")) if words.strip()), "")


@register.simple_tag
def elapsed(start: datetime | None, end: datetime | None = None) -> SafeString:
    """A `<time>` with a duration; one that has not ended goes on counting in the open page."""
    if start is None:
        return SafeString("")
    if end is None:
        return drawing.elapsed(start)
    return format_html("<time>{}</time>", statuses.duration(max(0.0, (end - start).total_seconds())))
