"""A request that never reaches a thread of the pool gives its place in the queue back, and no reader holds a thread."""

import asyncio
import io
import threading
from collections.abc import Callable, Iterable
from typing import Any, cast

import pytest

from config.front import pool
from config.front.pool import Busy, Pool

SCOPE = {
    **{"type": "http", "method": "GET", "path": "/", "raw_path": b"/", "query_string": b"", "root_path": ""},
    **{"headers": [], "server": ("localhost", 80), "client": ("127.0.0.1", 1), "scheme": "http"},
    **{"http_version": "1.1"},
}


@pytest.fixture(autouse=True)
def room_for_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "LONGEST_QUEUE", 2)


async def ask(pages: Pool, scope: dict[str, Any] = SCOPE) -> int:
    answers: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        answers.append(message)

    await pages(dict(scope), receive, send)
    return int(answers[0]["status"])


def answering(before: Callable[[], object] = lambda: None) -> Callable[..., Iterable[bytes]]:
    def application(environ: Any, start_response: Any) -> Iterable[bytes]:
        before()
        start_response("200 OK", [])
        return [b"ok"]

    return application


def test_what_breaks_before_its_thread_keeps_no_place() -> None:
    async def story() -> None:
        pages = Pool(answering(), threads=1)
        for _ in range(5):
            with pytest.raises(KeyError):
                await ask(pages, {"type": "http", "headers": []})
        assert await ask(pages) == 200

    asyncio.run(story())


def test_who_leaves_while_waiting_for_a_thread_keeps_no_place() -> None:
    async def story() -> None:
        begun, go_on = threading.Event(), threading.Event()

        def wait() -> None:
            begun.set()
            go_on.wait(10)

        pages = Pool(answering(wait), threads=1)
        first = asyncio.create_task(ask(pages))
        await asyncio.to_thread(begun.wait, 10)
        for _ in range(5):
            impatient = asyncio.create_task(ask(pages))
            await asyncio.sleep(0.01)
            impatient.cancel()
            with pytest.raises(asyncio.CancelledError):
                await impatient
        second = asyncio.create_task(ask(pages))
        await asyncio.sleep(0.01)
        with pytest.raises(Busy):
            await ask(pages)
        go_on.set()
        assert [await first, await second] == [200, 200]
        assert await ask(pages) == 200

    asyncio.run(story())


def test_an_answer_gives_its_place_back_once() -> None:
    async def story() -> None:
        go_on = threading.Event()
        pages = Pool(answering(go_on.wait), threads=2)
        go_on.set()
        for _ in range(5):
            assert await ask(pages) == 200
        go_on.clear()
        two = [asyncio.create_task(ask(pages)) for _ in range(2)]
        await asyncio.sleep(0.05)
        with pytest.raises(Busy):
            await ask(pages)
        go_on.set()
        assert [await one for one in two] == [200, 200]

    asyncio.run(story())


def handing_over(file: io.BytesIO) -> Callable[..., Iterable[bytes]]:
    def application(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return cast(Iterable[bytes], environ["wsgi.file_wrapper"](file))

    return application


def test_who_stops_reading_a_file_is_given_up_and_the_file_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "PATIENCE", 0.1)
    file = io.BytesIO(b"x" * 3 * pool.BLOCK)
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if len(sent) == 2:
            await asyncio.sleep(30)
        sent.append(message)

    async def story() -> None:
        await asyncio.wait_for(Pool(handing_over(file), threads=1)(dict(SCOPE), receive, send), 10)

    asyncio.run(story())
    assert [message.get("more_body") for message in sent] == [None, True]
    assert file.closed


def test_an_answer_in_pieces_leaves_its_thread_before_anybody_reads_it() -> None:
    made = threading.Event()

    def application(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        yield from [b"x" * 1024 * 1024] * 12
        made.set()

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        await asyncio.sleep(30)

    async def story() -> None:
        slow = asyncio.create_task(Pool(application, threads=1)(dict(SCOPE), receive, send))
        assert await asyncio.to_thread(made.wait, 10)
        slow.cancel()

    asyncio.run(story())
