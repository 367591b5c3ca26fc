"""The worker itself: its loops side by side, until it is told to stop."""

import threading
import traceback
from collections.abc import Callable
from functools import partial

from towpath.worker.endpoints import Endpoints
from towpath.worker.holding import Holding
from towpath.worker.journal import say
from towpath.worker.reconciling import Reconciler
from towpath.worker.session import Session
from towpath.worker.standing import SUPERSEDED, Standing
from towpath.worker.watching import Watcher
from towpath.worker.worksite import Worksite


class Worker:
    def __init__(self, session: Session, worksite: Worksite) -> None:
        endpoints = Endpoints(worksite.layout, worksite.host)
        self.standing = Standing(session, worksite)
        self.holding = Holding(self.standing, endpoints)
        self.reconciler = Reconciler(self.standing, self.holding, endpoints)
        self.watcher = Watcher(self.standing, self.reconciler)

    def run(self) -> None:
        """Work until told to stop. Services keep running when this ends, unless the environment is gone."""
        holding = self.holding
        loops = [holding.claiming, holding.renewing, holding.guarding, holding.sending]
        for loop in (*loops, self.reconciler.loop, self.watcher.loop):
            threading.Thread(target=partial(self._keep_going, loop), name=loop.__name__, daemon=True).start()
        self.standing.stop.wait()
        holding.give_up(within=8)
        if self.standing.exit_code != SUPERSEDED:
            self.standing.session.disconnect(reason=self.standing.reason, exit_code=self.standing.exit_code)

    def _keep_going(self, loop: Callable[[], None]) -> None:
        """What no loop expected is said, and the loop begins again: a worker with half its loops helps nobody."""
        while not self.standing.stop.is_set():
            try:
                loop()
                return
            except Exception:
                say(f"{loop.__name__}: {traceback.format_exc()}")
                self.standing.stop.wait(2)
