"""What the person who typed `make up` reads: one line for each step, and a word when one takes long."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

LONG = 6.0


def say(line: str = "") -> None:
    print(line, flush=True)


def complain(sentence: str) -> None:
    print(f"\ntowpath: {sentence}", file=sys.stderr, flush=True)


@contextmanager
def step(name: str) -> Iterator[None]:
    """Say the step's name and seconds when it is done; say that it goes on when it takes long."""
    began = time.monotonic()
    done = threading.Event()

    def reassure() -> None:
        while not done.wait(LONG):
            say(f"  ...  {name} takes its time ({time.monotonic() - began:.0f} s so far)")

    threading.Thread(target=reassure, daemon=True).start()
    try:
        yield
    finally:
        done.set()
    say(f"  ok   {name} ({time.monotonic() - began:.1f} s)")
