"""The search: a page of its own without JavaScript, the command palette with it."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from environments.overview import search as searching
from environments.views.choice import query
from projects.views.signed_in import Visit, is_fragment, signed_in


@require_safe
@signed_in
def search(request: Visit) -> HttpResponse:
    words = request.GET.get("q", "")
    context = {"words": words, "groups": searching.found(request.actor, words), "query": query(request)}
    return render(request, "search/_hits.html" if is_fragment(request) else "search/page.html", context)
