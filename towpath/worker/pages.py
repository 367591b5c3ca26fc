"""The run page's steps in their order, and how far a run is in them."""

from collections.abc import Callable

from towpath.worker.attempts import Attempt


class Pages:
    """The run page's steps in their order, and how far we are in them."""

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self.n = 0

    def do(self, name: str, work: Callable[[], str | None], *, brief: bool = False, at_once: bool = False) -> None:
        self.n += 1
        self.attempt.doing(self.n, name, work, brief=brief, at_once=at_once)

    def skip(self, name: str, why: str) -> None:
        self.n += 1
        self.attempt.report(self.n, name, "skipped", detail=why)

    def skip_steps(self, why: str) -> None:
        for step in self.attempt.specification.steps:
            self.skip(step.name, why)

    def skip_to_switch(self) -> None:
        why = "Done by an earlier attempt"
        self.skip("Reuse" if self.attempt.specification.reuse else "Fetch", why)
        self.skip_steps(why)
        self.skip("Start", why)
        self.skip("Health check", why)
