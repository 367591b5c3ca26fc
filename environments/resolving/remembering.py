"""What a process remembers of answers for some seconds, and how much it asks at once; all of it in memory alone."""

import threading
import time
from collections import Counter, OrderedDict
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


class Asking:
    """How many questions to each store are under way, also those that nobody waits for any more."""

    def __init__(self, *, most: int) -> None:
        self.most = most
        self._count: Counter[Any] = Counter()
        self._lock = threading.Lock()

    def begin(self, mark: Any) -> bool:
        """Whether one more may be asked: those that are answered in time are never too many."""
        with self._lock:
            if self._count[mark] >= self.most:
                return False
            self._count[mark] += 1
            return True

    def end(self, mark: Any) -> None:
        with self._lock:
            self._count[mark] -= 1
            if not self._count[mark]:
                del self._count[mark]
