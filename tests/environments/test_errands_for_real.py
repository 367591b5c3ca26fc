"""A workflow in a real environment: a real web process, a real worker, the project's own user where there is one."""

import base64
import os
import signal

import pytest

from environments import cancellations, errands
from environments.configuration import secrets, variables
from environments.doing import performing
from environments.models import Account, Phase, Run, RunStep
from environments.resolving.scopes import Scope
from environments.runs import logs
from projects import lifecycle as projects
from projects import workflows
from projects.credentials import Secret
from tests.environments.site import Site, until

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "hunter2 and/or+more"
HELLO = 'id -u; echo "for $INPUT_WHO at $LEVEL"; echo "by $TOKEN"; printf %s "$TOKEN" | base64; pwd'


class Workshop:
    def __init__(self, site: Site) -> None:
        self.site = site
        self.environment = site.environment()
        self.project = projects.create(by=site.owner, key="WEB", name="Web")
        secrets.create(Scope(project=self.project), by=site.owner, key="TOKEN", value=Secret(SECRET))
        variables.create(Scope(environment=self.environment), by=site.owner, key="LEVEL", value="9")

    def run(self, *commands: str, **inputs: str) -> Run:
        steps = [{"name": f"step {n}", "run": command} for n, command in enumerate(commands, start=1)]
        asked = {name: {"type": "text"} for name in inputs}
        workflow = workflows.create(
            by=self.site.owner, project=self.project, name=f"flow {Run.objects.count()}", steps=steps, inputs=asked
        )
        run = errands.run_workflow(workflow, by=self.site.owner, environment=self.environment, inputs=inputs)
        performing.perform_all()
        return run

    def ended(self, run: Run) -> Run:
        until(lambda: Run.objects.filter(pk=run.pk, finished_at__isnull=False).exists(), 60, "the run ends")
        return Run.objects.get(pk=run.pk)

    def said(self, run: Run) -> str:
        return "\n".join(line["text"] for line in logs.read(Run.objects.get(pk=run.pk), limit=10_000))

    def worker(self) -> int:
        """The process of the environment's worker."""
        found = [one for one in self.site.processes(self.environment) if "worker start" in " ".join(one.cmdline())]
        return found[0].pid


def test_it_runs_as_the_projects_user_with_what_resolves_and_says_no_secret(site: Site) -> None:
    shop = Workshop(site)

    run = shop.ended(shop.run(HELLO, "echo second", WHO="$(reboot)"))

    said = shop.said(run)
    assert run.phase == Phase.SUCCEEDED, (run.reason, said)
    assert "for $(reboot) at 9" in said and "by •••" in said
    assert SECRET not in said and base64.b64encode(SECRET.encode()).decode()[:10] not in said
    assert list(RunStep.objects.filter(run=run).values_list("name", "phase")) == [
        ("step 1", "succeeded"),
        ("step 2", "succeeded"),
    ]
    account = Account.objects.get(environment=shop.environment, project=shop.project)
    assert account.uid is None or str(account.uid) in said.splitlines()
    place = f"{shop.environment.directory}/projects/WEB/releases"
    assert os.listdir(place) == []


def test_a_failing_step_a_cancelled_run_and_a_killed_worker(site: Site) -> None:
    shop = Workshop(site)

    failed = shop.ended(shop.run('echo "no $TOKEN"; exit 3', "echo never"))
    assert (failed.phase, failed.reason) == (Phase.FAILED, "step 1 ended with exit code 3")
    assert failed.last_lines == ["no •••"]

    slow = shop.run("echo begun; sleep 300")
    until(lambda: "begun" in shop.said(slow).splitlines(), 30, "its output is there while it runs")
    cancellations.cancel(Run.objects.get(pk=slow.pk), by=site.owner)
    assert shop.ended(slow).phase == Phase.CANCELLED

    again = shop.run("echo attempt $TOWPATH_ATTEMPT; ls; touch here; [ $TOWPATH_ATTEMPT = 2 ] || sleep 300")
    until(lambda: "attempt 1" in shop.said(again).splitlines(), 30, "the first attempt is at work")
    os.kill(shop.worker(), signal.SIGKILL)
    again = shop.ended(again)
    assert (again.phase, again.attempt, again.ends) == (Phase.SUCCEEDED, 2, {"1": "lost"})
    assert shop.said(again).splitlines()[-1] == "attempt 2"
    assert os.listdir(f"{shop.environment.directory}/projects/WEB/releases") == []
