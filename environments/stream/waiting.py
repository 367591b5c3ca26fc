"""Who waits for what: doors sleep here until one of the things they named is rung."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class Waiting:
    """Names are `organization:<id>`, `run:<id>`, `environment:<id>`, ...; a name without sleepers costs nothing."""

    def __init__(self) -> None:
        self._by_name: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._everybody: set[asyncio.Event] = set()

    @contextmanager
    def on(self, *names: str) -> Iterator[asyncio.Event]:
        sleeper = asyncio.Event()
        self._everybody.add(sleeper)
        for name in names:
            self._by_name[name].add(sleeper)
        try:
            yield sleeper
        finally:
            self._everybody.discard(sleeper)
            for name in names:
                self._by_name[name].discard(sleeper)
                if not self._by_name[name]:
                    del self._by_name[name]

    def ring(self, names: Iterable[str]) -> None:
        for name in names:
            for sleeper in self._by_name.get(name, ()):
                sleeper.set()

    def ring_everybody(self) -> None:
        for sleeper in self._everybody:
            sleeper.set()

    def named(self, prefix: str) -> list[str]:
        """The names with this prefix that somebody waits for, without it."""
        return [name.removeprefix(prefix) for name in self._by_name if name.startswith(prefix)]

    def __len__(self) -> int:
        return len(self._everybody)
