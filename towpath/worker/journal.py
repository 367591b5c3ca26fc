"""What the worker says about itself: one line each on its standard error, kept by whoever started it."""

import sys
from datetime import UTC, datetime


def say(text: str) -> None:
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {text}", file=sys.stderr, flush=True)
