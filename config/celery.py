"""The Celery application: control workers carry what the control plane does itself, also while the broker is away."""

import logging
import os
import threading
from typing import Any

import django
from celery import Celery, bootsteps, signals
from django.conf import settings
from django.db import close_old_connections, connection

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

# The applications' records are known from here on.
from environments import heartbeats, tasks  # noqa: E402
from environments.doing import overtaking, performing  # noqa: E402
from environments.doing.keeping import KEEPER  # noqa: E402
from environments.models import Heartbeat  # noqa: E402

if settings.TRACED:
    from config import tracing

    tracing.begin("control")

logger = logging.getLogger(__name__)

LOOK_EVERY = 5.0
LOOKERS = 4

app = Celery("towpath")
app.conf.update(
    broker_url=settings.REDIS_URL,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={"health_check_interval": 10, "socket_keepalive": True},
    result_backend=None,
    task_ignore_result=True,
    task_default_queue=tasks.QUEUE,
    # The row says what is to be done, so a message that was lost or came twice changes nothing.
    task_acks_late=False,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    worker_enable_remote_control=False,
)


@signals.setup_logging.connect
def leave_logging_alone(**given: Any) -> None:
    """It is set up by Django's settings already; without somebody listening here, Celery adds lines of its own."""


class Looking(bootsteps.StartStopStep):
    """Threads beside Celery's own that look for runs nobody rang for: they need the database and no broker."""

    # Started after the pool, so stopped before it: the pool waits for its tasks, which end only when told to.
    requires = {"celery.worker.components:Pool"}

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self.ended = threading.Event()

    def start(self, parent: Any) -> None:
        for n in range(LOOKERS):
            threading.Thread(target=self.look, args=(n,), name=f"looking-{n}", daemon=True).start()

    def stop(self, parent: Any) -> None:
        self.ended.set()
        KEEPER.give_back()

    terminate = stop

    def look(self, n: int) -> None:
        self.ended.wait(LOOK_EVERY * n / LOOKERS)
        while not self.ended.is_set():
            close_old_connections()
            try:
                if n == 0:
                    heartbeats.beat(Heartbeat.Name.CONTROL)
                    performing.take_over()
                    overtaking.settle_all()
                performing.perform_all()
            except Exception:
                # The database may be away; it is asked again.
                logger.exception("Looking for work failed")
            self.ended.wait(LOOK_EVERY)
        connection.close()


app.steps["worker"].add(Looking)
