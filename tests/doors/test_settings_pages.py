"""The settings of an app and of a project: a form for those who manage it, and nothing newer is overwritten."""

import re
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from environments import lifecycle as environments
from environments.models import Environment
from projects import apps, lifecycle
from projects.models import App, Event, Project
from tests.doors.visiting import beside, html, signed_in, text
from tests.environments.house import House
from tests.environments.house import house as new_house

pytestmark = pytest.mark.django_db


@pytest.fixture
def house() -> House:
    return new_house()


@pytest.fixture
def app(house: House) -> App:
    return house.app("ferry", project=house.project("HARBOUR"))


@pytest.fixture
def client(house: House) -> Client:
    return signed_in(house.owner)


def page(thing: App | Project) -> str:
    return reverse(type(thing).__name__.lower(), args=[thing.id])


def settings(thing: App | Project) -> str:
    return reverse(f"{type(thing).__name__.lower()}-settings", args=[thing.id])


def filled(client: Client, address: str) -> dict[str, str]:
    """What a browser would send of the form that it is shown: lines end with CR LF."""
    shown = html(client, address).partition("<main")[2]
    given = {}
    for tag in re.findall(r"<input[^>]*>", shown):
        name = re.search(r'name="(\w+)"', tag)
        if name and name[1] not in {"csrfmiddlewaretoken", "reason", "link"}:
            given[name[1]] = unescape((re.search(r'value="([^"]*)"', tag) or ["", ""])[1])
    for name, options in re.findall(r'<select name="(\w+)"[^>]*>(.*?)</select>', shown, re.DOTALL):
        given[name] = (re.search(r'value="([^"]*)" selected', options) or ["", ""])[1]
    for name, content in re.findall(r'<textarea name="(\w+)"[^>]*>\r?\n?(.*?)</textarea>', shown, re.DOTALL):
        given[name] = re.sub(r"\r\n|\r|\n", "\r\n", unescape(content))
    return given


def test_an_app_is_renamed_and_described_by_a_form(client: Client, app: App) -> None:
    assert settings(app) in html(client, page(app))
    given = filled(client, settings(app))
    assert given["name"] == "ferry"
    changed = {"name": "Tug", "description": "pulls", "repository_url": "https://git.example.org/tug"}

    answer = client.post(settings(app), given | changed | {"reason": "it pulls", "link": "https://t.example.org/1"})

    assert answer["Location"] == page(app)
    shown = html(client, page(app))
    assert "<h1" in shown and "Tug" in text(shown) and "pulls" in text(shown) and "git.example.org/tug" in text(shown)
    event = Event.objects.get(kind="app.updated")
    assert (event.data["reason"], event.data["link"]) == ("it pulls", "https://t.example.org/1")


def test_a_project_is_renamed_and_bound_to_one_environment_by_a_form(client: Client, house: House, app: App) -> None:
    lagoon, project = house.environment("lagoon"), app.project
    assert settings(project) in html(client, page(project))
    assert '<option value="lagoon">' in html(client, settings(project))

    given = filled(client, settings(project)) | {"name": "Pier", "restrict_to_environment": "LAGOON"}
    assert "key" not in given
    assert client.post(settings(project), given)["Location"] == page(project)

    assert "Deploys only to lagoon" in text(html(client, page(project)))
    project.refresh_from_db()
    assert (project.name, project.restrict_to_environment_id) == ("Pier", lagoon.pk)
    client.post(settings(project), filled(client, settings(project)) | {"restrict_to_environment": ""})
    project.refresh_from_db()
    assert (project.name, project.restrict_to_environment_id) == ("Pier", None)


def test_a_new_project_may_be_bound_to_one_environment_too(client: Client, house: House) -> None:
    lagoon = house.environment("lagoon")
    given = {"name": "Pier", "key": "PIER", "restrict_to_environment": "nothing"}
    answer = client.post(reverse("project-new"), given)
    assert answer.status_code == 422
    assert "There is no environment nothing here." in beside(answer.content.decode(), "restrict_to_environment")
    client.post(reverse("project-new"), given | {"restrict_to_environment": "lagoon"})
    assert Project.objects.get(key="PIER").restrict_to_environment_id == lagoon.pk


def test_saving_what_was_not_touched_changes_nothing(client: Client, house: House, app: App) -> None:
    odd = " first\r\nsecond\n"
    apps.update(app, by=house.owner, description=odd)
    lagoon = house.environment("lagoon")
    lifecycle.update(app.project, by=house.owner, description=odd, restrict_to_environment_id=lagoon.pk)
    environments.delete(lagoon, by=house.owner)
    before = Event.objects.count()

    for thing in (app, app.project):
        assert client.post(settings(thing), filled(client, settings(thing))).status_code == 302

    assert Event.objects.count() == before
    app.project.refresh_from_db()
    assert app.project.restrict_to_environment_id == lagoon.pk, "an environment that is gone stays until it is replaced"


def test_an_environment_that_one_does_not_see_is_not_named_and_stays_until_it_is_replaced(
    house: House, app: App
) -> None:
    theirs = house.environment("theirs", project_id=house.project("OTHER").id)
    lifecycle.update(app.project, by=house.owner, restrict_to_environment_id=theirs.pk)
    client = signed_in(house.person("admin", project=app.project))
    shown = html(client, settings(app.project))
    assert f'value="{theirs.pk}"' in shown and "theirs" not in shown

    given = filled(client, settings(app.project)) | {"name": "Pier"}
    assert client.post(settings(app.project), given).status_code == 302
    assert Project.objects.get(pk=app.project_id).restrict_to_environment_id == theirs.pk

    given = filled(client, settings(app.project)) | {"restrict_to_environment": "theirs"}
    assert client.post(settings(app.project), given).status_code == 422


def test_what_is_wrong_is_said_beside_its_field_and_what_was_typed_stays(
    client: Client, house: House, app: App
) -> None:
    house.app("tug", project=app.project)
    for thing, changed, status, field, sentence in (
        (app, {"name": ""}, 422, "name", "This field is required."),
        (app, {"name": "a/b"}, 422, "name", "1 to 100 letters"),
        (app, {"name": "TUG"}, 409, "name", "HARBOUR has an app of this name already"),
        (app, {"repository_url": "javascript:x"}, 422, "repository_url", "must begin with https://"),
        (app, {"repository_url": "https://me:word@x"}, 422, "repository_url", "must not carry a password"),
        (app.project, {"name": " "}, 422, "name", "This field is required."),
        (app.project, {"restrict_to_environment": "nowhere"}, 422, "restrict_to_environment", "no environment nowhere"),
    ):
        given = filled(client, settings(thing)) | {"description": "typed", "reason": "because"} | changed
        answer = client.post(settings(thing), given)
        shown = answer.content.decode()
        assert (answer.status_code, sentence in beside(shown, field)) == (status, True), (changed, text(shown))
        assert "typed</textarea>" in shown and 'value="because"' in shown
        assert f"Settings of {thing.name}" in text(shown)
    assert not Event.objects.filter(kind__in=("app.updated", "project.updated")).exists()


def test_what_somebody_changed_meanwhile_is_not_overwritten_and_nothing_typed_is_lost(
    client: Client, house: House, app: App
) -> None:
    for thing, update in ((app, apps.update), (app.project, lifecycle.update)):
        typed = filled(client, settings(thing)) | {"name": "Mine"}
        update(thing, by=house.owner, description="theirs")

        answer = client.post(settings(thing), typed)

        shown = answer.content.decode()
        assert answer.status_code == 409
        assert f"Somebody changed the settings of {thing.name} meanwhile" in shown
        assert "It differs from what is saved in: Name, Description." in shown and 'value="Mine"' in shown
        now = type(thing).objects.get(pk=thing.pk)
        assert (now.name, now.description) == (thing.name, "theirs")
        seen = re.search(r'name="version" value="(\w+)"', shown)
        assert seen
        assert client.post(settings(thing), typed | {"version": seen[1]}).status_code == 302
        now.refresh_from_db()
        assert (now.name, now.description) == ("Mine", "")


def test_what_was_saved_is_undone_by_a_click(client: Client, app: App) -> None:
    for thing in (app, app.project):
        was, given = thing.name, filled(client, settings(thing)) | {"name": "Other"}
        saved = html(client, client.post(settings(thing), given)["Location"])
        offered = re.search(r'(?s)class="toast[^>]*>.*?action="(/events/\d+/undoing)', saved)
        assert offered

        undone = client.post(offered[1])

        assert undone["Location"] == page(thing)
        thing.refresh_from_db()
        assert thing.name == was


def test_settings_are_for_those_who_manage_the_project_also_of_an_archived_app(house: House, app: App) -> None:
    other = house.person("admin", project=house.project("OTHER"), environment=house.environment("elsewhere"))
    own = signed_in(house.person("admin", project=app.project))
    for thing in (app, app.project):
        for role in ("viewer", "operator"):
            person = signed_in(house.person(role))
            assert settings(thing) not in html(person, page(thing))
            assert person.get(settings(thing)).status_code == 403
            assert person.post(settings(thing), {"name": "x"}).status_code == 403
        assert signed_in(other).get(settings(thing)).status_code == 404
        assert signed_in(new_house().owner).post(settings(thing), {"name": "x"}).status_code == 404
        assert settings(thing) in html(own, page(thing))
    apps.archive(app, by=house.owner)
    assert settings(app) in html(own, page(app))
    assert own.post(settings(app), filled(own, settings(app)) | {"description": "gone"}).status_code == 302
    app.refresh_from_db()
    assert app.description == "gone"


def test_a_project_is_deleted_from_its_page_with_apps_that_were_never_used(client: Client, app: App) -> None:
    project = app.project
    address = reverse("project-deletion", args=[project.id])
    assert address in html(client, page(project)) and "cannot be undone" in html(client, address)
    refused = client.post(address)
    assert refused.status_code == 409 and "still has apps in use; archive them first" in text(refused.content.decode())
    html(client, client.post(reverse("app-archival", args=[app.id]))["Location"])

    gone = client.post(address, {"reason": "a trial"})

    assert gone["Location"] == reverse("projects")
    shown = html(client, gone["Location"])
    assert f"{project.name} is deleted." in shown and "/undoing" not in shown
    assert Event.objects.get(kind="project.deleted").data["reason"] == "a trial"
    assert client.get(page(project)).status_code == client.get(page(app)).status_code == 404


def test_a_project_that_has_a_history_is_kept_and_the_refusal_says_which(client: Client, house: House) -> None:
    def refusal(project: Project) -> str:
        answer = client.post(reverse("project-deletion", args=[project.id]))
        assert answer.status_code == 409
        return text(answer.content.decode())

    lagoon, (released, placed, chained) = house.environment("lagoon"), map(house.project, ("ONE", "TWO", "THREE"))
    house.live(house.release(house.app("ferry", project=released), "1"), lagoon)
    own = house.environment("own", project_id=placed.id)
    house.chain("lagoon", project=chained)

    assert "What was released in ONE is kept for good" in refusal(released)
    assert "TWO has or had environments of its own. Their history is kept for good" in refusal(placed)
    assert "THREE has a promotion chain of its own; delete it first." in refusal(chained)
    Environment.objects.filter(pk=own.pk).update(deleted_at=timezone.now(), terminated_at=timezone.now())
    assert "Their history is kept for good" in refusal(placed)
    default = lifecycle.default(by=house.owner)
    assert "The default project cannot be deleted." in refusal(default)
    assert reverse("project-deletion", args=[default.id]) not in html(client, page(default))
