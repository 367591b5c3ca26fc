"""The front door: what is too large, too slow or not for this host never reaches a thread."""

import contextlib
import io
import os
import re
import socket
import statistics
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
from django.conf import settings
from django.test import Client

from config.headers import HEADERS
from projects.access import Actor
from projects.models import Release
from tests import builders
from tests.doors.web import Web, web
from tests.environments import house as houses
from tests.environments.yard import yard
from tests.patience import patience


def raw(server: Web, text: str, *, timeout: float = 20) -> socket.socket:
    """A connection on which this text was sent and nothing else yet."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=timeout)
    connection.sendall(text.encode())
    return connection


def cookies_of(actor: Actor) -> dict[str, str]:
    client = Client()
    assert actor.user is not None
    client.force_login(actor.user)
    return {settings.SESSION_COOKIE_NAME: client.cookies[settings.SESSION_COOKIE_NAME].value}


def answer_to(connection: socket.socket) -> str:
    received = b""
    with contextlib.suppress(TimeoutError, ConnectionError):
        while b"\r\n\r\n" not in received and (chunk := connection.recv(65536)):
            received += chunk
    return received.decode(errors="replace")


def test_every_answer_carries_the_requests_id(server: Web) -> None:
    own = httpx.get(f"{server.url}/livez")
    given = httpx.get(f"{server.url}/livez", headers={"x-request-id": "order-4711-a"})
    evil = httpx.get(f"{server.url}/livez", headers={"x-request-id": "a b\tc"})

    assert own.headers["x-request-id"]
    assert given.headers["x-request-id"] == "order-4711-a"
    assert evil.headers["x-request-id"] != "a b\tc"


def test_whatever_is_answered_nobody_frames_it_or_runs_something_in_it(server: Web) -> None:
    cookies = cookies_of(builders.cast().viewer)
    answers = [
        httpx.get(f"{server.url}{path}", cookies=given)
        for path in ("/", "/nowhere", "/sign-in", "/livez", "/static/css/components.css", "/static/no.css", "/admin/")
        for given in ({}, cookies)
    ]
    answers += [httpx.get(f"{server.url}{path}") for path in ("/live", "/api/v1/apps", "/api/v1/events/stream")]
    answers += [httpx.get(f"{server.url}/livez", headers={"host": "a b"}), httpx.put(f"{server.url}/sign-in")]
    with httpx.stream("GET", f"{server.url}/live", cookies=cookies) as stream:
        answers.append(stream)
    assert {answer.status_code for answer in answers} >= {200, 302, 400, 401, 403, 404}
    for answer in answers:
        for name, value in HEADERS.items():
            assert answer.headers.get_list(name) == [value], (answer.url, answer.status_code, name)
        assert answer.status_code < 400 or "no-store" in answer.headers["cache-control"], answer.url


def test_a_body_that_announces_too_much_is_refused_before_it_is_sent(server: Web) -> None:
    request = "POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000\r\n\r\n"

    answer = answer_to(raw(server, request))

    assert answer.startswith("HTTP/1.1 413")
    assert "connection: close" in answer.lower()


def test_a_body_that_does_not_say_how_much_it_is_is_counted(server: Web) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(40):
            yield b"x" * 64 * 1024

    with contextlib.suppress(httpx.HTTPError):  # the server may close before everything was sent
        answer = httpx.post(f"{server.url}/api/v1/projects", content=endless())
        assert answer.status_code == 413 and answer.json()["code"] == "too-large"


def test_a_trickling_body_is_given_up(server: Web) -> None:
    connection = raw(server, "POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n", timeout=30)
    begun = time.monotonic()

    def trickle() -> None:
        with contextlib.suppress(OSError):
            while time.monotonic() < begun + 20:
                connection.sendall(b"x")
                time.sleep(0.5)

    threading.Thread(target=trickle, daemon=True).start()
    answer = answer_to(connection)

    assert answer.startswith("HTTP/1.1 408")
    assert 9 < time.monotonic() - begun < patience(15)


def test_a_host_that_is_not_ours_is_refused(server_environment: dict[str, str]) -> None:
    environment = {**server_environment, "TOWPATH_ALLOWED_HOSTS": "towpath.example,127.0.0.1"}
    with web(environment) as server:
        ours = httpx.get(f"{server.url}/livez", headers={"host": "towpath.example"})
        foreign = httpx.get(f"{server.url}/livez", headers={"host": "attacker.example"})

    assert ours.status_code == 200
    assert foreign.status_code == 400


def test_what_is_no_host_is_refused_even_where_every_host_is_allowed(server: Web) -> None:
    assert answer_to(raw(server, "GET /livez HTTP/1.1\r\nHost: a b\r\n\r\n")).startswith("HTTP/1.1 400")


def test_a_header_cannot_be_forged_by_an_underscore(server: Web) -> None:
    answer = answer_to(raw(server, "GET / HTTP/1.1\r\nHost: localhost\r\nTowpath_Live: 1\r\n\r\n"))

    # A live update would be told 401 or where to sign in by a header; a page is sent there.
    assert answer.startswith("HTTP/1.1 302")


def test_fifty_stalled_uploads_do_not_slow_pages(server: Web) -> None:
    def times() -> list[float]:
        found = []
        with httpx.Client() as client:
            for _ in range(60):
                begun = time.perf_counter()
                assert client.get(f"{server.url}/sign-in").status_code == 200
                found.append(time.perf_counter() - begun)
        return found

    times()
    calm = statistics.median(times())
    stalled = [
        raw(server, "POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500000\r\n\r\nhalf a body")
        for _ in range(50)
    ]
    busy = statistics.median(times())
    for connection in stalled:
        connection.close()

    # A pool of eight threads that read bodies would answer nothing at all.
    assert busy < 2 * calm + 0.01, (calm, busy)


def test_readers_who_take_nothing_hold_no_thread(server: Web) -> None:
    with httpx.Client() as client:
        page = client.get(f"{server.url}/static/css/components.css")
        assert page.status_code == 200
    readers = []
    for _ in range(40):
        reader = socket.socket()
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        reader.connect(("127.0.0.1", server.port))
        reader.sendall(b"GET /static/css/components.css HTTP/1.1\r\nHost: localhost\r\n\r\n")
        readers.append(reader)
    time.sleep(0.5)

    begun = time.monotonic()
    assert httpx.get(f"{server.url}/sign-in").status_code == 200
    assert time.monotonic() - begun < patience(3)
    for reader in readers:
        reader.close()


def test_a_large_upload_needs_a_token_before_its_first_byte(server: Web) -> None:
    house = houses.house()
    app = house.app("ledger")
    request = (
        f"POST /api/v1/apps/{app.id}/artifacts HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 90000000\r\n\r\n"
    )

    assert answer_to(raw(server, request)).startswith("HTTP/1.1 401")


def test_an_archive_of_many_megabytes_goes_in_and_comes_out_and_slow_readers_hold_no_thread(
    server: Web, tmp_path: Path
) -> None:
    house = houses.house()
    app = house.app("ledger")
    headers = {"authorization": f"Bearer {builders.grant_token(house.owner)}"}
    content = os.urandom(5_000_000)
    archive = tmp_path / "ledger.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        member = tarfile.TarInfo("app.bin")
        member.size = len(content)
        packed.addfile(member, io.BytesIO(content))

    with archive.open("rb") as file:
        made = httpx.post(
            f"{server.url}/api/v1/apps/{app.id}/artifacts",
            files={"file": ("ledger.tar.gz", file)},
            headers=headers,
            timeout=60,
        )
    assert made.status_code == 201, made.text
    address = f"/api/v1/artifacts/{made.json()['id']}/content"
    readers = [
        raw(server, f"GET {address} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {headers['authorization']}\r\n\r\n")
        for _ in range(12)
    ]
    time.sleep(0.5)
    whole = httpx.get(server.url + address, headers=headers, timeout=60)
    for reader in readers:
        reader.close()

    assert whole.content == archive.read_bytes()


def test_an_archive_of_many_megabytes_goes_in_by_the_form_of_whoever_is_signed_in(server: Web) -> None:
    house = houses.house()
    app = house.app("ledger")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo("app.bin")
        member.size = 3_000_000
        archive.addfile(member, io.BytesIO(os.urandom(member.size)))
    address = f"/apps/{app.id}/releases/new"
    form = {"version": "1.0", "manifest": "steps: [{name: look, run: ls}]"}

    with httpx.Client(base_url=server.url, timeout=30) as browser:
        upload = {"archive": ("app.tar", packed.getvalue())}
        assert browser.post(address, data=form, files=upload).status_code == 413
        over = browser.post(address, data=form)
        assert over.status_code == 403 or "/sign-in" in over.headers.get("location", "")
        browser.cookies.update(cookies_of(house.owner))
        form["csrfmiddlewaretoken"] = re.findall(r'csrfmiddlewaretoken" value="([^"]+)', browser.get(address).text)[0]
        made = browser.post(address, data=form, files=upload, headers={"Referer": server.url})
    assert made.status_code == 302, made.text
    assert Release.objects.get(app=app).artifact.size > 3_000_000


def test_what_cannot_be_kept_is_refused_by_the_async_doors_too(server: Web) -> None:
    owner = houses.house().owner
    stream = httpx.get(
        f"{server.url}/api/v1/events/stream?project=%00",
        headers={"authorization": f"Bearer {builders.grant_token(owner)}"},
    )
    here = yard()
    claim = httpx.post(
        f"{server.url}/api/v1/workers/me/claims",
        json={"claim_key": "a\0b"},
        headers={"authorization": f"Bearer {here.session(here.worker())}"},
    )
    assert (stream.status_code, claim.status_code) == (422, 422)


def test_the_async_doors_name_an_unknown_query_parameter_too(server: Web) -> None:
    here = yard()
    claim = httpx.post(
        f"{server.url}/api/v1/workers/me/claims?colour=red",
        json={"claim_key": "key"},
        headers={"authorization": f"Bearer {here.session(here.worker())}"},
    )
    assert (claim.status_code, claim.json()["errors"][0]["field"]) == (422, "colour")


def test_what_is_no_json_is_malformed_at_the_async_doors_too(server: Web) -> None:
    here = yard()
    headers = {"authorization": f"Bearer {here.session(here.worker())}"}
    for content in (b"{", b"\xff\xfe", b'{"claim_key": ' + b"[" * 300):
        claim = httpx.post(f"{server.url}/api/v1/workers/me/claims", content=content, headers=headers)
        assert (claim.status_code, claim.json()["code"]) == (400, "malformed")


def test_forty_requests_at_once_are_all_answered(server: Web) -> None:
    statuses: list[int] = []

    def ask() -> None:
        statuses.append(httpx.get(f"{server.url}/sign-in", timeout=30).status_code)

    threads = [threading.Thread(target=ask) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [200] * 40
