"""Which database and broker an installation uses: its own embedded ones, or those it is given by URL."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg

from config.up import keys, postgres, valkey
from config.up.errors import CannotStart
from config.up.installation import Installation
from config.up.programs import Program

# All may hold a connection at the same time: web processes x threads of pages, of async doors, and of readiness, health
# and metrics; what the control worker carries out, looks for and keeps; the scheduler's two loops and its lock.
CONNECTIONS = 2 * (8 + 8 + 3) + (16 + 4 + 1) + 3


@dataclass
class Servers:
    """URLs for the owner and the application, and the embedded servers behind them if there are any."""

    owner_url: str = ""
    app_url: str = ""
    redis_url: str = ""
    cluster: postgres.Cluster | None = None
    broker: valkey.Broker | None = None
    programs: list[Program] = field(default_factory=list)

    def for_preparing(self) -> dict[str, str]:
        return {"DATABASE_URL": self.owner_url, "DATABASE_APP_URL": self.app_url, "REDIS_URL": self.redis_url}

    def for_application(self) -> dict[str, str]:
        return {"DATABASE_URL": self.app_url, "REDIS_URL": self.redis_url}


def choose(record: Installation, home: Path) -> Servers:
    """What DATABASE_URL and REDIS_URL name, else embedded servers."""
    servers = Servers()
    given = os.environ.get("DATABASE_URL", "")
    if given:
        servers.app_url, servers.owner_url = given, os.environ.get("DATABASE_OWNER_URL") or given
    else:
        servers.cluster = postgres.cluster(home, port=record.postgres_port)
        servers.app_url, servers.owner_url = servers.cluster.app_url, servers.cluster.owner_url
    if os.environ.get("REDIS_URL"):
        servers.redis_url = os.environ["REDIS_URL"]
    else:
        servers.broker = valkey.broker(home, port=record.valkey_port)
        servers.redis_url = servers.broker.url
    return servers


def initialize(servers: Servers, home: Path, environment: dict[str, str]) -> None:
    """Make data directories and the programs that serve them."""
    if servers.cluster:
        postgres.initialize(servers.cluster)
        servers.programs.append(
            Program(
                name="postgres",
                command=postgres.command(servers.cluster),
                environment=environment,
                directory=home,
                priority=100,
                stop_signal="INT",
                autostart=True,
            )
        )
    if servers.broker:
        valkey.initialize(servers.broker)
        servers.programs.append(
            Program(
                name="valkey",
                command=valkey.command(servers.broker),
                environment=environment,
                directory=keys.directory(servers.broker.directory),
                priority=100,
                autostart=True,
            )
        )


def ready(servers: Servers) -> None:
    """Wait for both; give embedded PostgreSQL its roles, and any PostgreSQL the application's rights."""
    if servers.cluster:
        superuser = servers.cluster.url(postgres.SUPERUSER, servers.cluster.superuser_password, "postgres")
        postgres.wait(superuser)
        postgres.grant_roles(servers.cluster)
    else:
        try:
            grant_given(servers)
        except psycopg.OperationalError as reason:
            raise CannotStart(f"The database named by DATABASE_URL does not answer: {reason}") from reason
    valkey.wait(servers.redis_url)
    check_connections(servers.app_url)


def grant_given(servers: Servers) -> None:
    """On a given database: what its owner makes from now on, the application may use."""
    app, owner = (unquote(urlsplit(url).username or "") for url in (servers.app_url, servers.owner_url))
    if app == owner:
        postgres.connect(servers.owner_url).close()
    else:
        postgres.default_privileges(servers.owner_url, owner=owner, app=app)


def check_connections(url: str) -> None:
    with postgres.connect(url) as connection:
        row = connection.execute("SHOW max_connections").fetchone()
    allowed = int(str(row[0])) if row else 0
    if allowed * 0.8 < CONNECTIONS:
        raise CannotStart(
            f"PostgreSQL allows {allowed} connections; Towpath uses up to {CONNECTIONS} and leaves a fifth free. "
            f"Set max_connections to {int(CONNECTIONS / 0.8) + 1} or more."
        )
