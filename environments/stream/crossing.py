"""The one bridge from the async doors to the house's synchronous rooms: eight threads, never held while waiting."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

from django.db import close_old_connections

P = ParamSpec("P")
R = TypeVar("R")
THREADS = 8

_threads = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="crossing")


async def across(function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Run `function` in one of the bridge's threads; it finishes there even when the one who waits goes away."""
    loop = asyncio.get_running_loop()
    # Whose request it is goes along, for the lines that are logged there.
    work = partial(copy_context().run, function, *args, **kwargs)
    return await loop.run_in_executor(_threads, partial(_carried, work))


def _carried(function: Callable[[], R]) -> R:
    close_old_connections()
    try:
        return function()
    finally:
        close_old_connections()
