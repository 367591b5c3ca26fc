"""The supervisor's configuration: which processes an installation consists of and what each is told."""

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from config.env import ROOT
from config.up import keys
from config.up.errors import CannotStart
from config.up.installation import Installation
from environments.doing.wire import LONGEST_SOCKET, SOCKET
from projects.env_names import COOKIE, PATH

# All that a process of the installation learns of the environment in which `make up` was typed.
PASSED_ON = (
    *("LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO"),
    *("TOWPATH_PUBLIC_URL", "TOWPATH_DEBUG", "TOWPATH_ALLOWED_HOSTS", "TOWPATH_PROXIES", "TOWPATH_EGRESS_ALLOW"),
    *("TOWPATH_LOG_DAYS", "TOWPATH_SAMPLE_DAYS", "TOWPATH_EVENT_DAYS", "TOWPATH_RELEASES_KEPT"),
    *("TOWPATH_ARTIFACT_MB", "TOWPATH_STREAMS_PER_USER", "TOWPATH_STREAM_RECHECK", "TOWPATH_STREAM_LOOK"),
    "TOWPATH_LOG_FORMAT",
    *("TOWPATH_SMTP_URL", "TOWPATH_SMTP_PASSWORD_FILE", "TOWPATH_MAIL_FROM", "TOWPATH_POOLED"),
)
# And what only the control plane's own processes learn, because it holds secrets.
KEPT = (
    *("TOWPATH_METRICS_TOKEN", "TOWPATH_MASTER_KEYS", "TOWPATH_MASTER_KEY_FILE"),
    *("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_CERTIFICATE"),
    *("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"),
)


@dataclass(frozen=True, kw_only=True)
class Program:
    """One entry of the supervisor; `count` processes share a listening socket when `socket` is given."""

    name: str
    command: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path = ROOT
    socket: str = ""
    count: int = 1
    priority: int = 500
    stop_signal: str = "TERM"
    stop_seconds: int = 8
    autostart: bool = False

    def section(self, home: Path) -> str:
        kind = "fcgi-program" if self.socket else "program"
        lines = {
            "command": " ".join(quoted(word) for word in self.command),
            "directory": escaped(str(self.directory)),
            "environment": ",".join(f'{name}="{value_of(name, value)}"' for name, value in self.environment.items()),
            "socket": self.socket,
            "numprocs": str(self.count),
            "process_name": "%(program_name)s_%(process_num)d" if self.count > 1 else "%(program_name)s",
            "priority": str(self.priority),
            "autostart": "true" if self.autostart else "false",
            "autorestart": "true",
            "startsecs": "1",
            "startretries": "10",
            "stopsignal": self.stop_signal,
            "stopwaitsecs": str(self.stop_seconds),
            "stopasgroup": "false",
            "killasgroup": "true",
            "redirect_stderr": "true",
            "stdout_logfile": escaped(str(home / "logs" / f"{self.name}.log")),
            "stdout_logfile_maxbytes": "10MB",
            "stdout_logfile_backups": "2",
        }
        return f"[{kind}:{self.name}]\n" + "".join(f"{name} = {text}\n" for name, text in lines.items() if text)


def escaped(text: str) -> str:
    return text.replace("%", "%%")


def quoted(word: str) -> str:
    return escaped(shlex.quote(word))


def value_of(name: str, text: str) -> str:
    # The supervisor cuts at quotes and line ends and silently keeps the rest: refuse instead.
    if any(letter in text for letter in '"\n\\') or " ;" in text:
        raise CannotStart(f"{name} holds a quote, a backslash, a line end or ' ;' and cannot be passed on; change it.")
    return escaped(text)


def basic_environment(record: Installation, home: Path) -> dict[str, str]:
    """What every process gets: no secret, and by the cookie a later start recognizes it."""
    return {
        "PATH": f"{Path(sys.executable).parent}:{PATH}",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        **given(PASSED_ON),
        "PYTHONUNBUFFERED": "1",
        COOKIE: record.id,
        "TOWPATH_HOME": str(home),
        "TOWPATH_BIND": record.web,
    }


def given(names: tuple[str, ...]) -> dict[str, str]:
    """Of these settings those that somebody made, in the environment in which `make up` was typed."""
    return {name: os.environ[name] for name in names if os.environ.get(name)}


def counted(home: Path) -> dict[str, str]:
    """Where the web processes count requests together; emptied, so that it is asked before any of them runs."""
    directory = home / "metrics"
    shutil.rmtree(directory, ignore_errors=True)
    if "TOWPATH_METRICS_TOKEN" not in given(KEPT):
        return {}
    return {"PROMETHEUS_MULTIPROC_DIR": str(keys.directory(directory))}


def server_programs(record: Installation, home: Path, server: Mapping[str, str]) -> list[Program]:
    """The control plane's own: web, scheduler and the workers that carry out control work."""
    python = sys.executable
    server = {**server, **given(KEPT)}
    return [
        Program(
            name="web",
            command=[python, "-m", "config.up.web"],
            environment={**server, **counted(home)},
            socket=f"tcp://{record.web}",
            count=2,
            priority=300,
        ),
        Program(
            name="scheduler",
            command=[python, "manage.py", "scheduler", "--skip-checks"],
            environment=server,
            priority=400,
        ),
        Program(
            name="control",
            command=[
                *(python, "-m", "celery", "-A", "config.celery", "--quiet", "worker", "--pool=threads", "-c", "16"),
                *("--without-gossip", "--without-mingle", "--loglevel=INFO", "--hostname=control@%h"),
            ],
            environment=server,
            priority=400,
        ),
    ]


def configure(home: Path, programs: list[Program]) -> Path:
    """Write supervisord.conf, which also includes what is added for environments, and return its path."""
    directory = keys.directory(home / "supervisor")
    keys.directory(directory / "conf.d")
    keys.directory(home / "logs")
    password = keys.secret(home, "supervisor")
    keys.write(directory / "password", password)
    where = escaped(str(directory))
    # A longer path does not fit into a socket's address; the supervisor works in its directory.
    short = len(os.fsencode(directory / SOCKET)) <= LONGEST_SOCKET - len(".4194304")
    socket = f"{where}/{SOCKET}" if short else f"/proc/self/cwd/{SOCKET}"
    head = f"""\
[unix_http_server]
file = {socket}
chmod = 0700
username = towpath
password = {password}

[supervisord]
nodaemon = true
silent = true
identifier = towpath
{"user = root" if os.geteuid() == 0 else ""}
logfile = {escaped(str(home / "logs" / "supervisord.log"))}
logfile_maxbytes = 10MB
logfile_backups = 2
pidfile = {where}/supervisord.pid
childlogdir = {escaped(str(home / "logs"))}
umask = 022

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[include]
files = conf.d/*.conf

"""
    file = directory / "supervisord.conf"
    keys.write(file, head + "\n".join(program.section(home) for program in programs))
    return file
