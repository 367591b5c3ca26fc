"""The board's page: what it says, to whom, and at what cost."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from environments.delivery import holds, promotions, rollbacks
from environments.models import Environment, Slot, State
from projects import apps, memberships
from projects.access import Actor
from projects.models import App
from tests.builders import rest
from tests.environments import house as builders
from tests.environments.house import House

pytestmark = pytest.mark.django_db
LIVE = {"Towpath-Live": "1"}


@pytest.fixture
def house() -> House:
    return builders.house()


@pytest.fixture
def stages(house: House) -> list[Environment]:
    found = [house.environment(name) for name in ("development", "staging", "production")]
    house.chain("development", "staging", "production")
    return found


def signed_in(actor: Actor) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(actor.user)
    return client


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def page(client: Client, address: str = "/") -> str:
    response = client.get(address)
    assert response.status_code == 200, response.status_code
    return response.content.decode()


def test_whoever_is_not_signed_in_is_asked_to() -> None:
    response = Client().get("/?status=failed")

    assert response.status_code == 302
    assert response["Location"] == "/sign-in?next=%2F%3Fstatus%3Dfailed"


def test_who_sees_but_a_project_with_a_chain_of_its_own_is_led_to_its_board(
    house: House, stages: list[Environment]
) -> None:
    app = house.app("vault", project=house.project("BANK"))
    house.chain("development", project=app.project)
    house.live(house.release(app, "1.0"), stages[0])
    client = signed_in(house.person("viewer", project=app.project))

    shown = page(client)
    assert "No app yet" not in shown and "has a board of its own" in text(shown)
    (way,) = re.findall(r'<a class="btn" href="(/[^"]*project=BANK)">Bank</a>', shown)
    assert "vault" in text(page(client, way))

    elsewhere = signed_in(house.person("viewer", project=house.project("OTHER")))
    assert "No app yet" in page(elsewhere) and "Bank" not in page(elsewhere)


def test_a_new_organization_is_led_to_its_first_chain(house: House) -> None:
    shown = page(signed_in(house.owner))

    assert "Create your first chain" in shown
    assert reverse("chain-first") in shown


def test_a_viewer_of_a_new_organization_reads_whom_to_ask(house: House) -> None:
    shown = page(signed_in(house.person("viewer")))

    assert f"Ask an admin of {house.organization.name}" in shown
    assert reverse("chain-first") not in shown


def test_one_click_makes_the_chain_and_shows_it(house: House) -> None:
    client = signed_in(house.owner)

    response = client.post(reverse("chain-first"), follow=True)

    shown = response.content.decode()
    assert "The chain is made" in shown
    assert re.findall(r'<span class="cut">(\w+)</span>', shown)[:3] == ["Development", "Staging", "Production"]
    assert Environment.objects.get(name="production").protected


def test_a_cell_says_what_is_live_and_a_gate_how_far_the_next_stage_is(house: House, stages: list[Environment]) -> None:
    app = house.app("shop")
    first, second = house.release(app, "1.0"), house.release(app, "1.1")
    for stage in stages:
        house.live(first, stage)
    house.live(second, stages[0])

    shown = text(page(signed_in(house.owner)))

    assert re.search(r"1\.1 Live · now · \S+ 1 behind 1\.0 Live", shown)


def test_what_people_wrote_is_never_markup(house: House, stages: list[Environment]) -> None:
    wrote = """<i>'"&"""
    app = house.app("shop")
    house.live(house.release(app, "1.0"), stages[0])
    holds.place(app, stages[0], by=house.owner, reason=wrote)
    Environment.objects.filter(pk__in=[stage.pk for stage in stages]).update(display_name=wrote)
    App.objects.filter(pk=app.pk).update(name=wrote)
    client = signed_in(house.owner)

    for address in ("/", reverse("board-row", args=[app.id])):
        shown = page(client, address)
        assert "<i>" not in shown
        assert shown.count("&lt;i&gt;&#x27;&quot;&amp;") > 5


def test_a_viewer_sees_how_far_but_no_action(house: House, stages: list[Environment]) -> None:
    app = house.app("shop")
    house.live(house.release(app, "1.0"), stages[0])

    shown = page(signed_in(house.person("viewer")))

    assert "1 behind" in text(shown)
    assert reverse("plan-draft") not in shown


def test_an_operator_acts_in_a_protected_environment_only_where_a_grant_names_it(
    house: House, stages: list[Environment]
) -> None:
    Environment.objects.filter(pk=stages[1].pk).update(protected=True)
    house.live(house.release(house.app("shop"), "1.0"), stages[0])

    assert "Promote shop" not in page(signed_in(house.person("operator")))
    named = house.person("viewer")
    memberships.add(by=house.owner, username=named.user.username, role="operator", environment_id=stages[1].id)
    assert "Promote shop 1.0 to staging" in page(signed_in(named))


def test_strangers_see_nothing_of_it(house: House, stages: list[Environment]) -> None:
    app = house.app("shop")
    house.live(house.release(app, "1.0"), stages[0])
    stranger = signed_in(builders.house().owner)

    assert "shop" not in page(stranger)
    assert stranger.get(reverse("board-row", args=[app.id])).status_code == 404
    assert stranger.get(reverse("board-column", args=[stages[0].id])).status_code == 404
    assert stranger.get("/?environment=development").status_code == 404
    assert stranger.get("/?project=WEB").status_code == 404


def test_the_statements_stay_as_few_however_many_apps_there_are(house: House, stages: list[Environment]) -> None:
    project = house.project()
    client = signed_in(house.owner)
    counts = []
    for wave in range(2):
        for number in range(1 + wave * 7):
            app = house.app(f"app-{wave}-{number}", project=project)
            house.live(house.release(app, "1.0"), stages[number % 3])
        page(client)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            page(client)
        counts.append(len(queries))

    assert counts[0] == counts[1]
    assert counts[1] <= 12, [query["sql"][:90] for query in queries]


def test_a_deployment_on_its_way_is_said_and_its_gate_waits(house: House, stages: list[Environment]) -> None:
    app = house.app("shop")
    house.live(house.release(app, "1.0"), stages[0])
    promotions.promote(by=house.owner, app=app, environment=stages[1])

    shown = page(signed_in(house.owner))

    assert re.search(r"1\.0 Queued · \S+s", text(shown))
    assert "Promote shop 1.0 to staging" not in shown


def test_a_failed_deployment_leaves_what_runs_in_the_cell_and_says_what_failed(
    house: House, stages: list[Environment]
) -> None:
    app = house.app("shop")
    house.live(house.release(app, "1.0"), stages[0])
    house.release(app, "1.1")
    plan = promotions.promote(by=house.owner, environment=stages[0], release=app.releases.get(version="1.1"))
    house.ended(plan, "failed", "health check")

    shown = text(page(signed_in(house.owner)))

    assert re.search(r"1\.0 Failed 1\.1 · now · health check", shown)


def test_a_rollback_is_marked_until_its_hold_is_lifted(house: House, stages: list[Environment]) -> None:
    app = house.app("shop")
    for version in ("1.0", "1.1"):
        house.live(house.release(app, version), stages[0])
    house.ended(rollbacks.roll_back(by=house.owner, app=app, environment=stages[0]))

    shown = text(page(signed_in(house.owner)))
    assert re.search(r"1\.0 Rolled back, held", shown) and "Held 1 " in shown
    assert "Rolled back, held Rolled back from 1.1" in text(page(signed_in(house.owner), f"/apps/{app.id}"))

    holds.lift(Slot.objects.get(app=app).holds.get(), by=house.owner)
    assert re.search(r"1\.0 Live", text(page(signed_in(house.owner))))


def test_the_counts_are_of_what_the_cells_say(house: House, stages: list[Environment]) -> None:
    app = house.app("shop")
    house.live(house.release(app, "1.0"), stages[0])
    holds.place(app, stages[0], by=house.owner)
    client = signed_in(house.owner)
    degraded = Slot.objects.filter(app=app, environment=stages[0])

    assert "Degraded 0 Held 1" in text(page(client))
    degraded.update(condition="degraded", condition_reason="web keeps crashing (exit code 1). Last line: GET / 500")
    assert "Degraded 1 Held 1" in text(page(client)), "a hold counts whatever else its cell says"
    cell = re.search(r'<a class="state[^>]* title="([^"]+)".*?</a>', page(client), re.S)
    assert cell and "Last line: GET / 500" in cell[1], "the whole is in the title"
    assert text(cell[0]).strip().endswith("web keeps crashing (exit code 1)")
    assert "Degraded, held" in text(cell[0])
    Environment.objects.filter(pk=stages[0].pk).update(state=State.STOPPED)
    assert "Degraded 0 Held 1" in text(page(client)) and "Stopped, held" in text(page(client))


def test_a_hold_is_seen_and_found_behind_every_other_status(house: House, stages: list[Environment]) -> None:
    app, other = house.app("shop"), house.app("untouched", project=house.project("QUIET"))
    release = house.release(app, "1.0")
    house.live(release, stages[0])
    slot = Slot.objects.filter(app=app, environment=stages[0])
    holds.place(app, stages[0], by=house.owner, reason="wait for the tide")
    client = signed_in(house.owner)

    def cell() -> tuple[str, str]:
        shown = page(client, "/?status=held")
        found = re.search(r'<a class="state[^>]* title="([^"]+)".*?</a>', shown, re.S)
        assert found and app.name in shown and other.name not in shown and "Held 1 " in text(shown)
        return found[1], text(found[0])

    assert "Held · " in cell()[1], "and not twice"
    slot.update(observed_at=timezone.now() - timedelta(hours=1))
    assert "Last seen, held" in cell()[1] and "Held: wait for the tide" in cell()[0]
    newer = house.release(app, "1.1")
    deployment = promotions.promote(by=house.owner, environment=stages[0], release=newer)
    holds.place(app, stages[0], by=house.owner, reason="wait for the tide")
    assert "Queued, held" in cell()[1] and "Held: wait for the tide" in cell()[0]
    house.ended(deployment, "failed", "health check")
    assert "Failed 1.1, held" in cell()[1] and "Held: wait for the tide" in cell()[0]
    told = rest(house.owner).get("/api/v1/board?status=held").json()
    assert told["counts"]["held"] == 1 and told["rows"][0]["cells"][0]["hold"]["reason"] == "wait for the tide"


@pytest.mark.parametrize("state", [State.STOPPING, State.STOPPED, State.PROVISIONING])
def test_no_page_calls_it_live_where_its_environment_does_not_run(
    house: House, stages: list[Environment], state: State
) -> None:
    app = house.app("shop")
    release = house.release(app, "1.0")
    house.live(release, stages[0])
    Environment.objects.filter(pk=stages[0].pk).update(state=state)
    client = signed_in(house.owner)

    def shown(kind: str, ident: object) -> str:
        return text(page(client, reverse(kind, args=[ident])))

    assert f"1.0 {state.label} " in text(page(client))
    environment = shown("environment", stages[0].id)
    assert f"shop {state.label} 1.0" in environment and "0 of 1 live" in environment
    assert f"development {state.label} 1.0" in shown("app", app.id)
    assert f"development 1.0 {state.label}" in shown("project", app.project_id)
    assert f"{state.label} in development" in shown("release", release.id)


def test_what_nobody_has_seen_for_a_while_is_last_seen_on_every_page(house: House, stages: list[Environment]) -> None:
    app = house.app("shop")
    house.live(house.release(app, "1.0"), stages[0])
    Slot.objects.filter(app=app).update(observed_at=timezone.now() - timedelta(minutes=3))
    client = signed_in(house.owner)

    assert "1.0 Last seen · 3m" in text(page(client))
    for kind, ident in (("environment", stages[0].id), ("app", app.id)):
        assert "Last seen 3m ago 1.0" in text(page(client, reverse(kind, args=[ident])))


def test_filters_are_parameters_and_work_without_script(house: House, stages: list[Environment]) -> None:
    web, data = house.project("WEB"), house.project("DATA")
    house.live(house.release(house.app("shop", project=web), "1.0", commit="abcdef1"), stages[0])
    house.app("lake", project=data)
    client = signed_in(house.owner)

    def apps(query: str) -> list[str]:
        return re.findall(r'class="app cut"[^>]*>([^<]+)', page(client, f"/?{query}"))

    assert apps("") == ["lake", "shop"]
    assert apps("project=data") == ["lake"]
    assert apps("q=sho") == ["shop"]
    assert apps("q=1.0") == ["shop"]
    assert apps("q=abcdef") == ["shop"]
    assert apps("q=%25") == []
    assert apps("status=live") == ["shop"]
    assert apps("status=behind") == ["shop"]
    assert apps("status=failed") == []
    assert client.get("/?status=nonsense").status_code == 422
    assert client.get("/?cursor=nonsense").status_code == 422


def test_the_chosen_environment_is_the_only_column_and_stays_in_every_link(
    house: House, stages: list[Environment]
) -> None:
    house.live(house.release(house.app("shop"), "1.0"), stages[0])
    client = signed_in(house.owner)

    shown = page(client, "/?environment=STAGING")

    assert re.findall(r'<th [^>]*id="col-([^"]+)"', shown) == [str(stages[1].id)]
    assert 'data-src="/board/apps/' in shown and "environment=staging" in shown
    assert ' changed"' not in shown
    assert client.cookies["environment"].value == "STAGING"
    assert "environment=staging" in page(client, "/chain")


def test_pages_follow_one_another_without_loss(house: House, stages: list[Environment]) -> None:
    project = house.project()
    names = [f"app-{number:02}" for number in range(53)]
    for name in names:
        house.app(name, project=project)
    client = signed_in(house.owner)

    first = page(client)
    following = re.search(r'href="(/\?cursor=[^"]+)" rel="next"', first)
    assert following
    second = page(client, following[1].replace("&amp;", "&"))

    found = [re.findall(r'class="app cut"[^>]*>([^<]+)', shown) for shown in (first, second)]
    assert [len(part) for part in found] == [50, 3]
    assert [name for part in found for name in part] == names


def test_a_row_drawn_again_flashes_only_the_cell_that_changed(house: House, stages: list[Environment]) -> None:
    app = house.app("shop")
    first, second = house.release(app, "1.0"), house.release(app, "1.1")
    house.live(first, stages[0])
    house.live(first, stages[2])
    client = signed_in(house.owner)
    source = re.search(r'id="a-[^"]+" data-live="[^"]+" data-src="([^"]+)"', page(client))
    assert source
    address = source[1].replace("&amp;", "&")

    before = client.get(address, headers=LIVE)
    assert " changed" not in before.content.decode()
    assert client.get(address, headers=LIVE | {"If-None-Match": before["ETag"]}).status_code == 304

    house.live(second, stages[0])
    after = client.get(address, headers=LIVE | {"If-None-Match": before["ETag"]})
    cells = after.content.decode().split("<td ")[1:]
    assert after.status_code == 200
    assert [" changed" in cell for cell in cells] == [True, True, False]


def test_a_row_whose_app_is_named_anew_or_has_a_new_release_is_drawn_again(
    house: House, stages: list[Environment]
) -> None:
    app = house.app("shop")
    client = signed_in(house.owner)
    source = re.search(r'id="a-[^"]+" data-live="[^"]+" data-src="([^"]+)"', page(client))
    assert source
    address = source[1].replace("&amp;", "&")
    drawn = client.get(address, headers=LIVE)

    apps.update(app, by=house.owner, name="store")
    renamed = client.get(address, headers=LIVE | {"If-None-Match": drawn["ETag"]})
    house.release(app, "1.0")
    released = client.get(address, headers=LIVE | {"If-None-Match": renamed["ETag"]})

    assert "store" in renamed.content.decode()
    assert "Newest 1.0" in released.content.decode()


def test_the_counts_offer_to_look_again_when_apps_came_or_went(house: House, stages: list[Environment]) -> None:
    project = house.project()
    house.app("shop", project=project)
    client = signed_in(house.owner)
    source = re.search(r'id="board-chips"[^>]*data-src="([^"]+)"', page(client))
    assert source
    address = source[1].replace("&amp;", "&")
    assert "Refresh" not in client.get(address, headers=LIVE).content.decode()

    house.app("lake", project=project)

    assert "1 app changed. Refresh" in client.get(address, headers=LIVE).content.decode()


def test_the_counts_offer_to_look_again_when_one_app_went_and_another_came(
    house: House, stages: list[Environment]
) -> None:
    shop = house.app("shop")
    for app in (shop, house.app("lake", project=shop.project)):
        house.live(house.release(app, "1.0"), stages[0])
    client = signed_in(house.owner)
    addresses = {}
    for query in ("/", "/?status=live"):
        source = re.search(r'id="board-chips"[^>]*data-src="([^"]+)"', page(client, query))
        assert source
        addresses[query] = source[1].replace("&amp;", "&")
        assert "Refresh" not in client.get(addresses[query], headers=LIVE).content.decode()

    apps.archive(shop, by=house.owner)
    other = house.app("pond", project=shop.project)
    assert "Other apps are here now. Refresh" in client.get(addresses["/"], headers=LIVE).content.decode()
    assert "1 app changed. Refresh" in client.get(addresses["/?status=live"], headers=LIVE).content.decode()
    house.live(house.release(other, "1.0"), stages[0])
    assert "Other apps are here now" in client.get(addresses["/?status=live"], headers=LIVE).content.decode()

    apps.restore(shop, by=house.owner)
    apps.archive(other, by=house.owner)
    for address in addresses.values():
        assert "Refresh" not in client.get(address, headers=LIVE).content.decode()


@pytest.mark.parametrize("shown", ["", "x", "1.", "1.x.y", ".", f"{'9' * 40}.1", "²"])
def test_a_count_that_is_none_of_ours_offers_nothing_and_breaks_nothing(
    house: House, stages: list[Environment], shown: str
) -> None:
    house.app("shop")
    answer = signed_in(house.owner).get("/board/chips", {"shown": shown}, headers=LIVE)
    assert answer.status_code == 200 and "changed. Refresh" not in answer.content.decode()


def test_apps_of_a_project_with_its_own_chain_appear_there_alone(house: House, stages: list[Environment]) -> None:
    own = house.project("OWN")
    house.app("shop", project=own)
    house.app("lake", project=house.project("WEB"))
    house.chain("staging", project=own)
    client = signed_in(house.owner)

    assert "shop" not in page(client)
    shown = page(client, "/?project=OWN")
    assert "shop" in shown
    assert re.findall(r'id="col-([^"]+)"', shown) == [str(stages[1].id)]


def test_an_app_outside_the_chain_is_shown_beside_it(house: House, stages: list[Environment]) -> None:
    aside = house.environment("sandbox")
    house.live(house.release(house.app("shop"), "1.0"), aside)

    shown = page(signed_in(house.owner))

    assert "Elsewhere" in shown
    assert "sandbox: Live 1.0" in shown
