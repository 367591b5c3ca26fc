"""A run's page: its facts, attempts, steps and log, and what may be done about it."""

import re
from typing import Any

import pytest
from django.urls import reverse

from environments import lifecycle
from environments.delivery import deployments
from environments.doing import conclusions
from environments.models import Environment, Run
from environments.planning import plans
from environments.runs import logs, steps
from tests.doors.visiting import HTMX, LIVE, actions, html, signed_in, statements, text
from tests.environments import house as houses
from tests.environments.house import House

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(house: House, development: Environment) -> Run:
    """Of a deployment, in the hands of the environment's worker."""
    release = house.release(house.app("ledger"), "2.0")
    plan = plans.propose(by=house.owner, release=release, environment=development)
    return house.claimed(deployments.carry_out(plan, by=house.owner))


def address(run: Run, *more: str) -> str:
    return "/".join([reverse("run", args=[run.id]), *more])


def line(words: str, stream: str = "out") -> dict[str, Any]:
    return {"text": words, "stream": stream, "step": 1, "at": "2026-01-01T10:00:00.123Z"}


def write(house: House, run: Run, *lines: dict[str, Any], offset: int = 0) -> None:
    assert run.environment_id is not None
    logs.append(run.id, run.attempt, house.workers[run.environment_id], offset, list(lines))


def report(house: House, run: Run, n: int, name: str, phase: str, **more: Any) -> None:
    assert run.environment_id is not None
    step = steps.Report(n=n, name=name, phase=phase, **more)
    steps.report(run.id, run.attempt, house.workers[run.environment_id], step)


def end(house: House, run: Run, outcome: str = "failed", reason: str = "The tests failed.", **more: Any) -> None:
    assert run.environment_id is not None
    conclusions.finish(run.id, run.attempt, house.workers[run.environment_id], outcome, reason, **more)


def test_it_says_what_is_done_by_whom_and_how_far_it_is(house: House, run: Run) -> None:
    report(house, run, 1, "Fetch", "succeeded")
    report(house, run, 2, "install", "running", detail="half of it")
    write(house, run, line("Step 2: install", "note"), line("warning: old", "err"))

    shown = html(signed_in(house.owner), address(run))

    words = text(shown)
    for told in ("Deploy ledger 2.0 to Development", "Running", "half of it", "Attempt 1 running", "2 lines"):
        assert told in words, told
    assert re.search(r"1 of \d+ done", words)
    assert re.search(r'<li class="is-busy" aria-current="step">.*?install', shown, re.S)
    assert '<progress class="bar' in shown
    assert '<span class="is-busy">Step 2: install</span>' in shown
    assert '<span class="is-warn">warning: old</span>' in shown


def test_an_operator_may_cancel_it_and_a_viewer_reads_it(house: House, run: Run) -> None:
    assert actions(html(signed_in(house.person("operator")), address(run))) >= {"cancellation"}
    viewer = signed_in(house.person("viewer"))

    assert actions(html(viewer, address(run))) == set()
    for act in ("cancellation", "retry"):
        assert viewer.post(address(run, act)).status_code == 403
    assert Run.objects.get(pk=run.pk).cancel_asked_at is None


def test_a_stranger_sees_404(house: House, run: Run) -> None:
    stranger = signed_in(houses.house().owner)

    for more in ((), ("head",), ("steps",), ("log",)):
        assert stranger.get(address(run, *more)).status_code == 404
    for act in ("cancellation", "retry"):
        assert stranger.post(address(run, act)).status_code == 404
    assert signed_in(house.owner).get(address(run, "nothing")).status_code == 404


def test_cancelling_needs_no_javascript_and_is_refused_when_it_is_over(house: House, run: Run) -> None:
    client = signed_in(house.owner)

    assert client.post(address(run, "cancellation")).headers["Location"] == address(run)
    assert "Cancelling" in text(html(client, address(run)))

    end(house, run, "cancelled", "")
    for headers in ({}, HTMX):
        refused = client.post(address(run, "cancellation"), headers=headers)
        assert refused.status_code == 409
        assert f"{run.number}" in refused.content.decode()
    assert 'id="run-head"' in refused.content.decode()
    # It was over before a step was: nothing is waited for any more.
    assert "No step was begun" in text(html(client, address(run)))


def test_a_failed_run_says_why_what_still_runs_and_offers_retry(house: House, run: Run) -> None:
    end(house, run, last_lines=["assert 1 == 2", "<b>not bold</b>"])
    client = signed_in(house.owner)

    shown = html(client, address(run))

    words = text(shown)
    for told in ("Failed", "The tests failed.", "nothing runs now", "assert 1 == 2"):
        assert told in words, told
    assert "<b>not bold</b>" not in shown
    assert client.post(address(run, "retry")).headers["Location"] == address(run)
    assert Run.objects.get(pk=run.pk).phase == "queued"


def test_what_cannot_be_retried_says_why(house: House, run: Run) -> None:
    client = signed_in(house.owner)
    assert "is still running; wait for it or cancel it first" in html(client, address(run))
    assert client.post(address(run, "retry")).status_code == 409

    end(house, run, "succeeded", "")

    assert "there is nothing to repeat" in html(client, address(run))
    for headers in ({}, HTMX):
        assert client.post(address(run, "retry"), headers=headers).status_code == 409


def disabled(shown: str, word: str) -> str:
    """Why the button does nothing."""
    found = re.search(rf'type="button" aria-disabled="true" title="([^"]*)">(?:(?!</button>).)*{word}', shown, re.S)
    assert found, f"{word} can be pressed"
    return found[1]


def test_nothing_is_offered_that_would_be_refused(house: House, development: Environment, run: Run) -> None:
    client = signed_in(house.owner)
    provision = lifecycle.create(by=house.owner, name="later", provisioner="external").runs.get()
    assert actions(html(client, address(provision))) == {"retry"}
    assert client.post(address(provision, "cancellation")).status_code == 409
    end(house, run)
    assert "retry" in actions(html(client, address(run)))

    deployment = run.deployment
    assert deployment is not None
    newer = house.release(deployment.app, "3.0")
    house.live(newer, development)

    assert "Something newer was asked for" in disabled(html(client, address(run)), "Retry")
    assert client.post(address(run, "retry")).status_code == 409


def test_a_gate_that_closed_meanwhile_is_told_beside_the_button(
    house: House, development: Environment, run: Run
) -> None:
    end(house, run)
    Environment.objects.filter(pk=development.pk).update(state="stopped")

    shown = html(signed_in(house.owner), address(run))

    assert disabled(shown, "Retry") == "Development is stopped; start it first."


def test_each_attempt_has_its_own_steps_and_log(house: House, run: Run) -> None:
    client = signed_in(house.owner)
    report(house, run, 1, "Fetch", "failed")
    write(house, run, line("of the first attempt"))
    end(house, run)
    client.post(address(run, "retry"))
    again = house.claimed(Run.objects.get(pk=run.pk).deployment)
    write(house, again, line("of the second attempt"))

    newest, first = html(client, address(run)), html(client, address(run) + "?attempt=1")

    assert "of the second attempt" in newest and "of the first attempt" not in newest
    assert "of the first attempt" in first and "of the second attempt" not in first
    assert "Attempt 1 ended at Fetch" in text(newest)
    assert f'data-tail="/live/runs/{run.id}/log?attempt=2"' in newest
    for junk in ("0", "3", "-1", "x", "9" * 30, "9" * 5000):
        assert "of the second attempt" in html(client, address(run) + f"?attempt={junk}")


def test_the_attempts_are_live_and_keep_how_each_of_them_ended(house: House, run: Run) -> None:
    client = signed_in(house.owner)
    tabs = address(run, "attempts") + "?attempt=1"
    assert "Attempt 1 running" in text(html(client, tabs, headers=LIVE))
    client.post(address(run, "cancellation"))
    end(house, run, "cancelled", "")
    assert "Attempt 1 cancelled" in text(html(client, tabs, headers=LIVE))

    client.post(address(run, "retry"))
    again = house.claimed(Run.objects.get(pk=run.pk).deployment)
    conclusions.settle(again.pk, lost=True)
    assert "Attempt 2 lost" in text(html(client, address(run)))
    last = house.claimed(Run.objects.get(pk=run.pk).deployment)
    end(house, last)

    assert re.findall(r"Attempt \d \w+", text(html(client, address(run)))) == [
        "Attempt 3 failed",
        "Attempt 2 lost",
        "Attempt 1 cancelled",
    ]


def test_the_log_of_an_attempt_that_is_over_is_complete(house: House, run: Run) -> None:
    client = signed_in(house.owner)
    following = address(run, "following") + "?attempt=1"
    assert "Follow" in text(html(client, following, headers=LIVE))

    end(house, run)

    assert "Complete" in text(html(client, following, headers=LIVE))
    page = text(html(client, address(run)))
    assert "Complete" in page and "Follow" not in page


def test_of_the_last_lines_the_newest_are_shown(house: House, run: Run) -> None:
    end(house, run, last_lines=[f"line {n}" for n in range(1, 21)])

    shown = re.search(r'(?s)<pre class="last".*?</pre>', html(signed_in(house.owner), address(run)))

    assert shown and re.findall(r"line \d+", shown[0]) == [f"line {n}" for n in range(13, 21)]


def test_hostile_text_is_text(house: House, run: Run) -> None:
    hostile = '<script>alert(1)</script>"><img src=x onerror=alert(2)>\x1b[31m\u202e'
    write(house, run, line(hostile))
    report(house, run, 1, "Fetch", "running", detail=hostile)
    end(house, run, reason=hostile, last_lines=[hostile])
    client = signed_in(house.owner)

    for shown in (html(client, address(run)), html(client, address(run) + "?q=script")):
        assert "<script>alert" not in shown
        assert "<img src=x" not in shown
        assert "&lt;script&gt;alert(1)" in shown


def test_the_log_is_searched_and_taken_away_whole(house: House, run: Run) -> None:
    write(house, run, line("one apple"), line("two pears"), line("an APPLE more"))
    client = signed_in(house.owner)

    found = html(client, address(run) + "?q=apple")
    assert "one apple" in found and "an APPLE more" in found and "two pears" not in found
    assert "data-tail" not in found
    assert "No line contains “plum”" in text(html(client, address(run) + "?q=plum"))
    whole = client.get(address(run, "log"))
    assert whole["Content-Type"] == "text/plain; charset=utf-8"
    assert b"".join(whole.streaming_content).decode().splitlines()[1] == "2026-01-01T10:00:00.123Z two pears"


def test_a_long_log_shows_its_end(house: House, run: Run) -> None:
    for n in range(3):
        write(house, run, *(line(f"line {n * 500 + m}") for m in range(500)), offset=n * 500)

    shown = html(signed_in(house.owner), address(run))

    assert shown.count("<li data-n=") == 1000
    assert "line 1499<" in shown and "line 499<" not in shown
    assert "1500 lines" in shown


def test_pieces_that_did_not_change_cost_no_bytes(house: House, run: Run) -> None:
    end(house, run)
    client = signed_in(house.owner)

    tags = re.findall(r'data-etag="([0-9a-f]+)"[^>]*data-src="([^"]+)"', html(client, address(run)))

    assert len(tags) == 4
    for tag, source in tags:
        again = client.get(source, headers=LIVE | {"If-None-Match": f'"{tag}"'})
        assert (again.status_code, again.content) == (304, b""), source


def test_the_statements_stay_as_few_however_much_was_written(house: House, run: Run) -> None:
    client = signed_in(house.owner)
    write(house, run, line("first"))
    few = statements(client, address(run))
    for n in range(1, 20):
        write(house, run, line(f"line {n}"), offset=n)
        report(house, run, n, f"step {n}", "succeeded")

    assert statements(client, address(run)) == few


def test_the_end_is_said_once_to_whoever_cannot_see_it(house: House, run: Run) -> None:
    client = signed_in(house.owner)
    assert "data-announce" not in html(client, address(run, "head"), headers=LIVE)

    end(house, run)

    announced = f'data-announce="Run {run.number}, Deploy ledger 2.0 to Development: Failed"'
    assert announced in html(client, address(run, "head"), headers=LIVE)


def test_an_environments_own_work_is_a_run_too(house: House, development: Environment) -> None:
    provision = Run.objects.get(environment=development, kind="provision")

    shown = html(signed_in(house.owner), address(provision))

    assert "Provision Development" in text(shown)


def test_the_work_on_another_projects_environment_is_not_there(house: House) -> None:
    own, other = house.project("OWN"), house.project("OTHER")
    house.environment("of-other", project_id=other.id)
    work = Run.objects.get(environment__name="of-other")

    assert signed_in(house.owner).get(address(work)).status_code == 200
    assert signed_in(house.person("viewer", project=own)).get(address(work)).status_code == 404
    assert signed_in(house.person("viewer", project=other)).get(address(work)).status_code == 200
