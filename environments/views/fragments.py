"""What fragments share: an ETag over what they show, so that an unchanged one costs no bytes, and telling refusals."""

import hashlib
import re
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import HttpResponse, HttpResponseNotModified

from environments.forms.form import sentence
from projects.errors import Refused, status
from projects.views.signed_in import Visit, is_fragment

P = ParamSpec("P")
# With these `templates/base.html` lets htmx put an answer in its place.
SWAPPED = {400, 409, 412, 422}
# A form's token is masked anew each time it is drawn, and says nothing of what the fragment shows.
_MASKED = re.compile(rb'name="csrfmiddlewaretoken" value="[^"]*"')


def digest(drawn: bytes) -> str:
    """The state that a drawn fragment shows: the same for the same look, whether in its page or alone."""
    return hashlib.blake2b(_MASKED.sub(b"", drawn.strip()), digest_size=16).hexdigest()


def conditional(
    view: Callable[Concatenate[Visit, P], HttpResponse],
) -> Callable[Concatenate[Visit, P], HttpResponse]:
    """Answer 304 to a live update whose fragment did not change."""

    @wraps(view)
    def answered(request: Visit, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        response = view(request, *args, **kwargs)
        if response.status_code != 200 or "Towpath-Live" not in request.headers:
            return response
        etag = f'"{digest(response.content)}"'
        if request.headers.get("If-None-Match") == etag:
            return HttpResponseNotModified(headers={"ETag": etag})
        response["ETag"] = etag
        return response

    return answered


def told_in_place(request: Visit, refusal: Refused) -> tuple[str, int]:
    """Sentence and status for a fragment that tells the refusal itself; raised again where its place is a page."""
    number = status(refusal)
    if not is_fragment(request) or number not in SWAPPED:
        raise refusal
    return sentence(refusal), number
