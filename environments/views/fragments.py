"""What fragments share: an ETag over what they show, so that an unchanged one costs no bytes."""

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import HttpResponse, HttpResponseNotModified

from projects.views.signed_in import Visit

P = ParamSpec("P")


def conditional(
    view: Callable[Concatenate[Visit, P], HttpResponse],
) -> Callable[Concatenate[Visit, P], HttpResponse]:
    """Answer 304 to a live update whose fragment did not change."""

    @wraps(view)
    def answered(request: Visit, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        response = view(request, *args, **kwargs)
        if response.status_code != 200 or "Towpath-Live" not in request.headers:
            return response
        etag = f'"{hashlib.blake2b(response.content, digest_size=16).hexdigest()}"'
        if request.headers.get("If-None-Match") == etag:
            return HttpResponseNotModified(headers={"ETag": etag})
        response["ETag"] = etag
        return response

    return answered
