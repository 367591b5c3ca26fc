"""Two people at once: the database decides, one of them reads why, and nothing is there twice."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from projects import access, apps, lifecycle, memberships, tokens
from projects.errors import Conflict, NotAllowed, NotFound, Refused
from projects.models import AccessToken, App, Event, Membership, Project, Release, User
from tests import builders
from tests.environments.meeting import behind

pytestmark = pytest.mark.django_db(transaction=True)


def together(people: int, act: Callable[[int], Any]) -> list[Any]:
    """What each got: a result, or the refusal they read."""
    barrier = Barrier(people)

    def one(n: int) -> Any:
        try:
            barrier.wait(20)
            return act(n)
        except Refused as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(people) as pool:
        return list(pool.map(one, range(people)))


def test_a_version_is_cut_by_one_of_them():
    cast = builders.cast()
    app = builders.app(cast.owner)
    answers = together(6, lambda n: builders.release(cast.operator, app, "1.0"))
    assert sum(isinstance(answer, Release) for answer in answers) == 1
    assert {answer.code for answer in answers if isinstance(answer, Conflict)} == {"version-taken"}


def test_versions_cut_together_are_numbered_without_gap_or_double():
    cast = builders.cast()
    app = builders.app(cast.owner)
    together(6, lambda n: builders.release(cast.operator, app, f"1.{n}"))
    assert sorted(Release.objects.values_list("serial", flat=True)) == [1, 2, 3, 4, 5, 6]
    numbers = Event.objects.filter(organization_id=cast.organization.pk).order_by("number")
    assert list(numbers.values_list("number", flat=True)) == list(range(1, numbers.count() + 1))


def test_the_default_project_is_there_once():
    cast = builders.cast()
    answers = together(6, lambda n: lifecycle.default(by=cast.viewer))
    assert len(set(answers)) == 1 and Project.objects.filter(is_default=True).count() == 1


def test_names_and_keys_are_taken_by_one_of_them():
    cast = builders.cast()
    project = builders.project(cast.owner)
    for act, code in (
        (lambda n: lifecycle.create(by=cast.admin, key="same", name="x"), "key-taken"),
        (lambda n: apps.create(by=cast.admin, project=project, name="Same" if n % 2 else "same"), "name-taken"),
        (lambda n: tokens.create(by=cast.admin, name="same", role="viewer"), "name-taken"),
    ):
        answers = together(4, act)
        refused = [answer.code for answer in answers if isinstance(answer, Conflict)]
        assert refused == [code] * 3, answers


def test_an_app_that_comes_while_its_project_is_deleted_leaves_one_of_both():
    cast = builders.cast()
    for _ in range(5):
        project = builders.project(cast.owner)

        def act(n: int, project: Project = project) -> Any:
            if n:
                return lifecycle.delete(project, by=cast.admin)
            return apps.create(by=cast.admin, project=project, name="shop")

        answers = together(2, act)
        there = Project.objects.filter(pk=project.pk).exists()
        assert there == App.objects.filter(project=project).exists()
        assert sum(isinstance(answer, Refused) for answer in answers) == 1


def test_an_archived_app_that_is_restored_while_its_project_is_deleted_leaves_both_or_none():
    cast = builders.cast()
    for first in ("restored", "deleted"):
        app = builders.app(cast.admin, project=builders.project(cast.admin))
        apps.archive(app, by=cast.admin)
        acts = {
            "restored": lambda app=app: apps.restore(app, by=cast.admin),
            "deleted": lambda app=app: lifecycle.delete(app.project, by=cast.admin),
        }
        late = acts["deleted" if first == "restored" else "restored"]
        refusal = behind(acts[first], late)
        assert isinstance(refusal, lifecycle.InUse if first == "restored" else NotFound), refusal
        assert App.objects.filter(pk=app.pk).exists() == (first == "restored")


def test_a_token_that_is_revoked_at_this_moment_makes_none_that_stays():
    cast = builders.cast()
    leaked, _ = tokens.create(by=cast.admin, name="leaked", role="admin")
    refusal = behind(
        lambda: tokens.revoke(leaked, by=cast.owner),
        lambda: tokens.create(by=access.of_token(leaked), name="child", role="viewer"),
    )
    assert isinstance(refusal, NotAllowed)
    assert not AccessToken.objects.filter(revoked_at=None).exists()


@pytest.mark.parametrize("maker", ["leaked", "child"])
def test_a_token_that_is_made_at_this_moment_ends_with_the_one_that_makes_it(maker):
    cast = builders.cast()
    leaked, _ = tokens.create(by=cast.admin, name="leaked", role="admin")
    child, _ = tokens.create(by=access.of_token(leaked), name="child", role="admin")
    by = access.of_token({"leaked": leaked, "child": child}[maker])
    behind(lambda: tokens.create(by=by, name="late", role="viewer"), lambda: tokens.revoke(leaked, by=cast.owner))
    assert not AccessToken.objects.filter(revoked_at=None).exists()
    assert Event.objects.get(kind="token.revoked").data == {"also": 2}


def test_a_user_name_is_taken_by_one_of_them_whatever_its_case():
    cast = builders.cast()

    def join(n: int) -> Membership:
        name = "Somebody" if n % 2 else "sOMEBODY"
        return memberships.add(by=cast.admin, username=name, password=builders.PASSWORD, role="viewer")

    answers = together(4, join)
    assert sum(isinstance(answer, Membership) for answer in answers) == 1
    assert {answer.code for answer in answers if isinstance(answer, Conflict)} == {"already-member"}
    assert User.objects.filter(username__iexact="somebody").count() == 1


def test_a_member_is_removed_once():
    cast = builders.cast()
    membership = cast.viewer.user.memberships.get()
    refusal = behind(
        lambda: memberships.remove(membership, by=cast.owner),
        lambda: memberships.remove(cast.viewer.user.memberships.get(), by=cast.admin),
    )
    assert isinstance(refusal, NotFound)
    assert Event.objects.filter(kind="member.removed").count() == 1


def test_a_member_comes_back_once():
    cast = builders.cast()
    memberships.remove(cast.viewer.user.memberships.get(), by=cast.owner)
    answers = together(4, lambda n: memberships.add(by=cast.admin, username=cast.viewer.user.username, role="viewer"))
    assert sum(isinstance(answer, Membership) for answer in answers) == 1
    assert {answer.code for answer in answers if isinstance(answer, Conflict)} == {"already-member"}
