"""Celery's floor: a task that does nothing but say when it began."""

import os
import time

import redis
from celery import Celery

QUEUE = "bench-floor"
BEGAN = "bench-floor-began"

app = Celery("floor", broker=os.environ["REDIS_URL"])
app.conf.update(
    task_default_queue=QUEUE,
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
    worker_enable_remote_control=False,
    broker_connection_retry_on_startup=True,
)
client = redis.Redis.from_url(os.environ["REDIS_URL"])


@app.task
def noop() -> None:
    client.rpush(BEGAN, repr(time.time()))
