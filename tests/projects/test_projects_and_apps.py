"""Projects and apps: keys and names are unique, strangers see nothing, what is used stays."""

import pytest

from projects import apps, lifecycle
from projects.errors import Conflict, Invalid, NotAllowed, NotFound
from projects.models import Event
from tests import builders

pytestmark = pytest.mark.django_db


def test_a_key_is_stored_upper_case_and_taken_regardless_of_case():
    cast = builders.cast()
    project = lifecycle.create(by=cast.admin, key="web-2", name="Web")
    assert project.key == "WEB-2"
    with pytest.raises(Conflict):
        lifecycle.create(by=cast.admin, key="WEB-2", name="Other")
    lifecycle.create(by=cast.stranger, key="web-2", name="Theirs")


@pytest.mark.parametrize("key", ["", "a", "-ab", "_ab", "a b", "ä-b", "a" * 51, "ab\n"])
def test_a_key_that_is_none_is_refused(key):
    with pytest.raises(Invalid) as caught:
        lifecycle.create(by=builders.cast().admin, key=key, name="Web")
    assert caught.value.errors[0]["field"] == "key"


def test_a_project_is_found_by_id_key_or_name():
    cast = builders.cast()
    project = lifecycle.create(by=cast.admin, key="web", name="The web")
    for ident in (project.id, str(project.id), "WEB", "web", "the WEB"):
        assert lifecycle.find(cast.viewer, ident) == project
    for ident in ("nothing", "", "00000000-0000-0000-0000-000000000000"):
        with pytest.raises(NotFound):
            lifecycle.find(cast.viewer, ident)


def test_a_stranger_finds_neither_project_nor_app():
    cast = builders.cast()
    app = builders.app(cast.admin)
    with pytest.raises(NotFound):
        lifecycle.find(cast.stranger, app.project_id)
    with pytest.raises(NotFound):
        apps.find(cast.stranger, app.id)
    with pytest.raises(NotFound):
        lifecycle.delete(
            app.project, by=builders.member(cast.organization, "admin", project=builders.project(cast.owner))
        )


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_who_is_no_admin_makes_no_projects_and_no_apps(role):
    cast = builders.cast()
    actor, project = getattr(cast, role), builders.project(cast.owner)
    with pytest.raises(NotAllowed):
        lifecycle.create(by=actor, key="web", name="Web")
    with pytest.raises(NotAllowed):
        apps.create(by=actor, project=project, name="shop")
    with pytest.raises(NotAllowed):
        lifecycle.update(project, by=actor, name="Other")


def test_the_default_project_is_made_once_and_stays():
    cast = builders.cast()
    project = lifecycle.default(by=cast.viewer)
    assert project == lifecycle.default(by=cast.admin)
    assert project.key == "DEFAULT"
    with pytest.raises(Conflict):
        lifecycle.delete(project, by=cast.owner)


def test_a_project_with_apps_cannot_be_deleted_and_an_empty_one_can():
    cast = builders.cast()
    app = builders.app(cast.admin)
    with pytest.raises(Conflict):
        lifecycle.delete(app.project, by=cast.admin)
    empty = builders.project(cast.admin)
    lifecycle.delete(empty, by=cast.admin)
    with pytest.raises(NotFound):
        lifecycle.find(cast.admin, empty.id)
    kinds = Event.objects.filter(object__name=empty.key).order_by("number").values_list("kind", flat=True)
    assert list(kinds) == ["project.created", "project.deleted"]


def test_a_change_that_changes_nothing_is_no_event():
    cast = builders.cast()
    project = builders.project(cast.admin, description="one")
    before = Event.objects.count()
    lifecycle.update(project, by=cast.admin, description="one")
    assert Event.objects.count() == before
    lifecycle.update(project, by=cast.admin, description="two")
    assert Event.objects.order_by("-number").filter(organization_id=cast.organization.pk)[0].data == {
        "changed": ["description"]
    }


def test_an_apps_name_is_unique_in_its_project_regardless_of_case():
    cast = builders.cast()
    project = builders.project(cast.admin)
    apps.create(by=cast.admin, project=project, name="Shop")
    with pytest.raises(Conflict):
        apps.create(by=cast.admin, project=project, name="shop")
    apps.create(by=cast.admin, project=builders.project(cast.admin), name="shop")


def test_a_name_that_two_projects_use_must_be_told_apart():
    cast = builders.cast()
    one, two = (apps.create(by=cast.admin, project=builders.project(cast.admin), name="shop") for _ in range(2))
    with pytest.raises(Invalid):
        apps.find(cast.viewer, "shop")
    assert apps.find(cast.viewer, f"{two.project.key}/SHOP") == two
    assert apps.find(builders.member(cast.organization, "viewer", project=one.project), "shop") == one


def test_an_archived_app_takes_no_releases_and_is_still_found_by_id():
    cast = builders.cast()
    app = builders.app(cast.admin)
    apps.archive(app, by=cast.admin)
    with pytest.raises(Conflict):
        builders.release(cast.operator, apps.find(cast.operator, app.id))
    assert app not in apps.visible(cast.viewer)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "ftp://x", "https://" + "a" * 600])
def test_a_repository_address_that_is_none_is_refused(url):
    cast = builders.cast()
    with pytest.raises(Invalid):
        apps.create(by=cast.admin, project=builders.project(cast.admin), name="shop", repository_url=url)
