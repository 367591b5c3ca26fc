"""Runs of workflows and agents: what was asked for is written down and queued for the environment's worker."""

from collections.abc import Mapping
from typing import Any

from environments import tasks
from environments.models import Account, Environment, Run, RunKind, State
from environments.runs import queue
from projects import access, definitions, env_names, events, retired, workflows
from projects.access import Actor, Permission
from projects.errors import UNSEEN, Conflict, Invalid, NotFound
from projects.models import Agent, Project, Workflow

# What a run may take beyond the time that its steps have.
MARGIN = 300
AGENT_TIMEOUT = 3600


class CannotRun(Conflict):
    code = "cannot-run"


@events.operation
def run_workflow(
    workflow: Workflow, *, by: Actor, environment: Environment, inputs: Mapping[str, Any] | None = None
) -> Run:
    """Queue a run of its steps as they are now, with these inputs."""
    access.require_own(by, workflow.organization_id)
    workflow = workflows.locked(workflow)
    environment = _locked(environment, workflow.project, by=by)
    workflows.check_open(workflow)
    check(environment, workflow.project)
    run = _enqueue(
        RunKind.WORKFLOW,
        by=by,
        environment=environment,
        project=workflow.project,
        workflow=workflow,
        inputs=definitions.given(workflow.inputs, inputs or {}),
        specification={"name": workflow.name, "steps": workflow.steps},
    )
    _record("workflow.run_asked", run, by=by, object={"kind": "workflow", "id": workflow.id, "name": workflow.name})
    return run


@events.operation
def run_agent(
    agent: Agent, *, by: Actor, environment: Environment, input: str = "", project: Project | None = None
) -> Run:
    """Queue a run of its command; for `project`, which need not be named where the agent has exactly one."""
    access.require_own(by, agent.organization_id)
    agent = Agent.objects.select_for_update(no_key=True).get(pk=agent.pk)
    project = _project_of(agent, project)
    environment = _locked(environment, project, by=by)
    if agent.archived_at is not None:
        raise CannotRun(f"{agent.name} is archived; restore it first.")
    if not agent.command.strip():
        raise CannotRun(f"{agent.name} has no command to run; give it one first.")
    check(environment, project)
    step = {"name": "Command", "run": agent.command, "timeout": AGENT_TIMEOUT, "env": {}, "once": False}
    told = {"model_id": agent.model_id, "runtime": agent.runtime, "system_prompt": agent.system_prompt}
    run = _enqueue(
        RunKind.AGENT,
        by=by,
        environment=environment,
        project=project,
        agent=agent,
        inputs={"input": _input(input)},
        specification={"name": agent.name, "steps": [step], "agent": told},
    )
    _record("agent.run_asked", run, by=by, object={"kind": "agent", "id": agent.id, "name": agent.name})
    return run


def check(environment: Environment, project: Project) -> None:
    """Raise why nothing of the project can be run there now."""
    retired.check_project(project)
    if environment.deleted_at is not None:
        raise NotFound(UNSEEN)
    if environment.state != State.RUNNING:
        state = State(environment.state).label.lower()
        raise CannotRun(f"{environment.title} is {state}; nothing can be run there now.")
    if environment.project_id not in (None, project.pk):
        raise CannotRun(f"{environment.title} belongs to another project than {project.key}.")
    only = project.restrict_to_environment_id
    if only is not None and only != environment.pk:
        raise CannotRun(
            f"{project.key} is restricted to another environment; nothing of it is run in {environment.title}."
        )


def check_again(run: Run) -> None:
    """Raise why it cannot be tried once more: there must still be something to run, and a place for it."""
    assert run.environment is not None and run.project is not None
    if run.workflow is not None:
        workflows.check_open(run.workflow)
    if run.agent is not None and run.agent.archived_at is not None:
        raise CannotRun(f"{run.agent.name} is archived; restore it first.")
    check(run.environment, run.project)


def _locked(environment: Environment, project: Project, *, by: Actor) -> Environment:
    """Behind the lock: somebody may be protecting or stopping it just now."""
    access.require_own(by, environment.organization_id, project.organization_id)
    environment = Environment.objects.select_for_update(no_key=True, of=("self",)).get(pk=environment.pk)
    access.require(
        by,
        Permission.DEPLOY,
        project_id=project.pk,
        environment_id=environment.pk,
        protected=environment.protected,
    )
    return environment


def _project_of(agent: Agent, named: Project | None) -> Project:
    own = list(agent.projects.order_by("key")[:2])
    if named is None:
        if len(own) != 1:
            which = "several projects" if own else "no project"
            raise Invalid.field("project_id", f"{agent.name} works for {which}; name the one to run it for")
        return own[0]
    if own and not agent.projects.filter(pk=named.pk).exists():
        raise Invalid.field("project_id", f"{agent.name} does not work for {named.key}")
    return named


def _input(text: str) -> str:
    if "\0" in text or len(text.encode()) > env_names.LONGEST_VALUE:
        raise Invalid.field("input", "must be at most 64 kB and without NUL")
    return text


def _enqueue(
    kind: RunKind, *, by: Actor, environment: Environment, project: Project, specification: dict[str, Any], **about: Any
) -> Run:
    # Where the control plane made the place, it is on the environment's own machine.
    host = environment.host if environment.provisioner == "process" else None
    reason = {"reason": by.why.reason} if by.why.reason else {}
    return queue.enqueue(
        kind=kind,
        by=by,
        organization=environment.organization,
        environment=environment,
        project=project,
        host=host,
        after=_prepared(environment, project, by=by),
        timeout_seconds=sum(step["timeout"] for step in specification["steps"]) + MARGIN,
        specification=specification | reason,
        **about,
    )


def _prepared(environment: Environment, project: Project, *, by: Actor) -> Run | None:
    """The control run that makes the project's place there, as before a first deployment."""
    ready = Account.objects.filter(environment=environment, project=project, prepared_at__isnull=False, removed_at=None)
    if environment.provisioner != "process" or ready.exists():
        return None
    run = queue.enqueue(
        kind=RunKind.PREPARE,
        by=by,
        organization=environment.organization,
        environment=environment,
        project=project,
        host=environment.host,
    )
    tasks.ring(run)
    return run


def _record(kind: str, run: Run, *, by: Actor, object: dict[str, Any]) -> None:
    assert run.environment is not None
    events.record(
        kind,
        by=by,
        object=object,
        project_id=run.project_id,
        environment_id=run.environment_id,
        subjects=[f"run:{run.pk}"],
        environment=run.environment.title,
        number=run.number,
        run_id=str(run.pk),
    )
