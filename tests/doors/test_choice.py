"""The environment chosen in the header: it filters every page, stays in the address, and agrees with the page."""

import re
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from environments.configuration import secrets, variables
from environments.models import Environment, Run
from environments.resolving.scopes import Scope
from projects import access
from projects.credentials import Secret
from projects.models import App, User
from tests.doors.visiting import HTMX, LIVE, html, signed_in
from tests.environments.house import House

pytestmark = pytest.mark.django_db


@pytest.fixture
def staging(house: House) -> Environment:
    house.environment("development", display_name="Development")
    found = house.environment("staging", display_name="Staging")
    house.chain("development", "staging")
    return found


@pytest.fixture
def app(house: House, staging: Environment) -> App:
    made = house.app("shop")
    for version in ("1.0", "1.1"):
        house.live(house.release(made, version), staging)
    return made


@pytest.fixture
def client(house: House) -> Client:
    return signed_in(house.owner)


def switcher(shown: str) -> str:
    found = re.search(r'popovertarget="env-menu">(.*?)</button>', shown, re.S)
    assert found
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[1])).strip()


def bare(shown: str) -> set[str]:
    """Addresses of ours that a click, a form or a live update leads to without the choice."""
    own = re.sub(r'(?s)<div class="menu" id="env-menu".*?</header>', "", shown)
    found = re.findall(r'\s(?:href|data-src|hx-get|hx-post|action)="([/?][^"]*)"', own)
    apart = re.compile(r"/(static|theme|sign-out|organization-choice)\b")
    fields = {at for form in re.findall(r'<form[^>]*method="get"[^>]*>', own) for at in re.findall(r'"(/[^"]*)"', form)}
    return {at for at in found if not apart.match(at) and at not in fields and "environment=" not in at}


def test_no_link_of_any_page_loses_the_choice(client: Client, app: App, staging: Environment) -> None:
    by = access.of_user(User.objects.get(pk=client.session["_auth_user_id"]), staging.organization)
    level = variables.create(Scope(), by=by, key="LEVEL", value="1")
    variables.create(Scope(environment=staging), by=by, key="LEVEL", value="2")
    variables.create(Scope(), by=by, key="LOST", value="{{NOWHERE}}")
    secrets.create(Scope(environment=staging), by=by, key="TOKEN", value=Secret("x"))
    release, run = app.releases.latest("serial"), Run.objects.filter(app=app).latest("number")
    pages = {
        "board": [],
        "environments": [],
        "environment": [staging.id],
        "environment-settings": [staging.id],
        "environment-deletion": [staging.id],
        "chain": [],
        "projects": [],
        "project-new": [],
        "project": [app.project_id],
        "app-new": [app.project_id],
        "project-settings": [app.project_id],
        "project-deletion": [app.project_id],
        "app": [app.id],
        "app-settings": [app.id],
        "release-new": [app.id],
        "release": [release.id],
        "run": [run.id],
        "configuration": [],
        "configuration-key": ["LEVEL"],
        "configuration-entry": [level.id],
        "configuration-entry-edit": [level.id],
        "configuration-entry-deletion": [level.id],
        "variable-new": [],
        "secret-new": [],
    }
    addresses = [reverse(name, args=args) + "?environment=staging" for name, args in pages.items()]
    addresses += [
        f"{reverse('run', args=[run.id])}?attempt=1&q=none&environment=staging",
        f"{reverse('environment-holds', args=[staging.id])}?app={app.id}&environment=staging",
        f"{reverse('configuration')}?view=set&q=LEVEL&app={app.id}&environment=staging",
        f"{reverse('configuration')}?view=set&show=deleted&environment=staging",
        f"{reverse('plan-draft')}?app={app.id}&environment_id={staging.id}&environment=staging",
    ]
    # Also where the last page's choice is gone on with, and the address does not say so.
    for address in [*addresses, *(reverse(name, args=args) for name, args in pages.items())]:
        assert bare(html(client, address)) == set(), address


def test_what_is_done_leads_on_under_the_choice_of_its_own_page(client: Client, app: App, staging: Environment) -> None:
    """Another tab may have chosen something else since, and the cookie is one for both."""
    run = Run.objects.filter(app=app).latest("number")
    Run.objects.filter(pk=run.pk).update(phase="failed")
    html(client, reverse("board") + "?environment=development")

    done = client.post(reverse("run-retry", args=[run.id]) + "?environment=staging")

    assert done["Location"] == f"/runs/{run.id}?environment=staging"


def test_on_an_environments_page_the_switcher_names_that_one(client: Client, app: App, staging: Environment) -> None:
    page = reverse("environment", args=[staging.id])

    unfiltered, filtered = html(client, page), html(client, page + "?environment=development")

    assert switcher(unfiltered) == switcher(filtered) == "Environment: Staging"
    assert '<a href="/projects">' in unfiltered, "nothing was filtered, and nothing is"
    assert '<a href="/projects?environment=staging">' in filtered
    assert "environment=development" not in filtered[filtered.index("<main") :]
    piece = html(client, page + "/releases?environment=staging", headers=LIVE)
    assert "environment=development" not in piece
    assert '<a href="/environments?environment=">' in re.sub(r' aria-current="true"', "", filtered)


def test_a_page_that_is_open_keeps_its_view_when_another_chooses_an_environment(
    client: Client, app: App, staging: Environment
) -> None:
    shown = html(client, "/?environment=")
    row = re.search(r'<tr id="a-[^>]*data-src="([^"]*)"', shown)
    assert row
    html(client, "/?environment=staging")

    assert 'data-env="Development"' in html(client, unescape(row[1]), headers=LIVE)
    assert 'data-env="Development"' in html(client, "/", headers=HTMX)
    assert 'data-env="Development"' not in html(client, "/"), "a page that is opened goes on with the last choice"


def test_what_is_gone_filters_nothing_any_more(client: Client, house: House) -> None:
    review = house.environment("review")

    gone = client.post(
        reverse("environment-deletion", args=[review.id]) + "?environment=review", {"confirm": "review"}, follow=True
    )

    assert gone.status_code == 200 and gone.request["PATH_INFO"] == "/environments"
    assert switcher(gone.content.decode()) == "Environment: All environments"


def test_enter_chooses_what_is_meant(client: Client, house: House, staging: Environment) -> None:
    def entered(find: str) -> str:
        return client.get(f"/switcher?find={find}&back=/chain").headers.get("Location", "")

    assert entered("stag") == entered("STAGING") == "/chain?environment=staging"
    assert entered("t") == "", "two of them have a t"
    house.environment("stag")
    assert entered("Stag") == "/chain?environment=stag"
