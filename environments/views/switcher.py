"""The environments to choose from in the header, searched."""

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_safe

from environments.views.choice import chosen_environment
from environments.views.shell import switcher
from projects.views.signed_in import Visit, is_fragment, signed_in


@require_safe
@signed_in
def options(request: Visit) -> HttpResponse:
    """A fragment for the menu; without script a page of its own with the same links."""
    find = request.GET.get("find", "").strip()
    given = request.GET.get("back", "")
    back = given if url_has_allowed_host_and_scheme(given, {request.get_host()}) else "/"
    found = switcher(request, back, chosen=chosen_environment(request), find=find)
    if find and not is_fragment(request) and (only := found.meant(find)):
        return HttpResponseRedirect(only.url)
    shown = {"switcher": found, "find": find, "back": back}
    return render(request, "_switcher.html" if is_fragment(request) else "switcher.html", shown)
