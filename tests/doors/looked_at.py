"""The addresses at which each page of the urlconf is looked at, by the page's name there."""

from collections.abc import Callable

from django.urls import reverse

from environments.models import Entry, IntegrationType
from tests.doors.furnished import Furnished

# The one with a prefix of one's own, and the one with the most fields.
TYPES = (IntegrationType.HTTP, IntegrationType.POSTGRESQL)
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
    "configuration-import": lambda f: ["/configuration/import", f"/configuration/import?edit=true&{moored(f)}"],
    "configuration-compare": lambda f: ["/configuration/compare", *compared(f)],
    "configuration-copy": lambda f: [copied(f, "GREETING"), copied(f, "DATABASE_PASSWORD")],
    "run": lambda f: [reverse("run", args=[run.id]) for run in (f.moving, f.failed, f.errand)],
    "projects": lambda f: ["/projects", "/projects?q=nothing"],
    "project": lambda f: [reverse("project", args=[f.app.project_id]) + query for query in ("", "?archived=true")],
    "project-new": lambda f: ["/projects/new"],
    "project-settings": lambda f: [reverse("project-settings", args=[f.app.project_id])],
    "project-deletion": lambda f: [reverse("project-deletion", args=[f.app.project_id])],
    "project-archival": lambda f: [reverse("project-archival", args=[f.app.project_id])],
    "teams": lambda f: ["/teams", "/teams?q=nothing"],
    "team": lambda f: [reverse("team", args=[team.id]) for team in f.teams],
    "team-new": lambda f: ["/teams/new"],
    "team-settings": lambda f: [reverse("team-settings", args=[f.teams[0].id])],
    "team-deletion": lambda f: [reverse("team-deletion", args=[f.teams[0].id])],
    "agents": lambda f: ["/agents", "/agents?q=nothing"],
    "agent": lambda f: [reverse("agent", args=[agent.id]) for agent in f.agents],
    "agent-new": lambda f: ["/agents/new"],
    "agent-settings": lambda f: [reverse("agent-settings", args=[f.agents[0].id])],
    "agent-deletion": lambda f: [reverse("agent-deletion", args=[f.agents[0].id])],
    "workflow": lambda f: [reverse("workflow", args=[one.id]) for one in (f.workflow, f.unused)],
    "workflow-new": lambda f: ["/workflows/new"],
    "project-workflow-new": lambda f: [reverse("project-workflow-new", args=[f.app.project_id])],
    "workflow-settings": lambda f: [reverse("workflow-settings", args=[f.workflow.id])],
    "workflow-archival": lambda f: [reverse("workflow-archival", args=[f.workflow.id])],
    "workflow-run": lambda f: [reverse("workflow-run", args=[f.workflow.id])],
    "agent-run": lambda f: [reverse("agent-run", args=[f.agents[0].id])],
    "app": lambda f: [reverse("app", args=[app.id]) for app in (f.app, f.archived)],
    "app-settings": lambda f: [reverse("app-settings", args=[f.app.id])],
    "app-archival": lambda f: [reverse("app-archival", args=[f.app.id])],
    "app-new": lambda f: [reverse("app-new", args=[f.app.project_id])],
    "release": lambda f: [reverse("release", args=[f.release.id])],
    "release-comparison": lambda f: [compare(f, "1.0", "1.1"), compare(f, "1.1", "1.1")],
    "release-new": lambda f: [reverse("release-new", args=[f.app.id])],
    "configuration": lambda f: [configured(f), configured(f, show="problems"), "/configuration", "/configuration?q=no"],
    "configuration-key": lambda f: [configured(f).replace("/configuration", "/configuration/explained/LOG_LEVEL")],
    "configuration-entry": lambda f: [entry(f, one) for one in f.entries] + [entry(f, f.entries[0]) + "?from=1&to=2"],
    "configuration-entry-edit": lambda f: [entry(f, one) + "/edit" for one in f.entries],
    "configuration-entry-deletion": lambda f: [entry(f, f.entries[0]) + "/deletion"],
    "configuration-version-restoration": lambda f: [entry(f, f.entries[0]) + "/versions/1/restoration"],
    "configuration-version-revocation": lambda f: [entry(f, f.entries[1]) + "/versions/1/revocation"],
    "configuration-version-destruction": lambda f: [entry(f, f.entries[1]) + "/versions/1/destruction"],
    "variable-new": lambda f: [reverse("variable-new") + f"?app={f.app.id}"],
    "secret-new": lambda f: [reverse("secret-new")],
}
AROUND: Addresses = {
    "runs": lambda f: ["/runs", "/runs?q=nothing"],
    "releases": lambda f: ["/releases", "/releases?q=nothing"],
    "endpoints": lambda f: ["/endpoints", "/endpoints?q=nothing"],
    "workflows": lambda f: ["/workflows", "/workflows?q=nothing", "/workflows?archived=yes"],
    "workers": lambda f: ["/workers", "/workers?q=nothing"],
    "activity": lambda f: ["/activity", "/activity?actor=nobody", "/activity?since=2020-01-31T12:00:00Z"],
    "search": lambda f: ["/search", "/search?q=l", "/search?q=0.", "/search?q=nothing-of-that-name"],
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
    "integrations": lambda f: ["/integrations", "/integrations?environment=development"],
    "integration": lambda f: [reverse("integration", args=[one.id]) for one in f.integrations[:2]],
    "integration-new": lambda f: ["/integrations/new", *(f"/integrations/new?type={one.value}" for one in TYPES)],
    "integration-settings": lambda f: [reverse("integration-settings", args=[f.integrations[0].id])],
    "integration-deletion": lambda f: [reverse("integration-deletion", args=[f.integrations[0].id])],
    "secret-stores": lambda f: ["/secret-stores"],
    "secret-store": lambda f: [reverse("secret-store", args=[f.store.id])],
    "secret-store-new": lambda f: ["/secret-stores/new"],
    "secret-store-settings": lambda f: [reverse("secret-store-settings", args=[f.store.id])],
    "secret-store-secret": lambda f: [reverse("secret-store-secret", args=[f.store.id])],
    "secret-store-deletion": lambda f: [reverse("secret-store-deletion", args=[f.store.id])],
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
    "configuration-export": "a download",
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


def configured(f: Furnished, *, show: str = "") -> str:
    return reverse("configuration") + f"?app={f.app.id}&show={show}&environment={f.places[0].name}"


def entry(f: Furnished, one: Entry) -> str:
    return reverse("configuration-entry", args=[one.id])


def compare(f: Furnished, first: str, second: str) -> str:
    return reverse("release-comparison", args=[f.app.id]) + f"?from={first}&to={second}"


def moored(f: Furnished) -> str:
    return f"holder=app:{f.app.id}&place={f.places[0].id}"


def compared(f: Furnished) -> list[str]:
    ids = ",".join(str(one.id) for one in (*f.places, *f.troubled[:3]))
    return [f"/configuration/compare?ids={ids}&holder=app:{f.app.id}", "/configuration/compare?q=nothing"]


def copied(f: Furnished, key: str) -> str:
    ids = f"from={f.places[0].id}&to={f.places[1].id}"
    return reverse("configuration-copy") + f"?key={key}&holder=app:{f.app.id}&{ids}"
