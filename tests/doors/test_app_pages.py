"""The pages of projects, apps and releases: what they say to whom, and the forms that make them."""

import io
import re
import tarfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from environments import lifecycle as environments
from environments.models import Environment, Run, Slot
from environments.overview import manifest_text
from projects import apps, lifecycle, manifests
from projects.models import App, Artifact, Project, Release
from tests.doors.visiting import HTMX, LIVE, actions, beside, html, signed_in, statements, text
from tests.environments import house as houses
from tests.environments.house import MANIFEST, House
from tests.environments.line import Line, line
from tests.shared import built_once, fresh

pytestmark = pytest.mark.django_db
NEW = {"version": "9.0", "manifest": MANIFEST}


@built_once
def built() -> Line:
    """1.0 is live in all three environments, 2.0 in development."""
    built = line()
    built.deployed(built.v1, built.development, built.staging, built.production)
    built.deployed(built.v2, built.development)
    return built


@pytest.fixture
def chain(built: Line) -> Line:
    return fresh(built)


@pytest.fixture
def house(chain: Line) -> House:
    return chain.house


def of(thing: Project | App | Release) -> str:
    return reverse(type(thing).__name__.lower(), args=[thing.id])


def test_an_app_says_where_which_release_runs(chain: Line) -> None:
    shown = text(html(signed_in(chain.owner), of(chain.app)))

    assert re.search(r"development Live 2\.0 127\.0\.0\.1:20000", shown)
    assert re.search(r"production Live 1\.0", shown)
    assert re.search(r"3\.0 Nowhere", shown)


def test_an_app_says_what_was_tried_in_vain(chain: Line) -> None:
    chain.house.ended(chain.deploy(chain.v3, chain.development), "failed", "web was not healthy.")

    shown = text(html(signed_in(chain.owner), of(chain.app)))

    assert re.search(r"development Failed 3\.0 web was not healthy\. 2\.0", shown)


def test_a_release_says_where_it_is_live_and_where_it_may_go(chain: Line) -> None:
    shown = html(signed_in(chain.owner), of(chain.v1))

    words = text(shown)
    assert "Live in staging" in words and "Live in production" in words
    assert "Live in development" not in words
    assert "Deploy 1.0 to development" in shown and "Deploy again 1.0 to staging" in shown
    assert "Promote 2.0 to staging" in html(signed_in(chain.owner), of(chain.v2))


def test_an_archived_app_offers_to_remove_what_runs_of_it_and_to_restore_it_and_nothing_else(chain: Line) -> None:
    apps.archive(chain.app, by=chain.owner)
    client = signed_in(chain.owner)

    shown = html(client, of(chain.app))
    assert [f"Remove shop from {name}" in shown for name in ("development", "staging", "production")] == [True] * 3
    sheet = re.search(r'href="([^"]*kind=removal)" hx-get', shown)
    assert sheet and 'id="carry-out"' in html(client, sheet[1].replace("&amp;", "&"))
    released = html(client, of(chain.v3))
    assert "Deploy 3.0 to" not in released and "shop is archived" in text(released)
    assert actions(shown) == {"restoration", "undoing"} and "Archived just now" in text(shown)
    for role in ("viewer", "operator"):
        theirs = html(signed_in(chain.house.person(role)), of(chain.app))
        assert actions(theirs) == set() and ("Remove shop from" in theirs) == (role == "operator")
    client.post(reverse("app-restoration", args=[chain.app.id]))
    assert "Deploy 3.0 to" in html(client, of(chain.v3))


def test_an_app_is_archived_after_a_page_has_said_what_that_means(chain: Line) -> None:
    client, page = signed_in(chain.owner), reverse("app-archival", args=[chain.app.id])
    assert page in html(client, of(chain.app)) and "can be restored" in text(html(client, page))
    going = chain.deploy(chain.v3, chain.development)

    refused = client.post(page)

    assert refused.status_code == 409 and "is in flight in development" in refused.content.decode()
    chain.house.ended(going)
    assert client.post(page)["Location"] == of(chain.app)
    assert "shop is archived." in html(client, of(chain.app))
    assert page not in html(client, of(chain.app))


def test_the_archived_apps_of_a_project_are_listed_apart_and_restored_there(chain: Line) -> None:
    client, project = signed_in(chain.owner), of(chain.app.project)
    other = chain.house.app("attic", project=chain.app.project)
    assert "archived" not in html(client, project)
    apps.archive(other, by=chain.owner)

    shown = html(client, project)
    assert "attic" not in text(shown).split("Recent activity")[0] and "Apps 1 1 archived" in text(shown)
    put_away = html(client, f"{project}?archived=true&environment=staging")
    assert re.search(r"Archived apps 1 1 in use .*attic None cut yet Not in staging just now Restore", text(put_away))
    assert actions(put_away) == {"restoration?environment=staging", "undoing?environment=staging"}
    assert "It runs nowhere. Releases" in text(html(client, of(other)))
    theirs = html(signed_in(chain.house.person("operator")), f"{project}?archived=true")
    assert "attic" in theirs and actions(theirs) == set()
    client.post(reverse("app-restoration", args=[other.id]))
    assert "Nothing is archived here." in text(html(client, f"{project}?archived=true"))
    assert "archived" not in text(html(client, project)).split("Recent activity")[0]


def test_a_project_of_many_apps_is_read_page_by_page(chain: Line) -> None:
    project = chain.app.project
    App.objects.bulk_create(
        App(organization=project.organization, project=project, name=f"app {number:03}", archived_at=at)
        for number in range(55)
        for at in [timezone.now() if number % 2 else None]
    )
    App.objects.bulk_create(
        App(organization=project.organization, project=project, name=f"old {number:03}", archived_at=timezone.now())
        for number in range(30)
    )
    client = signed_in(chain.owner)
    for query, count in (("", 29), ("?archived=true", 57)):
        seen, address = [], of(project) + query
        while address:
            shown = html(client, address)
            seen += re.findall(r'<th scope="row"><a class="long" href="/apps/[^"]+">([^<]+)</a>', shown)
            following = re.search(r'href="([^"]*cursor=[^"]*)">Next', shown)
            address = of(project) + following[1].replace("&amp;", "&") if following else ""
        assert len(seen) == len(set(seen)) == count and seen == sorted(seen)
    assert statements(client, of(project)) == statements(client, f"{of(project)}?archived=true")
    assert client.get(f"{of(project)}?cursor=nonsense").status_code == 422


def test_a_project_lists_its_apps_with_their_newest_release(chain: Line) -> None:
    shown = text(html(signed_in(chain.owner), of(chain.app.project)))

    assert re.search(r"shop 3\.0 just now development 2\.0 , staging 1\.0 , production 1\.0 3", shown)


def test_the_environment_chosen_in_the_header_filters_them(chain: Line) -> None:
    client = signed_in(chain.owner)

    app = html(client, of(chain.app) + "?environment=staging")
    assert "2 more elsewhere" in text(app)
    assert "127.0.0.1:20000" not in text(app) or "development" not in text(app).split("Releases")[0]
    assert "environment=staging" in re.search(r'id="app"[^>]*data-src="([^"]+)"', app).group(1)  # type: ignore[union-attr]
    project = text(html(client, of(chain.app.project) + "?environment=staging"))
    assert re.search(r"shop 3\.0 just now staging 1\.0 3", project)
    release = html(client, of(chain.v1) + "?environment=staging")
    assert "Deploy again 1.0 to staging" in release and "Deploy 1.0 to development" not in release
    assert "Live in production" in text(release), "what is live elsewhere is not denied"


def test_a_viewer_reads_and_is_offered_and_allowed_nothing(chain: Line) -> None:
    client = signed_in(chain.house.person("viewer"))

    for thing in (chain.app, chain.v1, chain.app.project):
        shown = html(client, of(thing))
        assert actions(shown) == set()
        assert reverse("plan-draft") not in shown
    for address in (
        reverse("project-new"),
        reverse("app-new", args=[chain.app.project_id]),
        reverse("release-new", args=[chain.app.id]),
        reverse("sample"),
    ):
        assert address not in html(client, of(chain.app)) + html(client, of(chain.app.project))
        assert client.post(address, NEW).status_code == 403, address


def test_an_operator_deploys_but_makes_no_projects(chain: Line) -> None:
    Environment.objects.filter(pk=chain.production.pk).update(protected=True)
    client = signed_in(chain.house.person("operator"))

    assert "Deploy 1.0 to development" in html(client, of(chain.v1))
    assert "Deploy 1.0 to production" not in html(client, of(chain.v1)), "protected, and no grant names it"
    assert client.get(reverse("project-new")).status_code == 403


def test_a_stranger_sees_404(chain: Line) -> None:
    stranger = signed_in(houses.house().owner)

    for thing in (chain.app, chain.v1, chain.app.project):
        assert stranger.get(of(thing)).status_code == 404
        assert stranger.get(of(thing), headers=LIVE).status_code == 404
    assert stranger.post(reverse("app-new", args=[chain.app.project_id]), {"name": "x"}).status_code == 404
    assert stranger.post(reverse("release-new", args=[chain.app.id]), NEW).status_code == 404


def test_who_sees_one_environment_learns_of_no_other(chain: Line) -> None:
    client = signed_in(chain.house.person("viewer", environment=chain.staging))

    for thing in (chain.app, chain.v1, chain.app.project):
        assert "production" not in text(html(client, of(thing))), thing


def test_who_sees_one_project_is_not_told_of_anothers_environments(chain: Line) -> None:
    secret = environments.create(
        by=chain.owner, name="unannounced", project_id=chain.house.project("BANK").id, provisioner="external"
    )
    client = signed_in(chain.house.person("operator", project=chain.app.project))

    shown = html(client, of(chain.v1))
    assert "Deploy again 1.0 to staging" in shown
    assert secret.name not in shown


def test_the_statements_stay_as_few_however_much_there_is(chain: Line) -> None:
    client, house = signed_in(chain.owner), chain.house
    pages = [of(chain.app), of(chain.v1), of(chain.app.project), reverse("projects")]
    few = [statements(client, address) for address in pages]
    for n in range(6):
        environment = house.environment(f"more-{n}")
        chain.house.live(chain.v1, environment)
        house.release(house.app(f"app-{n}", project=chain.app.project), "1.0")
        house.release(chain.app, f"4.{n}")
        house.project(f"MORE{n}")

    assert [statements(client, address) for address in pages] == few


def test_releases_are_shown_fifty_a_page(chain: Line) -> None:
    for n in range(60):
        chain.house.release(chain.app, f"5.{n}")
    client = signed_in(chain.owner)

    first = html(client, of(chain.app))
    older = re.search(r'href="(\?before=\d+)"', first)
    assert older is not None
    second = html(client, of(chain.app) + older.group(1))

    shown = [re.findall(r'href="/releases/([0-9a-f-]+)"><?', part.rsplit("h-rels", 1)[1]) for part in (first, second)]
    assert (len(set(shown[0])), len(set(shown[1]))) == (50, 13)
    assert set(shown[0]).isdisjoint(shown[1])
    for junk in ("x", "-1", "9" * 40):
        assert "5.59" in html(client, of(chain.app) + f"?before={junk}")


def test_projects_are_shown_fifty_a_page(chain: Line) -> None:
    for n in range(60):
        lifecycle.create(by=chain.owner, key=f"P{n}", name=f"Project {n}")
    client = signed_in(chain.owner)

    first = html(client, reverse("projects"))
    onward = re.search(r'href="(\?cursor=[^"]+)"', first)
    assert onward is not None
    second = html(client, reverse("projects") + onward.group(1))

    assert "Project 59" in first and "Project 5<" in second
    assert "50 shown" in text(first) and "11 shown" in text(second)
    assert client.get(reverse("projects") + "?cursor=rubbish").status_code == 422


def test_the_next_projects_are_shown_also_where_the_last_one_seen_was_deleted_meanwhile(chain: Line) -> None:
    made = [lifecycle.create(by=chain.owner, key=f"P{n}", name=f"Project {n}") for n in range(51)]
    client = signed_in(chain.owner)
    onward = re.search(r'href="(\?cursor=[^"]+)"', html(client, reverse("projects")))
    assert onward is not None

    lifecycle.delete(made[1], by=chain.owner)

    second = html(client, reverse("projects") + onward[1])
    assert "Project 0" in second and "Project 50" not in second


def test_pages_that_did_not_change_cost_no_bytes(chain: Line) -> None:
    client = signed_in(chain.owner)

    for thing in (chain.app, chain.v1, chain.app.project):
        tag = re.search(r'data-etag="([0-9a-f]+)"', html(client, of(thing)))
        assert tag is not None
        again = client.get(of(thing), headers=LIVE | {"If-None-Match": f'"{tag.group(1)}"'})
        assert (again.status_code, again.content) == (304, b""), thing


def test_an_empty_project_and_an_app_without_release_say_what_is_next(house: House) -> None:
    client = signed_in(house.owner)
    project = house.project("EMPTY")
    assert "This project has no app yet" in text(html(client, of(project)))

    app = house.app("bare", project=project)

    assert "No release has been cut yet" in text(html(client, of(app)))
    assert "It runs nowhere yet" in text(html(client, of(app)))


def test_project_app_and_release_are_made_by_forms_without_javascript(house: House) -> None:
    client = signed_in(house.owner)

    answer = client.post(reverse("project-new"), {"name": "Data", "key": "data"}, follow=True)
    project = Project.objects.get(key="DATA")
    assert "Data was created" in answer.content.decode()
    client.post(reverse("app-new", args=[project.id]), {"name": "loader"})
    app = App.objects.get(project=project)
    prefilled = re.search(r"<textarea[^>]*>(.*?)</textarea>", html(client, reverse("release-new", args=[app.id])), re.S)
    assert prefilled is not None
    answer = client.post(reverse("release-new", args=[app.id]), NEW)

    release = Release.objects.get(app=app)
    assert answer.headers["Location"] == of(release)
    assert release.version == "9.0"


def test_forms_say_what_is_wrong_beside_the_field_and_keep_what_was_typed(chain: Line) -> None:
    client = signed_in(chain.owner)
    cut = reverse("release-new", args=[chain.app.id])

    for address, given, status, field, sentence in (
        (reverse("project-new"), {"name": "Web", "key": "web"}, 409, "key", "The key WEB is taken"),
        (reverse("project-new"), {"name": "Web", "key": "!"}, 422, "key", "at least 2 characters"),
        (reverse("app-new", args=[chain.app.project_id]), {"name": "SHOP"}, 409, "name", "has an app of this name"),
        (reverse("environment-new"), {"name": "STAGING", "provisioner": "process"}, 409, "name", "of this name exists"),
        (reverse("environment-new"), {"name": "b", "env_vars": "1X=1", "provisioner": "process"}, 422, "name", "2 to"),
        (cut, NEW | {"version": "1.0"}, 409, "version", "has a release 1.0 already"),
        (cut, NEW | {"manifest": "steps:\n  - {name: a}"}, 422, "manifest", "line 2, steps[0].run: is missing"),
        (cut, NEW | {"manifest": "steps: 1"}, 422, "manifest", "line 1, steps: must be a list"),
        (cut, NEW | {"manifest": "steps: [{name: a"}, 422, "manifest", "line 1: expected"),
        (cut, NEW | {"manifest": "requires: {secrets: [A-B]}\n" + MANIFEST}, 422, "manifest", "use letters, digits"),
        (cut, NEW | {"git_url": "http://example.org/a"}, 422, "git_url", "https"),
    ):
        answer = client.post(address, given)
        shown = answer.content.decode()
        assert (answer.status_code, beside(shown, field).count(sentence)) == (status, 1), (given, text(shown))
        assert next(iter(given.values())) in shown
    assert Release.objects.filter(app=chain.app).count() == 3


def test_every_line_that_is_wrong_in_a_manifest_is_named_with_its_field(chain: Line) -> None:
    wrong = "steps:\n  - {nam: a, run: b}\nservices: 1"

    given = NEW | {"manifest": wrong}
    shown = signed_in(chain.owner).post(reverse("release-new", args=[chain.app.id]), given).content.decode()

    told = beside(shown, "manifest")
    assert told.index("line 2, steps[0].nam: is not known here") < told.index("line 2, steps[0].name: is missing")
    assert "line 3, services: must be a list" in told


def test_a_variable_that_cannot_be_set_is_named(chain: Line) -> None:
    given = {"name": "canary", "provisioner": "process", "env_vars": "A=1\n1X=1"}

    shown = signed_in(chain.owner).post(reverse("environment-new"), given).content.decode()

    assert "env_vars.1X" not in shown and "1X: use letters, digits and underscores" in beside(shown, "env_vars")


def test_an_archive_is_received_by_the_form(chain: Line) -> None:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        archive.add(__file__, arcname="app.py")
    client = signed_in(chain.owner)

    upload = SimpleUploadedFile("app.tar.gz", content.getvalue())
    client.post(reverse("release-new", args=[chain.app.id]), NEW | {"archive": upload})

    release = Release.objects.get(app=chain.app, version="9.0")
    assert release.artifact is not None and release.artifact.status == Artifact.Status.STORED
    assert "app.tar.gz Stored" in text(html(client, of(release)))


def test_the_next_release_begins_with_the_manifest_of_the_last(chain: Line) -> None:
    told = manifests.parse(
        """
steps:
  - {name: one, run: "echo 1\\necho 2", timeout: 90s, env: {A: "1.10"}, once: true}
services:
  - {name: web, run: "serve --port $PORT", health: {http: /x, within: 15s}, stop_timeout: 5m}
  - {name: job, run: work, port: false}
  - {name: other, run: work, port: false, health: {command: "true"}}
  - {name: plain, run: work}
"""
    )

    written = manifest_text.write(told)

    assert manifests.parse(written) == told
    assert "within: 15s" in written and "timeout: 10" not in written
    shown = html(signed_in(chain.owner), reverse("release-new", args=[chain.app.id]))
    assert "serve --port $PORT" in shown and "&quot;n&quot;" not in shown


def test_a_git_source_named_in_the_form_is_fetched_or_nothing_is_made(chain: Line) -> None:
    client = signed_in(chain.owner)
    form = reverse("release-new", args=[chain.app.id])
    source = {"git_url": "https://example.org/shop.git", "git_ref": "main"}

    taken = client.post(form, {**NEW, **source, "version": "1.0"})
    assert (taken.status_code, Artifact.objects.count(), Run.objects.filter(kind="fetch").count()) == (409, 0, 0)
    made = client.post(form, {**NEW, **source})

    assert made.status_code == 302
    run = Run.objects.get(kind="fetch")
    assert run.artifact == Release.objects.get(version="9.0").artifact


def test_a_project_does_not_name_an_environment_that_one_does_not_see(chain: Line) -> None:
    project = chain.app.project
    lifecycle.update(project, by=chain.owner, restrict_to_environment_id=chain.production.id)
    viewer = chain.house.person("viewer", environment=chain.staging)

    assert "Deploys only to production" in text(html(signed_in(chain.owner), of(project)))
    assert "production" not in text(html(signed_in(viewer), of(project)))


def test_hostile_names_and_notes_are_text(house: House) -> None:
    hostile = "<script>alert(1)</script>"
    app = house.app("odd", project=house.project("ODD"))
    release = house.release(app, "1.0", notes=hostile, changes=[hostile])
    client = signed_in(house.owner)

    shown = html(client, of(release))

    assert "<script>alert" not in shown


def test_the_sample_project_is_loaded_once_by_who_may(house: House) -> None:
    client = signed_in(house.owner)

    first = client.post(reverse("sample"), follow=True)
    client.post(reverse("sample"), headers=HTMX)

    app = App.objects.get(name="greeter", project__key="TRAINING")
    assert "The sample project is here" in first.content.decode()
    assert '<h1 class="long">greeter 1.0.0</h1>' in first.content.decode(), "the page one deploys it from"
    assert Release.objects.filter(app=app).count() == 3
    assert not Slot.objects.filter(app=app).exists()


def test_environments_stand_in_the_order_of_the_chain_wherever_an_app_is_told_of() -> None:
    home = houses.house()
    named = ("zeta", "alpha", "middle")
    environments = [home.environment(name) for name in named]
    home.environment("beside")
    home.chain(*named)
    app = home.app("ledger")
    release = home.release(app, "1.0")
    for environment in environments:
        home.live(release, environment)
    own = lifecycle.create(by=home.owner, key="OWN", name="Own")
    home.chain("middle", "zeta", project=own)
    client = signed_in(home.owner)

    def order(path: str, part: str) -> list[str]:
        text = client.get(path).content.decode()
        text = text[text.index(part) :]
        return sorted(named, key=text.index)

    assert order(f"/apps/{app.id}", "Where it runs") == list(named)
    assert order(f"/projects/{app.project_id}", 'id="h-apps"') == list(named)
    assert order(f"/releases/{release.id}", "Deploy to") == list(named)
    assert client.get(f"/releases/{release.id}").content.decode().count('aria-label="Deploy again 1.0 to alpha"') == 1
