"""Addresses that a request brings along, taken only where they lead to a page of ours."""

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme


def ours(request: HttpRequest, address: str | None) -> str:
    """The address, or nothing where it leads elsewhere."""
    allowed = url_has_allowed_host_and_scheme(address, {request.get_host()}, request.is_secure())
    return address if address and allowed else ""


def came_from(request: HttpRequest) -> str:
    """The page of ours that one came from, if any."""
    return ours(request, request.headers.get("Referer"))
