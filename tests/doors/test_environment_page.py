"""An environment's page: what it says to whom, and what may be done there."""

import re
import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from environments import lifecycle
from environments.delivery import deployments, holds
from environments.doing import observing, service_logs
from environments.models import (
    Deployment,
    Endpoint,
    Environment,
    Hold,
    Host,
    Run,
    Sample,
    ServiceLogChunk,
    Slot,
    State,
    Worker,
)
from environments.overview import environment as overview
from environments.planning import plans
from projects import apps, events
from projects.access import Actor, who
from projects.models import App, Event
from tests.doors.visiting import HTMX, LIVE, actions, beside, html, signed_in, statements, text
from tests.environments import house as houses
from tests.environments.house import House

pytestmark = pytest.mark.django_db
ACTS = ("wish", "restarts", "worker-command", "deletion", "holds")


@pytest.fixture
def production(house: House) -> Environment:
    return house.environment("production", display_name="Production")


def live(house: House, environment: Environment, *, app: App | None = None, version: str = "1.0") -> Deployment:
    """A release is live there, and its service was seen running."""
    deployment = house.live(house.release(app or house.app("shop"), version), environment)
    service = {"name": "web", "state": "running", "pid": 1, "port": 20000, "restarts": 0, "cpu": 0.25, "memory": 2e7}
    slots = [
        {
            "app_id": str(slot.app_id),
            "deployment_id": str(slot.live_id),
            "number": slot.live.number,
            "services": [service],
        }
        for slot in Slot.objects.filter(environment=environment, live__isnull=False).select_related("live")
        if slot.live
    ]
    resources = {"cpu": 0.25, "memory": 20_000_000, "storage": 1}
    observing.observe(house.workers[environment.id], {"slots": slots, "resources": resources, "missing": []})
    return deployment


def address(environment: Environment, *more: str) -> str:
    return "/".join([reverse("environment", args=[environment.id]), *more])


@events.operation
def went_down(slot: Slot, by: Actor) -> None:
    told = {"app": slot.app.name, "service": "web", "environment": slot.environment.title, "reason": "exit code 1"}
    about = {"kind": "environment", "id": slot.environment_id, "name": slot.environment.name}
    events.record("service.restarted", by=by, object=about, environment_id=slot.environment_id, **told)


def test_a_crash_loop_is_one_line_of_what_happened(house: House, production: Environment) -> None:
    deployment = live(house, production)
    for _ in range(15):
        went_down(Slot.objects.get(live=deployment), house.owner)

    shown = html(signed_in(house.owner), address(production, "activity"))

    words = text(shown)
    assert words.count("went down") == 1 and "exit code 1. 15 times" in words
    assert "shop 1.0 is live in Production" in words
    assert re.search(r'<li class="is-warn">.*?#s-diamond.*?went down', shown, re.S)


def test_the_owner_sees_everything_and_may_do_everything(house: House, production: Environment) -> None:
    first = live(house, production)
    live(house, production, app=first.app, version="2.0")

    shown = html(signed_in(house.owner), address(production))

    words = text(shown)
    for told in ("Production Running", "Provision Succeeded", "1 of 1 live", "shop / web", "20 MB", "1 online"):
        assert told in words, told
    assert {"wish", "restarts", "worker-command"} <= actions(shown)
    assert "Roll back shop to 1.0" in shown
    assert address(production, "deletion") in shown
    assert address(production, "settings") in shown


def test_after_a_rollback_only_what_was_live_before_is_offered(house: House, production: Environment) -> None:
    first = live(house, production)
    for version in ("2.0", "3.0"):
        live(house, production, app=first.app, version=version)
    plan = plans.propose(by=house.owner, app=first.app, environment=production, kind="rollback")
    house.ended(deployments.carry_out(plan, by=house.owner, confirm="production"))

    shown = html(signed_in(house.owner), address(production))

    assert "Roll back shop to 1.0" in shown
    assert "Roll back shop to 3.0" not in shown


def test_the_head_says_when_it_was_made_and_where_it_stands(house: House, production: Environment) -> None:
    house.chain("production")

    words = text(html(signed_in(house.owner), address(production, "head"), headers=LIVE))

    assert f"Created just now by {who(house.owner.label)}" in words
    assert "Stage Stage 1 Chain Chain" in words


def test_a_worker_is_told_in_plain_words(house: House, production: Environment) -> None:
    worker = house.workers[production.id]
    client = signed_in(house.owner)
    told = text(html(client, address(production, "workers"), headers=LIVE))
    assert "Heartbeat just now · No run in progress · joined by command" in told

    Worker.objects.filter(pk=worker.pk).update(
        ended_at=timezone.now(), end_reason="SIGTERM", last_heartbeat_at=timezone.now() - timedelta(minutes=9)
    )
    told = text(html(client, address(production, "workers"), headers=LIVE))
    assert "Heartbeat 9m ago" in told and "told to stop" in told


def test_an_operator_operates_and_does_not_manage(house: House, production: Environment) -> None:
    live(house, production)

    shown = html(signed_in(house.person("operator")), address(production))

    assert {"wish", "restarts", "worker-command"} <= actions(shown)
    assert address(production, "deletion") not in shown
    assert address(production, "settings") not in shown


def test_an_operator_manages_an_ephemeral_one_of_their_project_and_does_not_protect_it(house: House) -> None:
    project = house.project("OWN")
    preview = house.environment("preview", project_id=project.id)
    client = signed_in(house.person("operator", project=project))

    shown = html(client, address(preview))

    assert address(preview, "settings") in shown and address(preview, "deletion") in shown
    assert re.search(r'<input[^>]*name="protected"[^>]*disabled', html(client, address(preview, "settings")))
    given = {"name": "preview", "description": "for the demo", "protected": "on", "version": lifecycle.version(preview)}
    assert client.post(address(preview, "settings"), given).status_code == 302
    preview.refresh_from_db()
    assert (preview.description, preview.protected) == ("for the demo", False)
    assert client.post(address(preview, "deletion"), {"confirm": "preview"}).status_code == 302
    assert signed_in(house.person("viewer")).get(address(preview, "settings")).status_code == 403


def test_an_archived_app_can_be_removed_and_not_rolled_back(house: House, production: Environment) -> None:
    first = live(house, production)
    live(house, production, app=first.app, version="2.0")
    apps.archive(first.app, by=house.owner)

    shown = html(signed_in(house.owner), address(production))

    assert "Remove shop from" in shown and "Roll back shop" not in shown
    assert "No earlier release" not in shown
    sheet = reverse("plan-draft") + f"?app={first.app_id}&environment_id={production.id}&kind="
    assert 'id="carry-out"' in html(signed_in(house.owner), sheet + "removal")


def test_an_operator_acts_in_a_protected_one_only_where_a_grant_names_it(house: House, production: Environment) -> None:
    live(house, production)
    Environment.objects.filter(pk=production.pk).update(protected=True)

    assert actions(html(signed_in(house.person("operator")), address(production))) == set()
    named = house.person("operator", environment=production)
    assert "wish" in actions(html(signed_in(named), address(production)))


def test_a_viewer_reads_it_and_is_offered_and_allowed_nothing(house: House, production: Environment) -> None:
    deployment = live(house, production)
    client = signed_in(house.person("viewer"))

    shown = html(client, address(production))

    assert "shop" in text(shown)
    assert actions(shown) == set()
    assert reverse("plan-draft") not in shown
    app = str(deployment.app_id)
    given = {"wanted": "inactive", "app": app, "which": f"{app}:web", "confirm": "production"}
    for act in ACTS:
        refused = client.post(address(production, act), given | {"reason": "no"})
        assert refused.status_code == 403, act
        assert client.post(address(production, act), given, headers=HTMX).status_code == 403, act
    assert Environment.objects.get(pk=production.pk).state == State.RUNNING
    assert not Hold.objects.exists()


def test_a_stranger_sees_404(house: House, production: Environment) -> None:
    stranger = signed_in(houses.house().owner)

    assert stranger.get(address(production)).status_code == 404
    for part in overview.PARTS:
        assert stranger.get(address(production, part), headers=LIVE).status_code == 404
    for act in ACTS:
        assert stranger.post(address(production, act), {"wanted": "inactive"}).status_code == 404


def test_a_part_that_does_not_exist_is_404(house: House, production: Environment) -> None:
    assert signed_in(house.owner).get(address(production, "nothing"), headers=LIVE).status_code == 404


def test_the_statements_stay_as_few_however_much_is_deployed(house: House, production: Environment) -> None:
    client, project = signed_in(house.owner), house.project()
    live(house, production, app=house.app("app-0", project=project))
    few = statements(client, address(production))
    for n in range(1, 6):
        live(house, production, app=house.app(f"app-{n}", project=project))

    assert statements(client, address(production)) == few


def test_a_card_that_did_not_change_costs_no_bytes(house: House, production: Environment) -> None:
    live(house, production)
    client = signed_in(house.owner)
    shown = html(client, address(production))

    tags = dict(re.findall(r'data-etag="([0-9a-f]+)"[^>]*data-src="[^"]*/([a-z]+)"', shown))
    assert len(tags) >= 7
    for tag, part in tags.items():
        again = client.get(address(production, part), headers=LIVE | {"If-None-Match": f'"{tag}"'})
        assert (again.status_code, again.content) == (304, b""), part


def test_stopping_and_starting_need_no_javascript(house: House, production: Environment) -> None:
    client = signed_in(house.owner)

    answer = client.post(address(production, "wish"), {"wanted": "inactive"})

    assert answer.headers["Location"] == address(production)
    assert "Stopping" in text(html(client, address(production)))


def test_a_wish_that_cannot_be_is_refused_with_a_sentence(house: House, production: Environment) -> None:
    client = signed_in(house.owner)

    for headers in ({}, HTMX):
        refused = client.post(address(production, "wish"), {"wanted": "retry"}, headers=headers)
        assert refused.status_code == 409
        assert "Production" in refused.content.decode()
    assert 'id="env-head"' in refused.content.decode()
    assert client.post(address(production, "wish"), {"wanted": "everything"}).status_code == 422


def test_an_environment_in_error_says_why_and_offers_retry(house: House, production: Environment) -> None:
    Environment.objects.filter(pk=production.pk).update(state=State.ERROR, error_message="The disk is full.")

    shown = html(signed_in(house.owner), address(production))

    assert "The disk is full." in text(shown)
    assert 'value="retry"' in shown
    assert "Retry" not in text(html(signed_in(house.person("viewer")), address(production)))


def test_a_stopped_environment_offers_start_alone(house: House, production: Environment) -> None:
    Environment.objects.filter(pk=production.pk).update(state=State.STOPPED)

    shown = html(signed_in(house.owner), address(production))

    assert 'value="active"' in shown
    assert 'value="inactive"' not in shown


def test_what_does_not_run_is_neither_opened_nor_restarted_nor_measured(house: House, production: Environment) -> None:
    deployment = live(house, production)
    client = signed_in(house.owner)
    url = Endpoint.objects.get().url
    app_page = reverse("app", args=[deployment.app_id])
    assert f'href="{url}"' in html(client, address(production)) and f'href="{url}"' in html(client, app_page)

    Environment.objects.filter(pk=production.pk).update(state=State.STOPPED)
    shown = html(client, address(production))

    assert f'href="{url}"' not in shown and f'href="{url}"' not in html(client, app_page)
    assert "restarts" not in actions(shown)
    why = "Production is stopped; its services do not run now."
    for act in ("Restart shop / web", "Open shop / web", "Copy the address of shop / web"):
        assert f"{act}: {why}" in text(shown), act
    assert "20 MB" not in text(shown) and "CPU \u2013 " in text(shown)


def test_a_last_line_is_a_witness_and_not_the_reason(house: House, production: Environment) -> None:
    live(house, production)
    client = signed_in(house.owner)
    service = {"name": "web", "state": "crash-looping", "exit": "killed by SIGKILL", "line": "GET / 200"}
    Slot.objects.update(services=[service])

    assert "killed by SIGKILL · Last line: GET / 200" in text(html(client, address(production)))
    Slot.objects.update(services=[service | {"state": "stopped", "exit": None}])
    Environment.objects.filter(pk=production.pk).update(state=State.STOPPED)
    assert "GET / 200" not in text(html(client, address(production)))


def test_measurements_stand_at_their_time_and_old_ones_say_so(house: House, production: Environment) -> None:
    live(house, production)
    Sample.objects.all().delete()
    for minutes in (50, 49, 48, 4, 3, 2):
        moment = timezone.now() - timedelta(minutes=minutes)
        Sample.objects.create(environment=production, at=moment, cpu=1.0, memory=10**6, storage=1)

    shown = html(signed_in(house.owner), address(production, "metrics"), headers=LIVE)

    line = re.search(r'<path d="(M[^"]+)"/></svg>', shown)
    assert line
    across = [[float(point.split()[0]) for point in part.split("L")] for part in line[1].split("M")[1:]]
    assert len(across) == 2, "nothing was measured in between"
    assert across[0] == pytest.approx([15, 16.7, 18.3], abs=2)
    assert across[1] == pytest.approx([91.7, 93.3, 95], abs=2)
    assert "Last 60 min, measured 2m ago" in text(shown)


def test_a_service_is_restarted_by_a_form(house: House, production: Environment) -> None:
    deployment = live(house, production)
    client = signed_in(house.owner)
    given, where = {"which": f"{deployment.app_id}:web", "reason": "it leaks"}, address(production, "restarts")

    assert client.post(where, given).headers["Location"] == address(production)

    assert Run.objects.get(kind="restart", service="web").specification["reason"] == "it leaks"
    for headers in ({}, HTMX):
        refused = client.post(where, {"which": f"{deployment.app_id}:nothing"}, headers=headers)
        assert 400 <= refused.status_code < 500
        assert "nothing" in refused.content.decode()
        gone = client.post(where, {"which": f"{uuid.uuid4()}:web"}, headers=headers)
        assert (gone.status_code, "There is no such app." in gone.content.decode()) == (404, True)


def test_the_workers_command_is_shown_by_a_click_kept_nowhere_and_recorded(
    house: House, production: Environment
) -> None:
    client = signed_in(house.owner)
    assert "--token" not in html(client, address(production))
    assert client.get(address(production, "worker-command")).status_code in (404, 405)

    for headers in ({}, HTMX):
        answer = client.post(address(production, "worker-command"), headers=headers)
        assert "towpath worker start --token" in answer.content.decode()
        assert "no-store" in answer["Cache-Control"]

    assert Event.objects.filter(kind="worker_token.read", environment_id=production.id).count() == 2


def test_deleting_is_confirmed_by_the_name(house: House, production: Environment) -> None:
    live(house, production)
    client = signed_in(house.owner)
    assert "1 live release will stop" in text(html(client, address(production, "deletion"))).replace(" </b>", "")

    for headers in ({}, HTMX):
        wrong = client.post(address(production, "deletion"), {"confirm": "Production"}, headers=headers)
        assert wrong.status_code == 422
        assert "Type production exactly as it is written." in beside(wrong.content.decode(), "confirm")
        assert 'value="Production"' in wrong.content.decode() and "confirm:" not in wrong.content.decode()
    assert Environment.objects.get(pk=production.pk).state == State.RUNNING

    right = client.post(address(production, "deletion"), {"confirm": "production"})
    assert right.headers["Location"] == reverse("environments")
    assert Environment.objects.get(pk=production.pk).state == State.TERMINATING
    assert actions(html(client, address(production))) <= {"worker-command", "restarts", "holds"}


def test_what_lives_on_a_host_that_is_gone_can_be_given_up(house: House, production: Environment) -> None:
    client, page = signed_in(house.owner), address(production, "deletion")
    assert 'name="force"' not in html(client, page)
    gone = Host.objects.create(name="node-7", address="10.0.0.7", lease_until=Now() - timedelta(hours=1))
    Environment.objects.filter(pk=production.pk).update(host=gone)
    assert "Give up what is on node-7" in text(html(client, page))


def test_a_deletion_from_the_sheet_leads_to_the_list(house: House, production: Environment) -> None:
    answer = signed_in(house.owner).post(address(production, "deletion"), {"confirm": "production"}, headers=HTMX)

    assert (answer.status_code, answer["HX-Redirect"]) == (204, reverse("environments"))


def test_the_default_environment_is_not_deleted(house: House) -> None:
    default = house.environment("another")
    Environment.objects.filter(pk=default.pk).update(is_default=True)
    client = signed_in(house.owner)

    assert address(default, "deletion") not in html(client, address(default))
    assert client.post(address(default, "deletion"), {"confirm": "another"}).status_code == 409


def test_what_services_write_is_escaped(house: House, production: Environment) -> None:
    deployment = live(house, production)
    says(house, deployment, "<script>alert(1)</script>\x1b[31m &amp;")

    shown = html(signed_in(house.owner), address(production))

    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert(1)" in shown


def test_the_chosen_log_stays_in_the_address(house: House, production: Environment) -> None:
    project = house.project()
    first = live(house, production, app=house.app("first", project=project))
    second = live(house, production, app=house.app("second", project=project))
    says(house, first, "said by the first")
    says(house, second, "said by the second")
    client = signed_in(house.owner)
    chosen = f"{second.app_id}:web"

    assert "said by the second" in html(client, address(production) + f"?log={chosen}")
    page = f"http://testserver{address(production)}?environment=production"
    part = client.get(address(production, "logs"), {"log": chosen}, headers=HTMX | {"HX-Current-URL": page})
    assert "said by the second" in part.content.decode()
    assert part["HX-Replace-Url"].startswith(f"{address(production)}?environment=production&log={second.app_id}")
    for junk in ("x", f"{uuid.uuid4()}:web", ":"):
        assert "said by the first" in html(client, address(production) + f"?log={junk}")


def test_the_output_of_a_service_is_read_once_and_no_further_than_it_is_shown(
    house: House, production: Environment
) -> None:
    deployment = live(house, production)
    for n in range(60):
        says(house, deployment, f"line {n}.", offset=n)
    client = signed_in(house.owner)

    for part in ((), ("logs",)):
        with CaptureQueriesContext(connection) as queries:
            shown = html(client, address(production, *part))
        assert all(f"line {n}." in shown for n in range(60))
        assert sum('"environments_servicelogchunk"."lines"' in query["sql"] for query in queries) == 1, part
    says(house, deployment, *[f"more {n}." for n in range(150)], offset=60)
    shown = html(client, address(production, "logs"))
    assert "line 10." in shown and "line 9." not in shown


def test_a_hold_is_placed_with_a_reason_and_lifted(house: House, production: Environment) -> None:
    deployment = live(house, production)
    client = signed_in(house.owner)
    asked = address(production, f"holds?app={deployment.app_id}")
    assert asked in html(client, address(production))
    assert "Hold shop in Production" in text(html(client, asked))

    silent = client.post(address(production, "holds"), {"app": str(deployment.app_id), "reason": " "})
    assert (silent.status_code, Hold.objects.count()) == (422, 0)
    assert "Say why" in beside(silent.content.decode(), "reason")
    placed = client.post(address(production, "holds"), {"app": str(deployment.app_id), "reason": "Counting stock"})
    assert placed.headers["Location"] == address(production)
    shown = html(client, address(production))
    assert "Held Counting stock" in text(shown)
    assert "Held Counting stock" in text(html(client, reverse("app", args=[deployment.app_id])))
    for headers in ({}, HTMX):
        twice = client.post(
            address(production, "holds"), {"app": str(deployment.app_id), "reason": "Again"}, headers=headers
        )
        assert twice.status_code == 409
        assert "is held in Production already" in twice.content.decode()

    hold = Hold.objects.get()
    assert client.post(reverse("hold-lifting", args=[hold.id])).headers["Location"] == address(production)
    assert "Held" not in text(html(client, address(production))).split("Resources")[0]
    assert client.post(reverse("hold-lifting", args=[hold.id])).status_code == 404


def test_a_hold_is_lifted_by_whoever_may_deploy_there(house: House, production: Environment) -> None:
    deployment = live(house, production)
    hold = holds.place(deployment.app, production, by=house.owner, reason="Counting stock")
    lifting = reverse("hold-lifting", args=[hold.id])

    assert signed_in(house.person("viewer")).post(lifting).status_code == 403
    assert signed_in(houses.house().owner).post(lifting).status_code == 404
    assert signed_in(house.person("operator")).post(lifting).status_code == 302


def test_choosing_another_environment_leads_to_its_page(house: House, production: Environment) -> None:
    staging = house.environment("staging")

    shown = html(signed_in(house.owner), address(production) + "?log=x")

    assert f'href="{address(staging)}?environment=staging"' in shown


def test_an_end_is_said_once_to_whoever_cannot_see_it(house: House, production: Environment) -> None:
    live(house, production)

    shown = html(signed_in(house.owner), address(production, "releases"), headers=LIVE)

    assert 'data-announce="shop 1.0 is live in Production"' in shown


def says(house: House, deployment: Deployment, *words: str, offset: int = 0) -> None:
    lines = [{"text": one, "stream": "out", "at": "2026-01-01T10:00:00.000Z"} for one in words]
    chunk = {"app_id": str(deployment.app_id), "service": "web", "deployment_id": str(deployment.id), "offset": offset}
    service_logs.take_in(house.workers[deployment.environment_id], [chunk | {"lines": lines}])
    assert ServiceLogChunk.objects.filter(deployment=deployment).exists()
