"""The form in a plan's sheet that sets what the release lacks there, without leaving the sheet."""

from django.http import HttpResponse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from environments.configuration import rights, setting
from environments.planning import pinning
from environments.views import plans
from environments.views.plan_lacks import FIELD, every
from environments.views.plan_wish import Wish, wish_of
from projects import events
from projects.errors import Conflict, Invalid, NotAllowed, status
from projects.views.signed_in import Visit, signed_in


@require_POST
@sensitive_post_parameters()
@signed_in
def save(request: Visit) -> HttpResponse:
    wish = wish_of(request, request.POST)
    try:
        _put(request, wish)
    except (Conflict, Invalid, NotAllowed) as refusal:
        return plans.looked_at(request, wish, refusal=refusal, code=status(refusal))
    return plans.looked_at(request, wish)


@events.operation
def _put(request: Visit, wish: Wish) -> None:
    """Every value that was given, or none of them."""
    by = request.actor.because(wish.reason, wish.link)
    scope = every(wish.app, wish.environment).get(request.POST.get("scope", ""))
    if scope is None:
        raise Invalid.field("scope", "Choose where the values are to hold.")
    rights.check_write(scope, by=by)
    wanted = pinning.required(wish.release)
    given = {
        name.removeprefix(FIELD): str(value) for name, value in request.POST.items() if name.startswith(FIELD) and value
    }
    if not given:
        raise Invalid.field("value", "Give at least one value.")
    for key, value in given.items():
        asked = wanted.get(key, {"kind": request.POST.get(f"kind:{key}", "variable"), "type": "text"})
        setting.put(scope, by=by, key=key, kind=asked["kind"], value=value, type=asked["type"])
