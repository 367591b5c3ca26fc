"""A workflow's page: what it asks for, what it does, and how its runs went."""

import uuid
from datetime import datetime
from typing import Any

from django.db.models import Q

from environments.models import UNFINISHED, Environment
from environments.overview import activity
from environments.runs import lookup
from projects import access, definitions, history, marks
from projects.access import Actor, Permission
from projects.models import Workflow

PAGE = 20


def page(workflow: Workflow, actor: Actor, *, chosen: Environment | None = None, cursor: str = "") -> dict[str, Any]:
    """Its runs newest first, 20 a page, all over or in the chosen environment."""
    runs = lookup.visible(actor).filter(workflow=workflow)
    if chosen:
        runs = runs.filter(environment=chosen)
    if cursor:
        at, ident = marks.read(cursor, datetime, uuid.UUID)
        runs = runs.filter(Q(created_at__lte=at), Q(created_at__lt=at) | Q(pk__lt=ident))
    found = list(runs[: PAGE + 1])
    shown = found[:PAGE]
    told = history.events(actor, environment_id=chosen.pk if chosen else None, project_id=workflow.project_id)
    return {
        "workflow": workflow,
        "inputs": [
            {"name": name, "variable": definitions.variable(name), **declared}
            for name, declared in definitions.in_order(workflow.inputs).items()
        ],
        "runs": shown,
        # What is on its way tells of itself; of the others nothing changes any more.
        "moving": [run.pk for run in shown if run.phase in UNFINISHED],
        "next": marks.write(shown[-1].created_at, shown[-1].pk) if len(found) > PAGE else "",
        "first": bool(cursor),
        "chosen": chosen,
        "may_manage": access.allows(actor, Permission.MANAGE_PROJECTS, project_id=workflow.project_id),
        "may_run": workflow.archived_at is None and access.allows_somewhere(actor, Permission.DEPLOY),
        "activity": activity.lines(told.filter(object__kind="workflow", object__id=str(workflow.pk)).order_by()),
    }
