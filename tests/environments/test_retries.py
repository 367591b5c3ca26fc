"""Retrying: a new attempt of the same run, where nothing newer has come between."""

import pytest
from django.db import connection

from environments import cancellations, retries
from environments.delivery import deployments, holds
from environments.doing import conclusions
from environments.models import Phase, Run, State
from environments.runs import claim, steps
from environments.runs.steps import Report
from projects import apps
from projects.errors import NotAllowed
from projects.models import Event
from tests import builders
from tests.environments.test_runs_claim import together, work
from tests.environments.yard import Yard, yard

pytestmark = pytest.mark.django_db


def failed(here: Yard) -> Run:
    worker = here.worker()
    run = here.deploy("1.0").run
    claim.by_worker(worker, "key")
    conclusions.finish(run.pk, 1, worker, Phase.FAILED, "no luck", ["last words"])
    return Run.objects.get(pk=run.pk)


def test_a_failed_deployment_is_queued_again_as_the_same_run() -> None:
    here = yard()
    run = failed(here)

    again = retries.retry(run, by=here.owner)

    assert (again.pk, again.phase, again.reason, again.last_lines) == (run.pk, Phase.QUEUED, "", [])
    assert here.slot.target_id == run.deployment_id
    assert Event.objects.filter(kind="deployment.retried").count() == 1
    claimed = claim.by_worker(here.worker(machine=None), "other") or claim.by_worker(run.worker, "other")
    assert claimed is not None and claimed.attempt == 2 and claimed.max_attempts == 4


def test_what_is_on_its_way_or_succeeded_is_not_retried() -> None:
    here = yard()
    worker = here.worker()
    run = here.deploy().run
    with pytest.raises(retries.CannotRetry):
        retries.retry(run, by=here.owner)
    claim.by_worker(worker, "key")
    conclusions.finish(run.pk, 1, worker, Phase.SUCCEEDED)
    with pytest.raises(retries.CannotRetry):
        retries.retry(run, by=here.owner)


def test_nothing_is_retried_once_something_newer_was_asked_for() -> None:
    here = yard()
    run = failed(here)
    newer = here.deploy("2.0").run
    cancellations.cancel(newer, by=here.owner)
    with pytest.raises(deployments.Superseded):
        retries.retry(run, by=here.owner)


@pytest.mark.django_db(transaction=True)
def test_two_people_who_retry_at_once_queue_one_attempt() -> None:
    here = yard()
    run = failed(here)
    found = together(*[lambda: retries.retry(Run.objects.get(pk=run.pk), by=here.owner) for _ in range(4)])
    assert sorted(type(one).__name__ for one in found) == ["CannotRetry"] * 3 + ["Run"]


def test_nothing_is_retried_in_an_environment_that_does_not_run() -> None:
    here = yard()
    run = failed(here)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE environments_environment SET state = %s", [State.STOPPED])
    with pytest.raises(retries.CannotRetry):
        retries.retry(run, by=here.owner)


def test_a_token_keeps_its_hands_off_what_is_held_and_a_person_may() -> None:
    here = yard()
    run = failed(here)
    holds.place(here.app, here.environment, by=here.owner, reason="look first")
    from projects import access
    from projects.models import AccessToken

    builders.token(here.owner)
    token = access.of_token(AccessToken.objects.select_related("owner", "organization").get())
    with pytest.raises(retries.Held):
        retries.retry(run, by=token)
    assert retries.retry(run, by=here.owner).phase == Phase.QUEUED


def test_a_viewer_may_not_retry() -> None:
    here = yard()
    run = failed(here)
    with pytest.raises(NotAllowed):
        retries.retry(run, by=here.cast.viewer)


def test_what_the_run_waited_for_is_queued_again_with_it() -> None:
    here = yard()
    here.worker()
    run = here.deploy().run
    (before,) = work(here)
    Run.objects.filter(pk=run.pk).update(after=before)
    claim.by_control("me", before.pk)
    conclusions.finish(before.pk, 1, "me", Phase.FAILED, "no room")
    assert Run.objects.get(pk=run.pk).phase == Phase.ERRORED

    retries.retry(Run.objects.get(pk=run.pk), by=here.owner)

    assert Run.objects.get(pk=before.pk).phase == Phase.QUEUED
    assert claim.by_control("me", before.pk).attempt == 2


def test_an_environments_own_work_is_retried_with_the_environment() -> None:
    here = yard()
    from environments import lifecycle

    broken = lifecycle.create(by=here.owner, name="broken", provisioner="external")
    run = Run.objects.get(environment=broken)
    claimed = claim.by_control("me", run.pk)
    from environments.doing import provisioning

    provisioning.plan(claimed)
    conclusions.finish(run.pk, 1, "me", Phase.FAILED, "no namespace")
    broken.refresh_from_db()
    assert broken.state == State.ERROR

    again = retries.retry(Run.objects.get(pk=run.pk), by=here.owner)

    broken.refresh_from_db()
    assert (again.pk, again.phase, broken.state) == (run.pk, Phase.QUEUED, State.PROVISIONING)


def test_a_step_that_must_not_be_repeated_is_not_retried_once_it_has_begun() -> None:
    here = yard()
    worker = here.worker()
    manifest = {"steps": [{"name": "migrate", "run": "true", "once": True}], "services": []}
    run = here.deploy("1.0", manifest=manifest).run
    claim.by_worker(worker, "key")
    conclusions.finish(run.pk, 1, worker, Phase.FAILED, "not even begun")
    run = retries.retry(Run.objects.get(pk=run.pk), by=here.owner)
    claim.by_worker(worker, "other")
    steps.report(run.pk, 2, worker, Report(n=2, name="migrate", phase="succeeded", once=True))
    conclusions.finish(run.pk, 2, worker, Phase.FAILED, "no luck")

    with pytest.raises(retries.CannotRetry, match="migrate"):
        retries.retry(Run.objects.get(pk=run.pk), by=here.owner)


def test_nothing_of_an_archived_app_is_retried() -> None:
    here = yard()
    run = failed(here)
    apps.archive(here.app, by=here.owner)

    with pytest.raises(retries.CannotRetry, match="archived"):
        retries.retry(run, by=here.owner)
