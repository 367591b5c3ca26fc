"""Visits to pages without a browser: what a page says, which actions it offers, what it costs."""

import re
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from projects.access import Actor

LIVE = {"Towpath-Live": "1"}
HTMX = {"HX-Request": "true"}
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1"


def signed_in(actor: Actor) -> Client:
    client = Client(raise_request_exception=False)
    assert actor.user is not None
    client.force_login(actor.user)
    return client


def html(client: Client, address: str, **given: Any) -> str:
    response = client.get(address, **given)
    assert response.status_code == 200, f"{address}: {response.status_code}"
    return response.content.decode()


def text(shown: str) -> str:
    """What a reader reads of the page's own part, in one line."""
    own = re.sub(r"(?s)^.*?<main|<dialog.*", "", shown)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", own))


def actions(shown: str) -> set[str]:
    """Where the page's own part posts to: the last word of each form's address, or of its button's."""
    own = re.sub(r"(?s)^.*?<main|<dialog.*", "", shown)
    found = re.findall(r'<form[^>]*method="post"[^>]*\saction="([^"]+)"', own)
    return {address.rsplit("/", 1)[1] for address in found + re.findall(r'<button[^>]*\sformaction="([^"]+)"', own)}


def secret_of(shown: str) -> str:
    """What is to be copied, shown once."""
    found = re.search(r"<code tabindex=\"0\">([^<]+)</code>", shown)
    assert found
    return found[1]


def beside(shown: str, field: str) -> str:
    """What is said of the first field that is wrong: it has the focus and names the one place where that stands."""
    shown = shown.partition("<main")[2] or shown  # what a menu of the frame has is not focused before it opens
    control = re.search(r"<(?:input|textarea|select)\b[^>]*\baria-invalid[^>]*>", shown)
    assert control and f'name="{field}"' in control[0], control
    assert len(re.findall(r"\sautofocus[\s>]", shown)) == 1 and re.search(r"\sautofocus[\s>]", control[0])
    described = re.search(r'aria-describedby="([^"]+)"', control[0])
    assert described
    for place in described[1].split():
        assert shown.count(f'id="{place}"') == 1, place
    told = re.search(rf'(?s)<div class="error" id="{described[1].split()[-1]}">(.*?)</div>', shown)
    assert told
    return text(told[1])


def statements(client: Client, address: str) -> int:
    html(client, address)
    with CaptureQueriesContext(connection) as queries:
        html(client, address)
    return len(queries)
