"""A browser and a client of the event stream, while both web processes are killed again and again."""

import json
import re

from playwright.sync_api import Page, expect

from tests.campaign.faults import Found, watched
from tests.campaign.site import Site
from tests.doors.follower import Follower
from tests.journeys.browser import chromium, sign_in_at

RESTARTS = 100
AGES = re.compile(r"\b(now|\d+[mhd])\b")


def restarts_of_web(site: Site) -> Found:
    """Something is committed before each kill and while nobody serves; then what both know is what the database has."""
    found = Found(f"{RESTARTS} times kill -9 of both web processes, a browser and an SSE client listening")
    owner = json.loads((site.home / "first-run.json").read_text())
    url = f"http://{site.running.record['web']}"
    project = site.ask("GET", f"/apps/{site.app}")["project_id"]
    app = site.ask("POST", "/apps", project_id=project, name="restless")["id"]
    run = site.ask("GET", "/runs")[0]["id"]
    begun = last(site)
    with chromium() as browser:
        page = browser.new_page()
        sign_in_at(page, url, owner)
        row = page.locator(f"#a-{app}")
        expect(row).to_contain_text("restless")
        page.evaluate("window.neverReloaded = true")
        headers = {"authorization": f"Bearer {owner['access_token']}"}
        with Follower(f"{url}/api/v1/events/stream", headers, after=begun) as follower:
            site.until(lambda: follower.connections, "the client listens")
            with watched(site, found, run):
                for n in range(RESTARTS):
                    site.ask("PATCH", f"/apps/{app}", name=f"restless-{n}-before")
                    site.kill("web")
                    site.ask("PATCH", f"/apps/{app}", name=f"restless-{n}-after")
                    site.until(lambda: site.running.census()["web"] == 2, "both web processes are back")
                found.done(f"{RESTARTS} restarts")
            committed = numbers(site, begun)
            site.until(lambda: follower.last == last(site), "the client has caught up")
        if follower.heard != committed:
            lost, doubled = set(committed) - set(follower.heard), len(follower.heard) - len(set(follower.heard))
            found.wrong.append(f"of {len(committed)} events the client lost {len(lost)} and heard {doubled} twice")
        expect(row).to_contain_text(f"restless-{RESTARTS - 1}-after", timeout=30_000)
        reloaded = page.evaluate("window.neverReloaded !== true")
        shown = said(page)
        page.reload()
        if shown != said(page):
            found.wrong.append("the open page shows something else than a new one")
        if reloaded:
            found.wrong.append("the page was loaded anew")
    site.ask("DELETE", f"/apps/{app}")
    found.hit += f", {len(committed)} events, {follower.connections} connections"
    return found


def said(page: Page) -> str:
    """What the board says, apart from how long ago it was: that is counted from when a cell was drawn."""
    return AGES.sub("", page.locator("#board").inner_text())


def numbers(site: Site, after: str) -> list[str]:
    """Ids of what was committed, as the database has them."""
    epoch, number = after.split("-")
    rows = site.sql("SELECT number FROM projects_event WHERE number > %s ORDER BY number", int(number))
    return [f"{epoch}-{row[0]}" for row in rows]


def last(site: Site) -> str:
    epoch, number = site.sql(
        "SELECT event_epoch, (SELECT max(number) FROM projects_event) FROM projects_organization LIMIT 1"
    )[0]
    return f"{epoch}-{number}"
