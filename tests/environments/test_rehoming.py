"""After a restore nothing names the machine that the backup was made on, and nothing is shared with what runs there."""

import os
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from config.env import Installation
from environments import hosts
from environments.delivery import holds
from environments.models import Account, Deployment, Endpoint, Environment, Host, Run, RunKind, Slot, Worker
from environments.planning import addresses
from environments.runs import queue
from projects.models import Event, Organization
from projects.narration import sentence
from tests.environments.house import House, house

pytestmark = pytest.mark.django_db
TAKEN_AT = "2026-01-31T12:00:00+00:00"


def installation(tmp_path: Path, *, first: int, services: int, uids: int) -> Installation:
    return Installation(
        id=str(uuid.uuid4()),
        endpoint_first=first,
        endpoint_count=200,
        service_first=services,
        service_count=2000,
        environments_root=str(tmp_path / str(first)),
        uid_first=uids,
        isolated=os.geteuid() == 0,
    )


class Moved:
    """Two environments of one machine, with something live in the first, and the second gone; then another machine."""

    def __init__(self, settings: Any, tmp_path: Path) -> None:
        self.house: House = house()
        settings.TOWPATH_HOME = tmp_path
        self.old = settings.INSTALLATION = installation(tmp_path, first=20_000, services=22_000, uids=200_000)
        self.here, self.gone = (self.house.environment(name, provisioner="external") for name in ("here", "gone"))
        for environment in (self.gone, self.here):
            hosts.place(environment)
            hosts.account(environment)
        # Its worker is one of this machine.
        Worker.objects.filter(environment=self.here).update(host=self.host)
        self.house.workers[self.here.pk].refresh_from_db()
        release = self.house.release(self.house.app("ledger"), "1.0")
        self.deployment: Deployment = self.house.live(release, self.here)
        self.account = hosts.account(self.here, release.app.project)
        hosts.prepared(self.account)
        if not Endpoint.objects.filter(environment=self.here).exists():
            addresses.allocate(release.app, self.here, release, host=self.host)
        Slot.objects.filter(environment=self.here).update(placement=self.host)
        Environment.objects.filter(pk=self.gone.pk).update(terminated_at=timezone.now())
        hosts.removed(self.gone)
        by = self.house.owner
        run = queue.enqueue(
            kind=RunKind.RESTART, by=by, organization=by.organization, environment=self.here, host=self.host
        )
        Run.objects.filter(pk=run.pk).update(sealed_at=timezone.now())
        self.sealed = run
        self.new = settings.INSTALLATION = installation(tmp_path, first=10_000, services=24_000, uids=700_000)

    @property
    def host(self) -> Host:
        return Host.objects.get(pk=self.old.id)

    def restore(self) -> None:
        call_command("after_restore", "--from", self.old.id, "--taken-at", TAKEN_AT)


@pytest.fixture
def moved(settings: Any, tmp_path: Path) -> Moved:
    return Moved(settings, tmp_path)


def test_every_row_that_named_the_old_machine_names_this_one(moved: Moved) -> None:
    moved.restore()

    assert not Host.objects.filter(pk=moved.old.id).exists()
    new = uuid.UUID(moved.new.id)
    for model, name in (
        *((model, "host_id") for model in (Environment, Account, Endpoint)),
        (Slot, "placement_id"),
    ):
        assert set(model.objects.exclude(**{name: None}).values_list(name, flat=True)) == {new}, model
    assert Run.objects.get(pk=moved.sealed.pk).host_id == new


def test_directories_ports_and_addresses_are_of_this_machine(moved: Moved, tmp_path: Path) -> None:
    moved.restore()

    here, gone = Environment.objects.get(pk=moved.here.pk), Environment.objects.get(pk=moved.gone.pk)
    assert here.directory == f"{moved.new.environments_root}/{here.pk}"
    assert (here.service_first, here.service_count) == (24_000, hosts.BLOCK)
    assert gone.service_count == 0
    assert [one.port for one in Endpoint.objects.filter(environment=here)] == [10_000]
    # Before the first start: that looks at these to know whether its range is in use.
    assert (tmp_path / "endpoints" / "10000").is_symlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives users")
def test_no_user_of_the_old_machine_is_one_here(moved: Moved) -> None:
    moved.restore()

    uids = dict(Account.objects.values_list("environment_id", "uid"))
    assert uids[moved.gone.pk] is None
    live = Account.objects.filter(environment=moved.here).order_by("id").values_list("uid", flat=True)
    assert sorted(live) == [700_000, 700_001]
    assert Host.objects.get(pk=moved.new.id).next_uid == 700_002
    # By this its supervisor is brought back at the start.
    assert Account.objects.get(pk=moved.account.pk).prepared_at is not None


def test_no_run_is_past_its_point_of_no_return_and_no_built_in_worker_is_there(moved: Moved) -> None:
    moved.restore()

    assert Run.objects.get(pk=moved.sealed.pk).sealed_at is None
    assert not Worker.objects.filter(kind=Worker.Kind.BUILTIN, ended_at=None).exists()


def test_the_log_says_so_in_a_new_epoch(moved: Moved) -> None:
    organization = moved.house.organization

    moved.restore()

    assert Organization.objects.get(pk=organization.pk).event_epoch == organization.event_epoch + 1
    told = Event.objects.get(organization_id=organization.pk, kind="organization.restored")
    assert sentence(told).startswith(f"Restored from the backup of {TAKEN_AT}")


def test_what_was_live_is_asked_for_again_and_a_hold_does_not_stop_it_nor_is_it_lifted(moved: Moved) -> None:
    slot = Slot.objects.get(environment=moved.here)
    holds.place(slot.app, slot.environment, by=moved.house.owner)

    moved.restore()

    newest = Deployment.objects.filter(environment=moved.here).order_by("-number").first()
    assert newest is not None
    assert (newest.kind, newest.release, newest.created_by) == ("redeploy", moved.deployment.release, "system")
    assert newest.reason == f"Brought back from the backup of {TAKEN_AT}."
    assert slot.holds.filter(lifted_at=None).exists()


def test_by_hand_it_only_begins_a_new_epoch(moved: Moved) -> None:
    call_command("after_restore")

    assert Host.objects.filter(pk=moved.old.id).exists()
    assert Organization.objects.get(pk=moved.house.organization.pk).event_epoch == 2
