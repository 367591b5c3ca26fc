"""What a process remembers of answers for some seconds, and how much it asks at once; all of it in memory alone."""

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Remembered(Generic[T]):
    """The last answers, each for some seconds, in this process alone."""

    def __init__(self, *, seconds: float, most: int) -> None:
        self.seconds, self.most = seconds, most
        self._kept: OrderedDict[Any, tuple[float, T]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Any) -> T | None:
        with self._lock:
            until, value = self._kept.get(key, (0.0, None))
            if until > time.monotonic():
                return value
            self._kept.pop(key, None)
            return None

    def put(self, key: Any, value: T) -> None:
        with self._lock:
            self._kept[key] = (time.monotonic() + self.seconds, value)
            self._kept.move_to_end(key)
            while len(self._kept) > self.most:
                self._kept.popitem(last=False)

    def forget(self, key: Any) -> None:
        with self._lock:
            self._kept.pop(key, None)


class Unanswered(Exception):
    """So many questions are under way there that one more is not asked."""


class Asking:
    """Questions to what is elsewhere: few at once to each, also of those that nobody waits for any more."""

    def __init__(self, name: str, *, most: int) -> None:
        self.name, self.most = name, most
        self._count: Counter[Any] = Counter()
        self._lock = threading.Lock()

    def in_time(self, mark: Any, ask: Callable[[], T], *, seconds: float) -> T:
        """Its answer or its error; Unanswered; TimeoutError also where a name is never looked up, or an answer comes
        drop by drop for ever."""
        if not self._begin(mark):
            raise Unanswered
        answer: Future[T] = Future()

        def asked() -> None:
            try:
                answer.set_result(ask())
            except Exception as error:
                answer.set_exception(error)
            finally:
                self._end(mark)

        threading.Thread(target=asked, daemon=True, name=self.name).start()
        return answer.result(seconds)

    def _begin(self, mark: Any) -> bool:
        """Whether one more may be asked: those that are answered in time are never too many."""
        with self._lock:
            if self._count[mark] >= self.most:
                return False
            self._count[mark] += 1
            return True

    def _end(self, mark: Any) -> None:
        with self._lock:
            self._count[mark] -= 1
            if not self._count[mark]:
                del self._count[mark]
