"""The tag that puts a live piece into its page together with the tag of its state, so that its first look is cheap."""

import re
from typing import Any

from django import template
from django.utils.safestring import SafeString, mark_safe

from environments.views.fragments import digest

register = template.Library()

_BEGINNING = re.compile(r"\s*<[a-z0-9]+")


@register.simple_tag(takes_context=True)
def piece(context: template.Context, name: str, **more: Any) -> SafeString:
    """`{% piece "run/_head.html" %}`: what `include` draws, with the ETag under which its own address answers it."""
    assert context.template is not None
    with context.push(**more):
        drawn = context.template.engine.get_template(name).render(context)
    begun = _BEGINNING.match(drawn)
    if begun is None:
        return drawn
    # Both halves were escaped when they were drawn.
    return mark_safe(f'{drawn[: begun.end()]} data-etag="{digest(drawn.encode())}"{drawn[begun.end() :]}')
