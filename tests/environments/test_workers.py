"""Workers join, prove a restart, fall silent, come back and leave."""

import shlex
import uuid

import pytest
from django.db import connection

from environments import workers
from environments.doing import sweeping
from environments.models import Environment, Host, Phase, Run, State, Worker
from environments.runs import claim, sessions
from projects.errors import Invalid, NotAllowed, NotFound
from projects.models import Event
from tests.environments.test_runs_claim import together
from tests.environments.yard import Yard, new_machine, yard

pytestmark = pytest.mark.django_db


def told(here: Yard) -> list[str]:
    kinds = Event.objects.filter(environment_id=here.environment.pk, kind__startswith="worker").order_by("number")
    return list(kinds.values_list("kind", flat=True))


def silence(worker: Worker) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE environments_worker SET lease_until = clock_timestamp() - interval '1 second' WHERE id = %s",
            [worker.pk],
        )


def fresh(worker: Worker) -> Worker:
    return Worker.objects.get(pk=worker.pk)


def test_a_restart_that_proves_itself_closes_the_old_session_and_gives_its_runs_back_at_once() -> None:
    here = yard()
    machine = new_machine()
    old = here.worker(machine=machine)
    here.deploy()
    run = claim.by_worker(old, "key")

    new = here.worker(machine=machine, previous=here.session(old))

    assert (fresh(old).end_reason, fresh(new).ended_at) == (sessions.SUPERSEDED, None)
    assert Run.objects.get(pk=run.pk).phase == Phase.QUEUED
    assert claim.by_worker(new, "next").attempt == 2
    with pytest.raises(sessions.Superseded):
        sessions.of(here.session(old))


def test_one_who_proves_nothing_is_a_new_worker_beside_the_others() -> None:
    here = yard()
    first = here.worker()
    second = here.worker(previous="tps_invented")
    assert fresh(first).ended_at is None and fresh(second).ended_at is None


def test_a_session_of_another_environment_proves_nothing() -> None:
    here = yard("development")
    there = here.another("staging")
    other = there.worker()
    here.worker(previous=here.session(other))
    assert fresh(other).ended_at is None


@pytest.mark.django_db(transaction=True)
def test_a_silent_worker_is_noted_as_lost_once_and_comes_back() -> None:
    here = yard()
    worker = here.worker()
    silence(worker)

    together(sweeping.sweep, sweeping.sweep, sweeping.sweep)
    assert fresh(worker).lost_at is not None
    workers.heartbeat(sessions.of(here.session(worker)), status="idle")

    assert fresh(worker).lost_at is None
    assert told(here) == ["worker.registered", "worker.lost", "worker.returned"]


def test_a_lost_worker_that_was_sent_away_does_not_come_back() -> None:
    here = yard()
    worker = here.worker()
    silence(worker)
    sweeping.sweep()
    late = workers.find(here.owner, worker.pk)
    workers.disconnect(fresh(worker), by=here.owner, reason="maintenance")

    with pytest.raises(sessions.Ended, match="maintenance"):
        workers.heartbeat(fresh(worker), status="idle")
    workers.heartbeat(late, status="idle")

    assert fresh(worker).lost_at is not None
    assert told(here) == ["worker.registered", "worker.lost", "worker.disconnected"]


def test_leaving_gives_runs_back_and_ends_the_session() -> None:
    here = yard()
    worker = here.worker()
    here.deploy()
    run = claim.by_worker(worker, "key")

    workers.disconnect(worker, by=sessions.actor_of(worker), reason="stopped", exit_code=3)
    workers.disconnect(worker, by=sessions.actor_of(worker), reason="again")

    assert Run.objects.get(pk=run.pk).phase == Phase.QUEUED
    assert fresh(worker).end_reason == "stopped (exit code 3)"
    assert told(here) == ["worker.registered", "worker.disconnected"]


def test_the_worker_command_shows_the_token_to_those_who_may_and_is_an_event() -> None:
    here = yard()

    answer = workers.command(here.environment, by=here.owner, server="http://127.0.0.1:8000")

    assert answer["command"].startswith("towpath worker start --token tpw_")
    assert f"--environment {here.environment.name} --server http://127.0.0.1:8000" in answer["command"]
    assert answer["can_register"] is True and answer["namespace_status"] == "ready"
    assert told(here) == ["worker_token.read"]
    assert answer["worker_token"] not in str(list(Event.objects.values_list("data", "object")))
    with pytest.raises(NotAllowed):
        workers.command(here.environment, by=here.cast.viewer, server="http://x")
    with pytest.raises(NotFound):
        workers.find(here.cast.stranger, here.worker().pk)


def test_the_worker_command_is_quoted_for_a_shell() -> None:
    here = yard("my own dev")
    answer = workers.command(here.environment, by=here.owner, server="http://x")
    assert shlex.split(answer["command"])[-4:] == ["--environment", "my own dev", "--server", "http://x"]


def test_a_place_for_the_built_in_worker_is_taken_over_by_whoever_comes_later() -> None:
    here = placed(yard())
    first = builtin(here)
    second = builtin(here)

    assert fresh(first.worker).end_reason == sessions.SUPERSEDED
    assert second.worker.host_id == here.environment.host_id


@pytest.mark.django_db(transaction=True)
def test_two_built_in_workers_at_the_same_moment_leave_one() -> None:
    here = placed(yard())
    together(*[lambda: builtin(here) for _ in range(4)])
    assert Worker.objects.filter(environment=here.environment, ended_at=None).count() == 1


def test_an_environment_without_a_place_takes_no_built_in_worker() -> None:
    here = yard()
    with pytest.raises(Invalid):
        builtin(here)


def test_a_returning_worker_is_let_in_while_the_environment_stops_and_a_newcomer_is_not() -> None:
    here = yard()
    machine = new_machine()
    worker = here.worker(machine=machine)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE environments_environment SET state = %s WHERE id = %s", ["stopping", here.environment.pk]
        )
    here.environment.refresh_from_db()
    assert here.environment.state == State.STOPPING

    assert here.worker(machine=machine, previous=here.session(worker))
    with pytest.raises(workers.NotReady):
        here.worker()


def test_ending_all_sessions_leaves_none_open() -> None:
    here = yard()
    worker = here.worker()
    here.worker()
    from environments.runs import sessions as rooms
    from projects import events

    ended = events.operation(rooms.end_all)(here.environment, by=here.owner)

    assert ended == 2
    assert Worker.objects.filter(ended_at=None).count() == 0
    assert fresh(worker).end_reason == sessions.TERMINATED


def test_a_machine_that_moves_keeps_its_ports_and_gets_its_new_address() -> None:
    here = yard()
    machine = new_machine()
    here.worker(machine=machine)
    from dataclasses import replace

    here.worker(machine=replace(machine, address="10.0.0.7", endpoint_first=1025))

    host = Host.objects.get(pk=machine.id)
    assert (host.address, host.endpoint_first) == ("10.0.0.7", machine.endpoint_first)


@pytest.mark.parametrize("address", ["evil host", "http://x", "a/b", "", "x\n"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    here = yard()
    from dataclasses import replace

    with pytest.raises(Invalid):
        here.worker(machine=replace(new_machine(), address=address))


def test_what_a_worker_tells_of_itself_is_bounded() -> None:
    here = yard()
    worker = here.worker()
    with pytest.raises(Invalid):
        workers.heartbeat(worker, system_info={"x": "y" * 20_000})


def placed(here: Yard) -> Yard:
    host = Host.objects.create(name="here", address="127.0.0.1", endpoint_first=22000, endpoint_count=20)
    Environment.objects.filter(pk=here.environment.pk).update(host=host, provisioner="process")
    here.environment.refresh_from_db()
    return here


def builtin(here: Yard) -> workers.Registration:
    return workers.register(here.environment, kind="builtin", hostname=uuid.uuid4().hex)
