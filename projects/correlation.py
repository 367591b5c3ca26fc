"""Which request, run and actor the work at hand belongs to: what every log line, and every trace, carries along."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class Work:
    """One request, or one run in a control worker; whoever finds out more of it writes it here.

    It is shared by all threads that work on the same request, so that what one learns the others' lines say too.
    """

    request: str = ""
    run: str = ""
    actor: str = ""


_WORK: ContextVar[Work | None] = ContextVar("towpath_work", default=None)
Span = Callable[[str, str, dict[str, str]], AbstractContextManager[object]]


def present() -> Work:
    """What is being worked on here; empty where nothing in particular is."""
    return _WORK.get() or Work()


@contextmanager
def work(*, request: str = "", run: object = "", actor: str = "") -> Iterator[Work]:
    """All that is logged inside belongs to this; afterwards to what it was before."""
    one = Work(request=request, run=str(run or ""), actor=actor)
    token = _WORK.set(one)
    try:
        yield one
    finally:
        _WORK.reset(token)


def acted_by(actor: str) -> None:
    """It is known now who asks (`user:<name>`, `token:<name>`, `worker:<id>`)."""
    one = _WORK.get()
    if one is not None:
        one.actor = actor


def about_run(run: object) -> None:
    """It is known now which run the request is about."""
    one = _WORK.get()
    if one is not None:
        one.run = str(run)


def _untraced(name: str, parent: str, attributes: dict[str, str]) -> AbstractContextManager[object]:
    return nullcontext()


_span: Span = _untraced
_traceparent: Callable[[], str] = str


def span(name: str, parent: str = "", /, **attributes: object) -> AbstractContextManager[object]:
    """A stretch of work that is shown as such where the installation is traced (docs/observability.md).

    `parent` is what `traceparent` answered where the work was asked for; without one it is part of what goes on here.
    """
    return _span(name, parent, {f"towpath.{key}": str(value) for key, value in attributes.items()})


def traceparent() -> str:
    """What goes on here, as a header names it to others (W3C); empty where nothing is traced."""
    return _traceparent()


def trace_with(span: Span, traceparent: Callable[[], str]) -> None:
    """Called by the composition root where traces are wanted."""
    global _span, _traceparent
    _span, _traceparent = span, traceparent
