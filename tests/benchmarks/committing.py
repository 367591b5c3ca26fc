"""Commits that live pages hear of, and the moment just before each: what comes after it is what is measured."""

import asyncio
import itertools
import os
import time

import psycopg
import redis
from django.db import connection, transaction

from environments import lifecycle
from environments.models import Environment
from projects import access
from tests.benchmarks.seed import Seeded

CHANNEL = "bench-floor"  # as in `floors`, which cannot be imported beside the product's settings
_numbers = itertools.count(1)


class Change:
    """An operator renames the first stage, which every board shows; `next` is the name it will get."""

    def __init__(self, seeded: Seeded) -> None:
        self.owner = access.of_user(seeded.users[0], seeded.organization)
        self.stage: Environment = seeded.organization.environments.get(name="development")
        self.next = ""
        self._prepare()

    def _prepare(self) -> None:
        self.next = f"Development {next(_numbers):03}."

    def commit(self) -> float:
        """The time at which it was ready to be committed; in a thread of its own, as Django wants it beside a loop."""
        self.stage.refresh_from_db()
        with transaction.atomic():
            lifecycle.update(self.stage, by=self.owner, display_name=self.next)
            self._prepare()
            ready = time.time()
        return ready

    async def made(self) -> float:
        return await asyncio.to_thread(self.commit)


class Listening:
    """The floor of hearing a commit: PostgreSQL's own LISTEN on a connection that does nothing else."""

    def __init__(self) -> None:
        address = connection.settings_dict
        given = {"host": address["HOST"], "port": address["PORT"], "user": address["USER"]}
        given |= {"password": address["PASSWORD"], "dbname": address["NAME"]}
        self.writer = psycopg.connect(**given)
        self.ear = psycopg.connect(**given, autocommit=True)
        self.ear.execute("LISTEN bench_floor")

    def heard(self) -> float:
        """Milliseconds from a commit of one row until it is heard."""
        self.writer.execute("INSERT INTO bench_floor DEFAULT VALUES")
        self.writer.execute("NOTIFY bench_floor")
        ready = time.time()
        self.writer.commit()
        for _ in self.ear.notifies(timeout=10, stop_after=1):
            return (time.time() - ready) * 1000
        raise SystemExit("NOTIFY was not heard.")

    def close(self) -> None:
        self.writer.close()
        self.ear.close()


class Publishing:
    """The floor of telling: one message to the bare fan-out."""

    def __init__(self) -> None:
        self.client = redis.Redis.from_url(os.environ["REDIS_URL"])

    def publish(self) -> float:
        now = time.time()
        self.client.publish(CHANNEL, str(next(_numbers)))
        return now

    async def made(self) -> float:
        return await asyncio.to_thread(self.publish)
