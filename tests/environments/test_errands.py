"""Runs of workflows and agents: who may ask for them, what their worker is told, and what stops them."""

import uuid

import pytest

from environments import cancellations, errands, lifecycle, retries
from environments.configuration import secrets, variables
from environments.doing import assignments, conclusions
from environments.lifecycle.wishes import InFlight
from environments.models import Environment, Phase, Run, RunKind, RunStep, State
from environments.resolving.scopes import Scope
from environments.runs import expire
from projects import workflows
from projects.credentials import Secret
from projects.errors import Conflict, Invalid, NotAllowed, NotFound
from projects.models import Agent, Event, Team, Workflow
from tests.environments.house import House, house

pytestmark = pytest.mark.django_db

INPUTS = {"who": {"type": "text", "required": True}, "dry": {"type": "boolean", "default": True}}
STEPS = [{"name": "hello", "run": "echo $INPUT_WHO", "env": {"MODE": "fast"}}, {"name": "bye", "run": "true"}]


class World:
    def __init__(self) -> None:
        self.house: House = house()
        self.owner = self.house.owner
        self.project = self.house.project()
        self.environment = self.house.environment("development")
        self.worker = self.house.workers[self.environment.id]

    def workflow(self, **fields) -> Workflow:
        wish = {"name": "Nightly", "steps": STEPS, "inputs": INPUTS, "project": self.project} | fields
        return workflows.create(by=self.owner, **wish)

    def run(self, workflow: Workflow | None = None, **fields) -> Run:
        wish = {"by": self.owner, "environment": self.environment, "inputs": {"who": "you"}} | fields
        return errands.run_workflow(workflow or self.workflow(), **wish)

    def agent(self, **fields) -> Agent:
        fields = {"name": "robot", "command": "think", "model_id": "m-1", "system_prompt": "Be kind."} | fields
        agent = Agent.objects.create(organization=self.house.organization, **fields)
        agent.projects.add(self.project)
        return agent

    def claimed(self) -> dict | None:
        return assignments.take(self.worker, uuid.uuid4().hex)["run"]

    def hide(self, key: str, value: str, scope: Scope | None = None) -> None:
        secrets.create(scope or Scope(), by=self.owner, key=key, value=Secret(value))


def test_a_worker_is_told_steps_inputs_and_what_resolves_at_the_claim() -> None:
    here = World()
    here.hide("TOKEN", "hunter22")
    variables.create(Scope(), by=here.owner, key="LINK", value="https://x/{{TOKEN}}")
    run = here.run()
    variables.create(Scope(environment=here.environment), by=here.owner, key="LEVEL", value="9")

    told = here.claimed()

    assert told is not None
    assert (told["action"], told["kind"], told["project"]["key"]) == ("errand", "workflow", "WEB")
    assert [(step["n"], step["name"], step["env"]) for step in told["steps"]] == [
        (1, "hello", {"MODE": "fast"}),
        (2, "bye", {}),
    ]
    assert told["env"] == {
        "TOKEN": "hunter22",
        "LINK": "https://x/hunter22",
        "LEVEL": "9",
        "INPUT_WHO": "you",
        "INPUT_DRY": "true",
        "TOWPATH_RUN": str(run.pk),
        "TOWPATH_ENVIRONMENT": "development",
        "TOWPATH_PROJECT": "WEB",
        "TOWPATH_WORKFLOW": "Nightly",
    }
    assert told["masks"] == ["https://x/hunter22", "hunter22"]
    assert list(RunStep.objects.filter(run=run).values_list("name", flat=True)) == ["hello", "bye"]


def test_an_agent_is_told_its_model_prompt_and_input() -> None:
    here = World()
    team = Team.objects.create(organization=here.house.organization, name="crew")
    agent = here.agent(team=team)
    variables.create(Scope(team=team), by=here.owner, key="LEVEL", value="team")
    variables.create(Scope(agent=agent), by=here.owner, key="LEVEL", value="agent")
    errands.run_agent(agent, by=here.owner, environment=here.environment, input="$(rm -rf /)")

    told = here.claimed()

    assert told is not None and [step["run"] for step in told["steps"]] == ["think"]
    assert {name: value for name, value in told["env"].items() if name != "TOWPATH_RUN"} == {
        "LEVEL": "agent",
        "TOWPATH_ENVIRONMENT": "development",
        "TOWPATH_PROJECT": "WEB",
        "TOWPATH_AGENT": "robot",
        "TOWPATH_INPUT": "$(rm -rf /)",
        "TOWPATH_AGENT_MODEL": "m-1",
        "TOWPATH_AGENT_RUNTIME": "",
        "TOWPATH_AGENT_SYSTEM_PROMPT": "Be kind.",
    }


def test_an_agent_of_several_projects_or_none_is_run_for_the_one_that_is_named() -> None:
    here = World()
    agent, other = here.agent(), here.house.project("OTHER")
    with pytest.raises(Invalid):
        errands.run_agent(agent, by=here.owner, environment=here.environment, project=other)
    agent.projects.add(other)
    with pytest.raises(Invalid):
        errands.run_agent(agent, by=here.owner, environment=here.environment)

    assert errands.run_agent(agent, by=here.owner, environment=here.environment, project=other).project == other

    agent.projects.clear()
    with pytest.raises(Invalid):
        errands.run_agent(agent, by=here.owner, environment=here.environment)
    assert errands.run_agent(agent, by=here.owner, environment=here.environment, project=other).project == other


def test_what_does_not_resolve_ends_the_run_and_is_named() -> None:
    here = World()
    variables.create(Scope(), by=here.owner, key="URL", value="https://{{HOST}}/{{.secret.KEY}}")
    run = here.run()

    assert here.claimed() is None

    run.refresh_from_db()
    assert run.phase == Phase.ERRORED
    assert "URL has no value" in run.reason and "{{HOST}}" in run.reason
    assert Event.objects.filter(kind="workflow.run_errored").count() == 1


def test_required_secrets_that_are_not_there_end_the_run_and_are_named() -> None:
    here = World()
    team = Team.objects.create(organization=here.house.organization, name="crew", required_secrets=["THEIRS"])
    agent = here.agent(team=team, required_secrets=["MINE", "PLAIN"])
    variables.create(Scope(), by=here.owner, key="PLAIN", value="x")
    run = errands.run_agent(agent, by=here.owner, environment=here.environment)

    assert here.claimed() is None

    run.refresh_from_db()
    assert (run.phase, run.max_attempts) == (Phase.ERRORED, 1)
    assert run.reason == (
        "crew requires the secret THEIRS, which is set nowhere here. robot requires the secret MINE, which is set "
        "nowhere here. robot requires the secret PLAIN, and PLAIN is a variable here."
    )
    here.hide("THEIRS", "value-1")
    here.hide("MINE", "value-2")
    Agent.objects.filter(pk=agent.pk).update(required_secrets=["MINE"])
    retries.retry(run, by=here.owner)
    told = here.claimed()
    assert told is not None and told["attempt"] == 2 and told["env"]["MINE"] == "value-2"


def test_a_run_keeps_what_was_asked_for_whatever_becomes_of_the_workflow() -> None:
    here = World()
    workflow = here.workflow()
    here.run(workflow)
    workflows.update(workflow, by=here.owner, steps=[{"name": "new", "run": "false"}])
    workflows.archive(workflow, by=here.owner)

    told = here.claimed()

    assert told is not None and [step["name"] for step in told["steps"]] == ["hello", "bye"]
    with pytest.raises(workflows.Archived):
        here.run(workflow)


def test_inputs_are_checked_by_their_types_and_every_wrong_one_is_named() -> None:
    here = World()
    kinds = {
        "count": {"type": "number", "default": 3},
        "size": {"type": "choice", "options": ["small", "large"], "default": "small"},
        "sure": {"type": "boolean", "required": True},
        "note": {"type": "text"},
    }
    workflow = here.workflow(inputs=kinds)

    with pytest.raises(Invalid) as caught:
        here.run(workflow, inputs={"count": "many", "size": "huge", "note": ["a"], "other": "x"})
    assert sorted(error["field"] for error in caught.value.errors) == [
        "inputs.count",
        "inputs.note",
        "inputs.other",
        "inputs.size",
        "inputs.sure",
    ]
    assert here.run(workflow, inputs={"sure": False}).inputs == {"count": "3", "size": "small", "sure": "false"}


@pytest.mark.parametrize(
    ("inputs", "field"),
    [
        ({"1st": {}}, "inputs.1st"),
        ({"a": {"type": "date"}}, "inputs.a.type"),
        ({"a": {"type": "choice"}}, "inputs.a.options"),
        ({"a": {"type": "choice", "options": ["x"], "default": "y"}}, "inputs.a.default"),
        ({"a": {"type": "number", "default": "y"}}, "inputs.a.default"),
        ({"a": {"options": ["x"]}}, "inputs.a.options"),
        ({"a": {}, "A": {}}, "inputs.A"),
        ({"a": {"need": True}}, "inputs.a.need"),
        ({"a": "text"}, "inputs.a"),
    ],
)
def test_inputs_that_make_no_sense_are_refused(inputs, field) -> None:
    with pytest.raises(Invalid) as caught:
        World().workflow(inputs=inputs)
    assert caught.value.errors[0]["field"] == field


@pytest.mark.parametrize(
    ("steps", "field"),
    [
        ([], "steps"),
        ([{"name": "x"}], "steps[0].run"),
        ([{"name": "x", "run": "true", "env": {"PATH": "/"}}], "steps[0].env.PATH"),
        ([{"name": "x", "run": "true"}, {"name": "X", "run": "true"}], "steps[1].name"),
        ([{"name": "x", "run": "true", "timeout": "9 moons"}], "steps[0].timeout"),
    ],
)
def test_steps_are_checked_as_a_manifests_are(steps, field) -> None:
    with pytest.raises(Invalid) as caught:
        World().workflow(steps=steps)
    assert caught.value.errors[0]["field"] == field


def test_names_are_unique_in_a_project_among_those_in_use() -> None:
    here = World()
    first = here.workflow()
    with pytest.raises(workflows.NameTaken):
        here.workflow(name="nightly")
    here.workflow(project=None)
    workflows.archive(first, by=here.owner)
    here.workflow(name="nightly")
    with pytest.raises(workflows.NameTaken):
        workflows.restore(first, by=here.owner)


def test_only_who_may_deploy_there_may_run_and_only_admins_change_workflows() -> None:
    here = World()
    workflow = here.workflow()
    operator, viewer = here.house.person("operator"), here.house.person("viewer")

    here.run(workflow, by=operator)

    with pytest.raises(NotAllowed):
        here.run(workflow, by=viewer)
    with pytest.raises(NotAllowed):
        workflows.update(workflow, by=operator, name="Mine")
    Environment.objects.filter(pk=here.environment.pk).update(protected=True)
    with pytest.raises(NotAllowed):
        here.run(workflow, by=operator)
    here.run(workflow, by=here.house.person("operator", environment=here.environment))


def test_what_belongs_to_an_unseen_project_is_not_found() -> None:
    here = World()
    workflow, run = here.workflow(), here.run(here.workflow(name="Other"))
    stranger = here.house.person("operator", project=here.house.project("ELSE"))
    with pytest.raises(NotFound):
        workflows.find(stranger, workflow.pk)
    assert not workflows.visible(stranger).exists()
    with pytest.raises(NotFound):
        cancellations.cancel(run, by=stranger)


def test_an_environment_that_takes_no_work_or_not_this_projects_refuses() -> None:
    here = World()
    workflow = here.workflow()
    other = here.house.environment("other")
    Environment.objects.filter(pk=here.environment.pk).update(state=State.STOPPED)
    with pytest.raises(errands.CannotRun):
        here.run(workflow)
    here.project.restrict_to_environment_id = here.environment.pk
    here.project.save()
    with pytest.raises(errands.CannotRun):
        here.run(workflow, environment=other)


def test_a_workflow_does_not_run_in_an_environment_of_another_project() -> None:
    here = World()
    theirs = here.house.environment("theirs")
    Environment.objects.filter(pk=theirs.pk).update(project=here.house.project("OTHER"))
    with pytest.raises(errands.CannotRun, match="belongs to another project than WEB"):
        here.run(environment=theirs)
    assert not Run.objects.filter(kind=RunKind.WORKFLOW).exists()


def test_a_lost_attempt_of_a_workflow_is_repeated_once_and_an_agents_never() -> None:
    here = World()
    flow = here.run()
    assert here.claimed() is not None
    conclusions.settle(flow.pk, lost=True)
    flow.refresh_from_db()
    assert (flow.phase, flow.host_id) == (Phase.QUEUED, None)
    told = here.claimed()
    assert told is not None and told["attempt"] == 2
    conclusions.settle(flow.pk, lost=True)
    flow.refresh_from_db()
    assert flow.phase == Phase.ERRORED

    robot = errands.run_agent(here.agent(), by=here.owner, environment=here.environment)
    assert here.claimed() is not None
    conclusions.settle(robot.pk, lost=True)
    robot.refresh_from_db()
    assert robot.phase == Phase.ERRORED
    assert expire.verdict(robot) is None


def test_a_step_that_must_not_be_repeated_is_not_retried() -> None:
    here = World()
    run = here.run(here.workflow(steps=[{"name": "pay", "run": "true", "once": True}]))
    here.claimed()
    RunStep.objects.filter(run=run).update(phase="running", started_at=run.created_at)
    conclusions.settle(run.pk, lost=True)
    run.refresh_from_db()
    assert run.phase == Phase.ERRORED
    with pytest.raises(retries.CannotRetry):
        retries.retry(run, by=here.owner)


def test_a_run_is_cancelled_in_the_queue_and_told_of_it_later() -> None:
    here = World()
    queued = cancellations.cancel(here.run(), by=here.owner)
    assert queued.phase == Phase.CANCELLED
    again = retries.retry(queued, by=here.owner)
    here.claimed()
    again = cancellations.cancel(again, by=here.owner)
    assert (again.phase, again.cancel_asked_at is not None) == (Phase.RUNNING, True)
    conclusions.finish(again.pk, again.attempt, here.worker, Phase.CANCELLED)
    assert set(Event.objects.values_list("kind", flat=True)) >= {"workflow.run_asked", "workflow.run_cancelled"}


def test_an_environment_with_a_run_in_flight_is_not_stopped_under_it() -> None:
    here = World()
    run = here.run()
    with pytest.raises(InFlight, match="Nightly"):
        lifecycle.stop(here.environment, by=here.owner)
    with pytest.raises(Conflict):
        lifecycle.delete(here.environment, by=here.owner)
    lifecycle.delete(here.environment, by=here.owner, force=True)
    run.refresh_from_db()
    assert run.cancel_asked_at is not None


def test_a_place_of_the_process_provisioner_is_prepared_first() -> None:
    here = World()
    Environment.objects.filter(pk=here.environment.pk).update(provisioner="process")
    here.environment.refresh_from_db()

    run = here.run()

    assert run.after is not None and run.after.kind == RunKind.PREPARE and run.after.project == here.project
    assert here.claimed() is None
