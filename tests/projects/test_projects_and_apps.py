"""Projects and apps: keys and names are unique, strangers see nothing, what is used stays."""

import pytest

from projects import apps, lifecycle, narration
from projects.errors import Conflict, Invalid, NotAllowed, NotFound
from projects.models import Event
from projects.versions import ChangedMeanwhile
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


def test_an_empty_project_is_deleted_and_one_with_apps_in_use_is_not():
    cast = builders.cast()
    app = builders.app(cast.admin)
    with pytest.raises(Conflict, match="still has apps in use; archive them first"):
        lifecycle.delete(app.project, by=cast.admin)
    empty = builders.project(cast.admin)
    lifecycle.delete(empty, by=cast.admin)
    with pytest.raises(NotFound):
        lifecycle.find(cast.admin, empty.id)
    kinds = Event.objects.filter(object__name=empty.key).order_by("number").values_list("kind", flat=True)
    assert list(kinds) == ["project.created", "project.deleted"]


def test_archived_apps_of_which_nothing_was_released_go_with_their_project():
    cast = builders.cast()
    app = builders.app(cast.admin)
    apps.archive(app, by=cast.admin)

    lifecycle.delete(app.project, by=cast.admin)

    with pytest.raises(NotFound):
        apps.find(cast.admin, app.id)
    event = Event.objects.get(kind="project.deleted")
    assert narration.sentence(event) == f"Project {app.project.key} deleted, and archived apps with it: 1."
    assert {"apps", "projects", f"app:{app.pk}"} <= set(event.subjects)


def test_what_was_released_keeps_its_project_however_its_apps_are_archived():
    cast = builders.cast()
    release = builders.release(cast.admin, builders.app(cast.admin))
    apps.archive(release.app, by=cast.admin)
    before = Event.objects.count()
    with pytest.raises(lifecycle.InUse, match=r"is kept for good, and so is the project\. Archive it"):
        lifecycle.delete(release.app.project, by=cast.admin)
    assert Event.objects.count() == before
    assert apps.find(cast.admin, release.app.id) == release.app


def test_a_change_that_changes_nothing_is_no_event():
    cast = builders.cast()
    project = builders.project(cast.admin, description="one")
    before = Event.objects.count()
    lifecycle.update(project, by=cast.admin, description="one")
    assert Event.objects.count() == before
    lifecycle.update(project, by=cast.admin, description="two")
    assert Event.objects.order_by("-number").filter(organization_id=cast.organization.pk)[0].data == {
        "changed": ["description"],
        "values": {"description": ["one", "two"]},
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


def test_a_restored_app_takes_releases_again_and_one_in_use_stays_as_it_is():
    cast = builders.cast()
    app = builders.app(cast.admin)
    apps.archive(app, by=cast.admin)

    restored = apps.restore(app, by=cast.admin)

    assert restored.archived_at is None and app in apps.visible(cast.viewer)
    builders.release(cast.operator, restored)
    apps.restore(app, by=cast.admin)
    event = Event.objects.get(kind="app.restored")
    assert (event.app_id, event.project_id) == (app.pk, app.project_id)
    assert {"apps", f"app:{app.pk}", f"project:{app.project_id}"} <= set(event.subjects)


def test_who_may_not_manage_a_project_restores_nothing_in_it():
    cast = builders.cast()
    app = builders.app(cast.admin)
    apps.archive(app, by=cast.admin)
    for actor in (cast.viewer, cast.operator):
        with pytest.raises(NotAllowed):
            apps.restore(app, by=actor)
    elsewhere = builders.member(cast.organization, "admin", project=builders.project(cast.admin))
    for actor in (elsewhere, builders.owner_of(builders.organization())):
        with pytest.raises(NotFound):
            apps.restore(app, by=actor)
    app.refresh_from_db()
    assert app.archived_at is not None


def test_an_archived_app_keeps_its_name_and_whoever_wants_it_is_told_so():
    cast = builders.cast()
    project = builders.project(cast.admin)
    shop = apps.create(by=cast.admin, project=project, name="Shop")
    other = apps.create(by=cast.admin, project=project, name="other")
    apps.archive(shop, by=cast.admin)
    sentence = f"{project.key} has an archived app of this name; restore it or choose another."
    with pytest.raises(apps.NameTaken) as refusal:
        apps.create(by=cast.admin, project=project, name="shop")
    assert refusal.value.detail == sentence
    with pytest.raises(apps.NameTaken) as refusal:
        apps.update(other, by=cast.admin, name=" SHOP ")
    assert refusal.value.detail == sentence


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "ftp://x", "https://" + "a" * 600, "https://token@x", "ssh://me:word@x", "https://me@[x"],
)
def test_a_repository_address_that_is_none_is_refused(url):
    cast = builders.cast()
    with pytest.raises(Invalid):
        apps.create(by=cast.admin, project=builders.project(cast.admin), name="shop", repository_url=url)


def test_over_ssh_a_user_is_part_of_the_address():
    cast = builders.cast()
    app = builders.app(cast.admin)
    assert apps.update(app, by=cast.admin, repository_url=" ssh://git@x/y ").repository_url == "ssh://git@x/y"


def test_what_somebody_changed_meanwhile_is_not_overwritten_by_who_has_not_seen_it():
    cast = builders.cast()
    app = builders.app(cast.admin)
    for thing, room in ((app, apps), (app.project, lifecycle)):
        seen = room.version(thing)
        room.update(type(thing).objects.get(pk=thing.pk), by=cast.admin, description="theirs")
        with pytest.raises(ChangedMeanwhile, match=f"changed the settings of {thing.name} meanwhile"):
            room.update(thing, by=cast.admin, seen=seen, name="mine")
        room.update(thing, by=cast.admin, seen=room.version(thing), name="mine")
        now = type(thing).objects.get(pk=thing.pk)
        assert (now.name, now.description) == ("mine", "theirs")
