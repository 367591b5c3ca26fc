"""Rights are kept whole: a condition on a statement shows exactly what an actor is said to see."""

import itertools
import uuid

import pytest
from django.db import connection

from projects import scopes
from projects.access import Actor, Right
from projects.models import Event, Role
from projects.rights import Those
from tests import builders

pytestmark = pytest.mark.django_db
P1, P2, E1, E2 = (uuid.uuid4() for _ in range(4))
NO: frozenset[uuid.UUID] = frozenset()
PLACES = list(itertools.product((None, P1, P2), (None, E1, E2)))
BOTH = ("project_id", "environment_id")


def all_but(*ids: uuid.UUID) -> Those:
    return Those(None, frozenset(ids))


def _without(those: object) -> frozenset[uuid.UUID]:
    return those.without if isinstance(those, Those) else NO


def only(*ids: uuid.UUID) -> frozenset[uuid.UUID]:
    return frozenset(ids)


@pytest.mark.parametrize(
    "limits",
    [
        [(all_but(P1), None)],
        [(all_but(P1), only(E1))],
        [(all_but(P1), None), (only(P1), None)],
        [(all_but(P1), None), (only(P1), only(E1))],
        [(all_but(P1, P2), None), (only(P2), only(E2))],
        [(all_but(P1), only(E1)), (all_but(P2), only(E1)), (only(P2), only(E2))],
        [(all_but(P1), only(E1)), (all_but(P2), only(E2))],
        [],
        [(None, None)],
        [(only(P1), None)],
        [(None, only(E1))],
        [(only(P1), only(E1)), (only(P2), only(E2))],
        [(only(P1), only(E1)), (only(P2), only(E1)), (only(P2), only(E2))],
        [(only(P1), None), (None, only(E2))],
        [(only(P1), only(E1)), (None, only(E2))],
        [(only(P1), only(E1)), (only(P2), None)],
        [(only(P1, P2), only(E1, E2))],
        [(only(P1), NO), (NO, only(E2))],
        [(only(P1), only(E1)), (None, None)],
    ],
)
def test_statements_show_what_the_actor_is_said_to_see(limits: list[tuple]) -> None:
    rights = tuple(
        Right(Role.VIEWER, None if isinstance(those, Those) else those, environments, without=_without(those))
        for those, environments in limits
    )
    actor = Actor("user:somebody", builders.organization(), rights)
    said = {(p, e) for p, e in PLACES if actor.sees(project_id=p, environment_id=e)}

    Event.objects.bulk_create(
        Event(organization_id=actor.organization.pk, project_id=p, environment_id=e, kind="test.scopes", actor="x")
        for p, e in PLACES
    )
    ours = Event.objects.filter(organization_id=actor.organization.pk, kind="test.scopes")
    shown = ours.filter(scopes.rows(actor, project="project_id", environment="environment_id", lacking=BOTH))
    assert {(one.project_id, one.environment_id) for one in shown} == said

    plain = ours.filter(scopes.rows(actor, project="project_id", environment="environment_id"))
    whole = {(p, e) for p, e in said if p is not None and e is not None}
    assert {(one.project_id, one.environment_id) for one in plain if one.project_id and one.environment_id} == whole

    alone = {p for p, e in PLACES if p is not None and actor.sees(project_id=p)}
    assert {one.project_id for one in ours.filter(scopes.within(actor, project="project_id"))} - {None} == alone
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT project_id FROM projects_event WHERE organization_id = %(ours)s"
            f" AND kind = 'test.scopes' AND {scopes.within_clause(actor, project='project_id')}",
            {"ours": actor.organization.pk, **scopes.values(actor)},
        )
        assert {found for (found,) in cursor.fetchall()} - {None} == alone

    for lacking, seen in ((BOTH, said), ((), whole)):
        clause = scopes.clause(actor, project="project_id", environment="environment_id", lacking=lacking)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT project_id, environment_id FROM projects_event"
                f" WHERE organization_id = %(ours)s AND kind = 'test.scopes' AND {clause}",
                {"ours": actor.organization.pk, **scopes.values(actor)},
            )
            found = set(cursor.fetchall())
        assert (found if lacking else {(p, e) for p, e in found if p is not None and e is not None}) == seen


def test_who_sees_all_adds_nothing_to_a_statement() -> None:
    owner = Actor("user:owner", builders.organization(), (Right(Role.VIEWER, only(P1)), Right(Role.OWNER)))
    assert not scopes.rows(owner, project="project", environment="environment")
    assert (scopes.clause(owner, project="p", environment="e"), scopes.values(owner)) == ("TRUE", {})
