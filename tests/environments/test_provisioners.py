"""What every provisioner promises: steps that can be repeated, environments that come, rest and go without a trace."""

import os
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest
from django.utils import timezone

from environments import lifecycle, worker_tokens
from environments.delivery import removals
from environments.doing import overseeing, performing, provisioning
from environments.doing.progress import Progress, Step, StepFailed
from environments.doing.provisioners import DRIVERS, accounts, driver_of
from environments.management.commands import scheduler
from environments.models import Account, Endpoint, Environment, Host, Run, RunKind, State, Worker
from environments.runs import sessions
from tests.environments import site as sites
from tests.environments.site import Ground, Site, until
from tests.patience import patience

SERVICE = {
    "services": [
        {
            "name": "web",
            "run": "python3 -m http.server $PORT --bind 127.0.0.1",
            "health": {"http": "/", "within": "30s"},
        }
    ]
}


@pytest.fixture(params=["external", "process", "process, one user"])
def place(
    request: pytest.FixtureRequest, ground: Ground, server_environment: dict[str, str]
) -> Iterator[tuple[Site, str]]:
    driver, _, shared = request.param.partition(", ")
    if not shared and driver == "process" and os.geteuid() != 0:
        pytest.skip("users are separated by root only")
    with sites.site(ground, server_environment, isolated=not shared and ground.record.isolated) as made:
        yield made, driver


def carry_out(steps: Sequence[Step], *, times: int = 1) -> list[str]:
    """Carry every step out, as often as it is said before the next one; what they say."""
    said: list[str] = []
    for step in steps:
        for _ in range(times):
            step.act(Progress(lambda text, stream: said.append(text), time.monotonic() + step.timeout))
    return said


def made(place: tuple[Site, str], name: str = "development") -> Environment:
    """Its provisioning has begun, and nothing is made of it yet."""
    site, driver = place
    environment = lifecycle.create(by=site.owner, name=name, provisioner=driver)
    provisioning.plan(Run.objects.get(environment=environment))
    environment.refresh_from_db()
    return environment


def test_every_driver_says_its_name() -> None:
    assert {name: driver.name for name, driver in DRIVERS.items()} == {"process": "process", "external": "external"}


def test_every_step_has_a_name_of_its_own_and_a_deadline(place: tuple[Site, str]) -> None:
    environment = made(place)
    driver = driver_of(environment)
    for steps in (
        driver.provision(environment, rest=False),
        driver.provision(environment, rest=True),
        driver.start(environment),
        driver.stop(environment),
        driver.terminate(environment),
    ):
        assert len({step.name for step in steps}) == len(steps)
        assert all(0 < step.timeout <= 300 for step in steps)


def test_steps_repeated_leave_what_one_leaves(place: tuple[Site, str]) -> None:
    environment = made(place)
    driver = driver_of(environment)

    carry_out(driver.provision(environment, rest=False))
    first = list(Account.objects.filter(environment=environment).values_list("uid", flat=True))
    token = worker_tokens.give(environment, Worker.Kind.BUILTIN).reveal()
    carry_out(driver.provision(environment, rest=False))

    environment.refresh_from_db()
    assert list(Account.objects.filter(environment=environment).values_list("uid", flat=True)) == first
    assert worker_tokens.give(environment, Worker.Kind.BUILTIN).reveal() == token
    if environment.directory:
        assert (Path(environment.directory) / "worker" / "token").read_text().strip() == token


def test_an_environment_comes_up_stops_starts_and_goes(place: tuple[Site, str]) -> None:
    site, driver = place
    environment = site.environment(provisioner=driver)
    assert environment.state == State.RUNNING, environment.error_message
    builtin = Worker.objects.filter(environment=environment, kind="builtin", ended_at=None)
    assert builtin.exists() == (driver == "process")

    lifecycle.stop(environment, by=site.owner)
    performing.perform_all()
    environment.refresh_from_db()
    assert environment.state == State.STOPPED
    assert not builtin.exists() and site.processes(environment) == []

    lifecycle.start(environment, by=site.owner)
    performing.perform_all()
    environment.refresh_from_db()
    assert environment.state == State.RUNNING, environment.error_message

    lifecycle.delete(environment, by=site.owner)
    performing.perform_all()
    environment.refresh_from_db()
    assert environment.terminated_at is not None, environment.error_message
    assert_nothing_is_left(site, environment)


def test_an_environment_that_is_wished_inactive_runs_nothing(place: tuple[Site, str]) -> None:
    site, driver = place
    environment = site.environment(provisioner=driver, status="inactive")

    assert environment.state == State.STOPPED
    assert site.processes(environment) == [] and site.programs(environment) == []


def test_whatever_was_made_before_a_failure_can_be_taken_away(place: tuple[Site, str]) -> None:
    site, _ = place
    environment = made(place)
    driver = driver_of(environment)
    steps = driver.provision(environment, rest=False)

    for count in range(len(steps)):
        carry_out(steps[:count])
        environment.refresh_from_db()
        carry_out(driver.terminate(environment), times=2)
        assert_nothing_is_left(site, environment)


def test_a_project_is_prepared_and_its_release_serves_and_goes(place: tuple[Site, str]) -> None:
    site, driver = place
    if driver == "external":
        pytest.skip("joined workers prepare projects themselves")
    environment = site.environment(provisioner=driver)
    deployment = site.deploy(environment, manifest=SERVICE)
    assert site.run_of(deployment).phase == "succeeded", site.output(site.run_of(deployment))
    endpoint = Endpoint.objects.get(environment=environment)
    link = site.ground.home / "endpoints" / str(endpoint.port)
    assert endpoint.linked_at and httpx.get(f"http://127.0.0.1:{link.read_text().strip()}/").status_code == 200

    carry_out(driver_of(environment).prepare(environment, site.projects["WEB"]), times=2)
    assert httpx.get(f"http://127.0.0.1:{link.read_text().strip()}/").status_code == 200

    lifecycle.stop(environment, by=site.owner)
    performing.perform_all()
    assert site.processes(environment) == []
    lifecycle.start(environment, by=site.owner)
    performing.perform_all()
    until(lambda: httpx.get(f"http://127.0.0.1:{link.read_text().strip()}/").status_code == 200, 20)

    lifecycle.delete(environment, by=site.owner)
    performing.perform_all()
    environment.refresh_from_db()
    assert environment.terminated_at, environment.error_message
    assert_nothing_is_left(site, environment)
    assert not link.is_symlink()


def test_a_removed_app_answers_no_more_at_the_address_it_had(site: Site) -> None:
    environment = site.environment()
    app = site.deploy(environment, manifest=SERVICE).app
    removal = removals.remove(by=site.owner, app=app, environment=environment)
    until(lambda: site.run_of(removal).finished_at, 60)
    endpoint = Endpoint.objects.get(environment=environment)
    link = site.ground.home / "endpoints" / str(endpoint.port)
    assert endpoint.released_at and link.is_symlink()

    scheduler.work(also_seldom=False)

    endpoint.refresh_from_db()
    assert not link.is_symlink() and endpoint.linked_at is None
    # As a version before this one left it: what was released had not been closed before it was given again.
    Endpoint.objects.filter(pk=endpoint.pk).update(linked_at=timezone.now())
    endpoint.pk, endpoint.released_at, endpoint.linked_at = uuid.uuid4(), None, timezone.now()
    endpoint.save(force_insert=True)
    link.symlink_to("of the live one")
    scheduler.work(also_seldom=False)
    assert link.is_symlink(), "what is given again stays open"


def test_an_environment_goes_however_deep_a_step_has_dug(place: tuple[Site, str]) -> None:
    site, driver = place
    if driver == "external":
        pytest.skip("it has no directory here")
    environment = made(place)
    carry_out(driver_of(environment).provision(environment, rest=True))
    environment.refresh_from_db()
    deepest = os.open(environment.directory, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=deepest)
        below = os.open("d", os.O_RDONLY, dir_fd=deepest)
        os.close(deepest)
        deepest = below
    os.close(deepest)

    carry_out(driver_of(environment).terminate(environment))

    assert_nothing_is_left(site, environment)


def test_what_was_restored_with_nothing_but_its_rows_runs_again(site: Site) -> None:
    environment = site.environment()
    worker = Worker.objects.get(environment=environment, ended_at=None)
    site.ground.clear()

    overseeing.bring_up_to_date()
    until(lambda: Worker.objects.filter(environment=environment, ended_at=None).exclude(pk=worker.pk).exists(), 30)
    before = site.processes(environment)
    overseeing.bring_up_to_date()
    assert site.processes(environment) == before, "and nothing is touched where nothing changed"


def test_what_lives_on_another_machine_is_not_brought_up_on_this_one(site: Site) -> None:
    environment = site.environment()
    elsewhere = Host.objects.create(name="node-2", address="10.0.0.2")
    Environment.objects.filter(pk=environment.pk).update(host=elsewhere)
    site.ground.clear()

    overseeing.bring_up_to_date()

    assert site.programs(environment) == [] and site.processes(environment) == []


@pytest.mark.parametrize("state", [State.RUNNING, State.ERROR])
def test_a_worker_that_came_up_with_another_token_comes_up_again_with_its_own(site: Site, state: State) -> None:
    environment = site.environment()
    file = Path(environment.directory) / "worker" / "token"
    # As an installation has it in which there was one token for every kind.
    own = file.read_text()
    file.write_text(worker_tokens.give(environment).reveal() + "\n")
    Worker.objects.filter(environment=environment, ended_at=None).update(kind="joined")
    Environment.objects.filter(pk=environment.pk).update(state=state)

    overseeing.bring_up_to_date()

    assert file.read_text() == own
    builtin = Worker.objects.filter(environment=environment, ended_at=None, kind="builtin")
    until(builtin.exists, 30)


def test_a_retry_behind_the_step_that_wrote_the_token_writes_it_anew(site: Site) -> None:
    environment = site.environment()
    driver = driver_of(environment)
    carry_out(driver.stop(environment))
    file = Path(environment.directory) / "worker" / "token"
    own = file.read_text()
    file.write_text(worker_tokens.give(environment).reveal() + "\n")

    carry_out([step for step in driver.provision(environment, rest=False) if step.name == "First heartbeat"])

    assert file.read_text() == own


def test_a_file_of_a_workers_user_is_read_without_waiting_and_through_no_link(tmp_path: Path) -> None:
    file, other = tmp_path / "token", tmp_path / "other"
    other.write_text("told\n")
    assert not accounts.holds(file, "told\n")
    file.symlink_to(other)
    assert not accounts.holds(file, "told\n")
    file.unlink()
    os.mkfifo(file)
    begun = time.monotonic()
    assert not accounts.holds(file, "told\n") and time.monotonic() - begun < patience(1)
    file.unlink()
    file.mkdir()
    assert not accounts.holds(file, "told\n")
    file.rmdir()
    for text, same in (("told\n", True), ("told\nand more", False), ("tol", False), ("\udc80", False)):
        file.write_bytes(text.encode("utf-8", "surrogateescape"))
        assert accounts.holds(file, "told\n") is same


def test_a_broken_supervisor_is_a_sentence(site: Site, tmp_path: Path) -> None:
    environment = lifecycle.create(by=site.owner, name="development")
    steps = {step.name: step for step in driver_of(environment).provision(environment, rest=False)}
    with sites.override_settings(TOWPATH_HOME=tmp_path), pytest.raises(StepFailed, match="is Towpath running"):
        carry_out([steps["Supervisor"]])


def assert_nothing_is_left(site: Site, environment: Environment) -> None:
    assert site.processes(environment) == []
    assert site.programs(environment) == []
    assert not list((site.ground.home / "supervisor" / "conf.d").glob(f"*{environment.id.hex}*"))
    assert not list((site.ground.home / "logs").glob(f"*{environment.id.hex}*"))
    assert not environment.directory or not Path(environment.directory).exists()
    assert not Endpoint.objects.filter(environment=environment, released_at=None).exists()
    assert not Account.objects.filter(environment=environment, removed_at=None).exists()
    if environment.terminated_at:
        assert sessions.alive([environment.id])[environment.id] == []
        assert not Run.objects.filter(environment=environment, phase__in=["queued", "running"]).exists()
        assert Run.objects.get(environment=environment, kind=RunKind.TERMINATE).phase == "succeeded"
