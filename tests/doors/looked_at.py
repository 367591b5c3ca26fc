"""The addresses at which each page of the urlconf is looked at, by the page's name there."""

from collections.abc import Callable

from django.urls import reverse

from tests.doors.furnished import Furnished

Addresses = dict[str, Callable[[Furnished], list[str]]]

WORK: Addresses = {
    "board": lambda f: ["/", "/?q=nothing-of-that-name", "/?status=failed"],
    "chain": lambda f: ["/chain"],
    "chain-of-project": lambda f: [reverse("chain-of-project", args=[f.chain.id])],
    "chain-removal": lambda f: [reverse("chain-removal", args=[f.chain.id])],
    "plan-draft": lambda f: [plan(f, 0), plan(f, 2)],
    "environments": lambda f: ["/environments", "/environments?q=nothing"],
    "environment": lambda f: [reverse("environment", args=[place.id]) for place in (*f.places, *f.troubled)],
    "environment-new": lambda f: ["/environments/new"],
    "environment-settings": lambda f: [reverse("environment-settings", args=[f.places[0].id])],
    "environment-deletion": lambda f: [reverse("environment-deletion", args=[f.places[0].id])],
    "environment-holds": lambda f: [reverse("environment-holds", args=[f.places[0].id]) + f"?app={f.app.id}"],
    "run": lambda f: [reverse("run", args=[run.id]) for run in (f.moving, f.failed)],
    "projects": lambda f: ["/projects", "/projects?q=nothing"],
    "project": lambda f: [reverse("project", args=[f.app.project_id])],
    "project-new": lambda f: ["/projects/new"],
    "app": lambda f: [reverse("app", args=[f.app.id])],
    "app-new": lambda f: [reverse("app-new", args=[f.app.project_id])],
    "release": lambda f: [reverse("release", args=[f.release.id])],
    "release-comparison": lambda f: [compare(f, "1.0", "1.1"), compare(f, "1.1", "1.1")],
    "release-new": lambda f: [reverse("release-new", args=[f.app.id])],
}
AROUND: Addresses = {
    "runs": lambda f: ["/runs", "/runs?q=nothing"],
    "releases": lambda f: ["/releases", "/releases?q=nothing"],
    "endpoints": lambda f: ["/endpoints", "/endpoints?q=nothing"],
    "workers": lambda f: ["/workers", "/workers?q=nothing"],
    "activity": lambda f: ["/activity", "/activity?actor=nobody"],
    "search": lambda f: ["/search", "/search?q=l", "/search?q=nothing-of-that-name"],
    "environment-switcher": lambda f: ["/switcher"],
    "members": lambda f: ["/members"],
    "member": lambda f: [reverse("member", args=[f.member.id])],
    "member-deactivation": lambda f: [reverse("member-deactivation", args=[f.member.id])],
    "member-removal": lambda f: [reverse("member-removal", args=[f.member.id])],
    "member-invite": lambda f: ["/invitations/new"],
    "tokens": lambda f: ["/tokens"],
    "token-new": lambda f: ["/tokens/new"],
    "token-revocation": lambda f: [reverse("token-revocation", args=[f.token.id])],
    "account": lambda f: ["/account"],
}
# Looked at by those who are not signed in.
OUTSIDE = {"sign-in", "invitation-link", "password-link"}
# What answers a GET and is no page of its own, and why.
NO_PAGE = {
    "board-table": "a fragment of the board",
    "board-chips": "a fragment of the board",
    "board-row": "a fragment of the board",
    "board-column": "a fragment of the board",
    "chain-environment": "a fragment of the chain",
    "environment-part": "a fragment of the environment",
    "run-part": "a fragment of the run",
    "run-log": "a download",
    "activity-csv": "a download",
    "activity-json": "a download",
    "live": "a stream",
    "live-run-log": "a stream",
    "live-service-log": "a stream",
    "plans": "leads to the draft of a plan",
    "releases-chosen": "leads to the comparison",
}


def plan(f: Furnished, place: int) -> str:
    asked = f"app={f.app.id}&environment_id={f.places[place].id}&release={f.release.id}"
    return reverse("plan-draft") + f"?{asked}"


def compare(f: Furnished, first: str, second: str) -> str:
    return reverse("release-comparison", args=[f.app.id]) + f"?from={first}&to={second}"
