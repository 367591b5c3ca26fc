"""The pages that say what went wrong, in the style of the rest."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template import loader

from projects.views.addresses import came_from


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    heading = "This form is no longer valid"
    sentence = "It was opened too long ago, or under another sign-in. Nothing was changed. Open the page again."
    if getattr(request, "htmx", False):
        told = {"sentence": f"{heading}. {sentence}"}
        return render(request, "errors/refused_part.html", told, status=403)
    shown = {
        "kind": "Error 403",
        "heading": heading,
        "sentence": sentence,
        "again": request.path if request.method == "GET" else came_from(request),
    }
    return render(request, "errors/page.html", shown, status=403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return render(request, "404.html", status=404)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return render(request, "403.html", status=403)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return render(request, "400.html", status=400)


def server_error(request: HttpRequest) -> HttpResponse:
    """Drawn without the request: whatever failed may fail again."""
    return HttpResponse(loader.render_to_string("500.html"), status=500)
