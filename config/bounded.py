"""Questions that may never be answered, asked by a thread of their own, so that whoever asks is answered in time."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

import redis
from django.db import DatabaseError, InterfaceError, close_old_connections

R = TypeVar("R")
# How those say no whom we ask: database, broker, disk.
NO = (DatabaseError, InterfaceError, redis.RedisError, OSError)


class Away(Exception):
    """It said no, or nothing in time."""


class Answer(Generic[R]):
    """What will be known in `patience` seconds at the latest."""

    def __init__(self, future: Future[R], patience: float) -> None:
        self._future, self._until = future, time.monotonic() + patience

    def get(self) -> R:
        try:
            return self._future.result(max(0.0, self._until - time.monotonic()))
        except TimeoutError:
            # Where it has not begun it never will: what is frozen must not find a queue of old questions.
            self._future.cancel()
            raise Away from None
        except NO as error:
            raise Away from error


class Asker:
    """One thread, which may wait for as long as it is let."""

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    def ask(self, question: Callable[[], R], *, patience: float) -> Answer[R]:
        return Answer(self._thread.submit(_asked, question), patience)


def _asked(question: Callable[[], R]) -> R:
    close_old_connections()
    return question()
