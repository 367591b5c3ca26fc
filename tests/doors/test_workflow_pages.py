"""The pages of workflows: what they say to whom, the forms that make and run them, and their runs."""

import re

import pytest
from django.urls import reverse

from environments import errands
from environments.doing import assignments, conclusions
from environments.models import Run
from environments.overview import workflow_text
from environments.runs.logs import append
from projects import definitions, workflows
from projects.models import Agent, Workflow
from tests.doors.visiting import HTMX, LIVE, actions, html, signed_in, statements, text
from tests.environments.house import House
from tests.environments.house import house as new_house

pytestmark = pytest.mark.django_db

DEFINITION = """\
inputs:
  version: {type: text, required: true, description: Which one}
  count: {type: number, default: 3}
  dry: {type: boolean, default: true}
  size: {type: choice, options: [small, large]}
steps:
  - {name: dig, run: "echo $INPUT_VERSION", timeout: 90s, env: {MODE: fast}}
  - name: fill
    run: |
      echo one
      echo two
    once: true
"""


@pytest.fixture
def house() -> House:
    return new_house()


@pytest.fixture
def workflow(house: House) -> Workflow:
    house.environment("development")
    return workflows.create(by=house.owner, project=house.project(), name="Nightly", **written(DEFINITION))


def written(text: str) -> dict:
    found = definitions.parse(text)
    return {
        "inputs": definitions.in_order(found["inputs"]),
        "steps": [{name: part for name, part in one.items() if name != "n"} for one in found["steps"]],
    }


def of(workflow: Workflow, act: str = "") -> str:
    return reverse(f"workflow{act}", args=[workflow.id])


def test_what_the_settings_show_reads_as_what_is_saved(workflow: Workflow) -> None:
    assert written(workflow_text.write(workflow.inputs, workflow.steps)) == written(DEFINITION)


def test_a_workflow_is_made_in_the_browser_and_wrong_lines_are_named(house: House) -> None:
    client, project = signed_in(house.owner), house.project()

    wrong = client.post(reverse("workflow-new"), {"name": "One", "definition": "steps:\n  - {name: x}\ninputs: [1]"})
    assert wrong.status_code == 422
    assert "line 2, steps[0].run: is missing" in text(wrong.content.decode())
    assert "must be a mapping" in wrong.content.decode()

    made = client.post(reverse("workflow-new"), {"name": "One", "project": "WEB", "definition": DEFINITION})

    one = Workflow.objects.get()
    assert (made.status_code, made["Location"], one.project) == (302, of(one), project)
    twice = client.post(reverse("project-workflow-new", args=[project.id]), {"name": "one", "definition": DEFINITION})
    assert twice.status_code == 409 and "already" in twice.content.decode()


def test_its_page_says_what_it_asks_for_and_does_and_offers_what_one_may(house: House, workflow: Workflow) -> None:
    shown = html(signed_in(house.owner), of(workflow))
    words = text(shown)
    assert re.search(r"version text required INPUT_VERSION Which one", words)
    assert "One of small, large" in words and "Step 2 fill once" in words and "It has not been run yet" in words
    assert {of(workflow, "-settings"), of(workflow, "-archival"), of(workflow, "-run")} <= set(
        re.findall(r'href="([^"?]*)', shown)
    )

    viewer = html(signed_in(house.person("viewer")), of(workflow))
    assert of(workflow, "-run") not in viewer and of(workflow, "-settings") not in viewer
    operator = html(signed_in(house.person("operator")), of(workflow))
    assert of(workflow, "-run") in operator and of(workflow, "-settings") not in operator


def test_it_is_run_with_inputs_and_its_history_is_shown(house: House, workflow: Workflow) -> None:
    client = signed_in(house.person("operator"))
    form = html(client, of(workflow, "-run") + "?environment=development")
    assert 'value="development"' in form and 'name="input-version"' in form and "Which one" in form

    wrong = client.post(of(workflow, "-run"), {"environment": "nowhere", "input-count": "many"})
    assert wrong.status_code == 422 and "There is no environment nowhere here" in wrong.content.decode()
    wrong = client.post(
        of(workflow, "-run"), {"environment": "development", "input-version": "1", "input-count": "many"}
    )
    assert wrong.status_code == 422 and "must be a number" in text(wrong.content.decode())
    assert not Run.objects.filter(workflow=workflow).exists()

    begun = client.post(
        of(workflow, "-run"),
        {"environment": "development", "input-version": "1.2", "input-dry": "false", "reason": "the monthly round"},
    )

    run = Run.objects.get(workflow=workflow)
    assert begun.status_code == 302 and begun["Location"].startswith(reverse("run", args=[run.id]))
    assert run.inputs == {"version": "1.2", "count": "3", "dry": "false"}
    page = text(html(client, begun["Location"]))
    assert "Run Nightly in development" in page and "Version 1.2" in page and "Why: the monthly round" in page
    assert "cancellation" in str(actions(html(client, begun["Location"])))
    history = html(client, of(workflow))
    assert f"#{run.number}" in history and f"run:{run.id}" in history
    listed = text(html(client, reverse("workflows")))
    assert "Nightly Queued WEB 2" in listed


def test_a_run_shows_its_steps_and_output_and_how_it_ended(house: House, workflow: Workflow) -> None:
    place = next(iter(house.workers))
    worker = house.workers[place]
    run = errands.run_workflow(workflow, by=house.owner, environment=worker.environment, inputs={"version": "<b>1</b>"})
    assignments.take(worker, "key")
    append(run.id, 1, worker, 0, [{"text": "digging", "stream": "out", "step": 1, "at": "2026-01-01T10:00:00Z"}])
    conclusions.finish(run.id, 1, worker, "failed", "dig ended with exit code 3", ["no more"])

    shown = html(signed_in(house.owner), reverse("run", args=[run.id]))

    assert "digging" in shown and "dig ended with exit code 3" in shown and "no more" in shown
    assert "&lt;b&gt;1&lt;/b&gt;" in shown and "<b>1</b>" not in shown
    assert actions(shown) >= {"retry"}
    only = text(html(signed_in(house.owner), reverse("runs") + "?kind=workflow"))
    assert "Workflow Nightly" in only and "Provision" not in re.sub(r"Every kind.*?Agent", "", only)


def test_it_is_put_away_and_taken_back(house: House, workflow: Workflow) -> None:
    client = signed_in(house.owner)
    assert client.post(of(workflow, "-archival")).status_code == 302
    shown = html(client, of(workflow))
    assert of(workflow, "-run") not in shown and actions(shown) == {"restoration"}
    assert "Nightly" not in text(html(client, reverse("workflows")).split('id="list"')[1])
    assert "Nightly" in html(client, reverse("workflows") + "?archived=yes")

    assert client.post(of(workflow, "-restoration")).status_code == 302

    workflow.refresh_from_db()
    assert workflow.archived_at is None


def test_nothing_newer_is_overwritten_by_its_settings(house: House, workflow: Workflow) -> None:
    client, seen = signed_in(house.owner), workflows.version(workflow)
    workflows.update(workflow, by=house.owner, name="Newer")

    answer = client.post(of(workflow, "-settings"), {"name": "Mine", "definition": DEFINITION, "version": seen})

    assert answer.status_code in (409, 412) and "differs from what is saved in: Name" in text(answer.content.decode())


def test_an_agent_is_run_from_its_form(house: House, workflow: Workflow) -> None:
    agent = Agent.objects.create(organization=house.organization, name="robot", command="think")
    client, address = signed_in(house.owner), reverse("agent-run", args=[agent.id])

    unnamed = client.post(address, {"environment": "development"})
    assert unnamed.status_code == 422 and "name the one to run it for" in text(unnamed.content.decode())
    begun = client.post(address, {"environment": "development", "project": "WEB", "input": "go"})

    run = Run.objects.get(agent=agent)
    assert begun["Location"] == reverse("run", args=[run.id]) and run.inputs == {"input": "go"}
    assert "Agent robot" in text(html(client, begun["Location"]))


def test_a_page_asks_as_few_statements_for_many_as_for_few(house: House, workflow: Workflow) -> None:
    client, place = signed_in(house.owner), house.workers[next(iter(house.workers))].environment
    run = {"by": house.owner, "environment": place, "inputs": {"version": "1"}}
    errands.run_workflow(workflow, **run)
    few = [statements(client, address) for address in (of(workflow), reverse("workflows"))]
    for number in range(8):
        errands.run_workflow(workflow, **run)
        workflows.create(by=house.owner, project=workflow.project, name=f"w{number}", steps=workflow_steps())

    assert [statements(client, address) for address in (of(workflow), reverse("workflows"))] == few


def workflow_steps() -> list[dict]:
    return [{"name": "dig", "run": "true"}]


def test_a_live_update_that_changes_nothing_costs_no_bytes(house: House, workflow: Workflow) -> None:
    client = signed_in(house.owner)
    first = client.get(of(workflow), headers={**HTMX, **LIVE})
    again = client.get(of(workflow), headers={**HTMX, **LIVE, "If-None-Match": first["ETag"]})
    assert (first.status_code, again.status_code) == (200, 304)


def test_inputs_are_asked_for_in_the_order_in_which_they_were_written(house: House, workflow: Workflow) -> None:
    workflow.refresh_from_db()
    form = html(signed_in(house.owner), of(workflow, "-run"))
    assert re.findall(r'name="input-(\w+)"', form) == ["version", "count", "dry", "size"]
    assert list(definitions.in_order(workflow.inputs)) == ["version", "count", "dry", "size"]
