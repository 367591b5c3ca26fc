"""What open streams cost while nothing happens, and how they end."""

import contextlib
import json
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from projects import memberships
from projects.access import Actor
from tests import builders
from tests.doors.web import Web, listening, web

IDLE = 200
A_PERSON = 19


def cookie(actor: Actor) -> str:
    client = Client()
    client.force_login(actor.user)
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


def opened(server: Web, cookie: str) -> socket.socket:
    """A stream that has said that it is ready."""
    stream = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    stream.sendall(f"GET /live HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n".encode())
    received = b""
    while b"event: ready" not in received:
        chunk = stream.recv(4096)
        assert chunk, received
        received += chunk
    return stream


def connections_to(server: Web) -> int:
    assert server.process is not None
    held = psutil.Process(server.process.pid).net_connections()
    return sum(each.laddr.port == server.port and each.status == psutil.CONN_ESTABLISHED for each in held)


def sessions_of_the_database() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def test_two_hundred_idle_streams_hold_no_thread_and_no_connection_and_end_at_once(server: Web) -> None:
    made = builders.organization()
    people = [builders.owner_of(made)] + [builders.member(made, "viewer") for _ in range(IDLE // A_PERSON)]
    cookies = [name for name in map(cookie, people) for _ in range(A_PERSON)][:IDLE]
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    others = connections_to(server)  # what tests before this one have not given up yet

    with ThreadPoolExecutor(4) as threads:
        streams = list(threads.map(lambda name: opened(server, name), cookies))
    # Eight threads for pages, eight for streams, four for files and the main one are all there ever are.
    assert process.num_threads() < 40
    assert sessions_of_the_database() <= 20
    assert connections_to(server) >= IDLE

    for stream in streams[: IDLE // 2]:
        stream.close()
    until = time.monotonic() + 15
    while connections_to(server) > IDLE // 2 + others and time.monotonic() < until:
        time.sleep(0.2)
    assert connections_to(server) <= IDLE // 2 + others

    assert server.stop() < 3
    for stream in streams:
        stream.close()


def test_one_person_holds_at_most_twenty_streams(server: Web) -> None:
    name = cookie(builders.owner_of(builders.organization()))
    held = [opened(server, name) for _ in range(20)]

    with pytest.raises(AssertionError, match="429"), listening(f"{server.url}/live", {"cookie": name}):
        pass

    held.pop().close()
    time.sleep(1)
    with contextlib.closing(opened(server, name)):
        pass
    for stream in held:
        stream.close()


def test_the_end_of_a_session_ends_its_stream(watchful_server: Web) -> None:
    actor = builders.owner_of(builders.organization())
    client = Client()
    client.force_login(actor.user)
    name = settings.SESSION_COOKIE_NAME
    with listening(f"{watchful_server.url}/live", {"cookie": f"{name}={client.cookies[name].value}"}) as stream:
        client.logout()
        message = stream.next(within=10)
        ended = stream.next(within=5)

    assert message is not None and message.event == "end" and "Sign in" in message.data
    assert ended is None


@pytest.mark.parametrize("how", [memberships.deactivate, memberships.remove], ids=["deactivated", "removed"])
def test_the_stream_of_who_is_put_out_ends_at_once(server: Web, how: Callable[..., None]) -> None:
    """The server looks by itself every half minute only."""
    cast = builders.cast()
    with (
        listening(f"{server.url}/live", {"cookie": cookie(cast.viewer)}) as theirs,
        listening(f"{server.url}/live", {"cookie": cookie(cast.operator)}) as other,
    ):
        how(memberships.find(cast.owner, cast.viewer.user.username), by=cast.owner)
        message, heard = theirs.next(within=5), other.next(within=5)

    assert message is not None and message.event == "end"
    assert heard is not None and heard.event == "change"


def test_a_quiet_stream_beats_and_its_place_moves_on_past_what_it_may_not_see(server: Web) -> None:
    actor = builders.owner_of(builders.organization())
    with listening(f"{server.url}/live", {"cookie": cookie(actor)}) as stream:
        message = stream.next(within=12, beats=True)

    assert message is not None and message.event == "beat"
    assert message.id == message.data
    assert json.loads(message.id.partition("-")[2]) >= 1


def test_the_places_of_one_person_are_counted_over_all_processes(
    server: Web, server_environment: dict[str, str]
) -> None:
    name = cookie(builders.owner_of(builders.organization()))
    with web(server_environment) as other:
        held = [opened(one, name) for one in (server, other) for _ in range(10)]

        for one in (server, other):
            with pytest.raises(AssertionError, match="429"), listening(f"{one.url}/live", {"cookie": name}):
                pass

        for stream in held:
            stream.close()


def test_without_a_broker_streams_look_for_themselves(server_environment: dict[str, str]) -> None:
    actor = builders.owner_of(builders.organization())
    elsewhere = {**server_environment, "REDIS_URL": "redis://127.0.0.1:1/0"}
    with web(elsewhere) as server, listening(f"{server.url}/live", {"cookie": cookie(actor)}) as stream:
        project = builders.project(actor)
        message = stream.next(within=8)

    assert message is not None and f"project:{project.id}" in json.loads(message.data)
