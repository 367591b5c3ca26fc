"""The parent: starts an installation in order, watches it, and stops all of it."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from config.env import BAD_SETTING, ROOT
from config.up import caddy, installation, interpreter, keys, ports, programs, servers, survivors, voice
from config.up.errors import CannotStart
from config.up.programs import Program
from config.up.supervisor import FATAL, RUNNING, Supervisor
from environments.doing.wire import UNANSWERED

OURS = {"postgres", "valkey", "caddy", "web", "scheduler", "control"}
# The others need these until their own end.
LAST = {"postgres", "valkey"}
# What is asked here is on this machine, whatever proxy leads out of it.
DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
READY_WITHIN = 60.0
STOP_WITHIN = 14.0


class Interrupted(Exception):
    """Somebody wants it to end."""


class Parent:
    """One run of an installation, from the lock on its home to the end of its last process."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.lock = installation.lock(home)
        self.record = installation.load(home, os.environ.get("TOWPATH_BIND", ""))
        self.supervisor: Supervisor | None = None
        self.pids: dict[str, int] = {}

    def run(self) -> None:
        began = time.monotonic()
        try:
            self.start()
            self.announce(time.monotonic() - began)
            self.watch()
        except Interrupted:
            voice.say("\nStopping: web, workers, services, servers. (Once more to stop at once.)")
        finally:
            self.stop()
        voice.say("Towpath is stopped. Everything it keeps is in " + str(self.home))

    def start(self) -> None:
        # Until everything listens: what is free for us now must not be chosen by one who starts beside us.
        with ports.turn():
            self.start_all()

    def start_all(self) -> None:
        if survivors.find(self.record.id):
            with voice.step("end what an earlier start left running"):
                survivors.end(self.record.id)
        for folder in ("artifacts", "logs", "endpoints"):
            keys.directory(self.home / folder)
        for key in ("master", "django"):
            keys.secret(self.home, key)
        chosen = servers.choose(self.record, self.home)
        taken = installation.settle_ports(
            self.record, self.home, postgres=bool(chosen.cluster), valkey=bool(chosen.broker)
        )
        chosen = servers.choose(self.record, self.home)
        self.record.save(self.home)
        if taken:
            voice.say(f"  !    ports {sentence(taken)} are used by other programs; apps with these addresses stay away")
        basic = programs.basic_environment(self.record, self.home)
        # Copying and compiling goes on beside the database's work; the web and its workers need both.
        beside = ThreadPoolExecutor(1)
        interpreter_found = beside.submit(interpreter.settle, self.record, self.home)
        beside.shutdown(wait=False)
        with voice.step("database and broker"):
            servers.initialize(chosen, self.home, basic)
            self.supervisor = Supervisor(self.home, self.configure(chosen, basic, taken), basic)
            self.supervisor.start()
            self.wait_for_servers(chosen)
        with voice.step("tables, static files, first sign-in"):
            self.python(
                "-m",
                "config.up.prepare",
                environment={**basic, **programs.given(programs.KEPT), **chosen.for_preparing()},
            )
        with voice.step("interpreter for environments"):
            interpreter_found.result()
            self.record.save(self.home)
        with voice.step("web, scheduler, control worker"):
            for group in ("web", "scheduler", "control"):
                self.supervisor.start_group(group)
            self.wait_until_ready()

    def wait_for_servers(self, chosen: servers.Servers) -> None:
        try:
            servers.ready(chosen)
        except CannotStart as reason:
            words = [self.last_lines(program.name) for program in chosen.programs]
            raise CannotStart("\n".join([str(reason), *words])) from reason

    def configure(self, chosen: servers.Servers, basic: dict[str, str], taken: list[int]) -> Path:
        first, count = self.record.endpoint_first, self.record.endpoint_count
        endpoints = [port for port in range(first, first + count) if port not in taken]
        # It goes where environments' users tell it to go: whatever it could reach beyond, they could reach through it.
        uid = self.record.proxy_uid if interpreter.place(self.record, self.home) else None
        configuration = caddy.configure(self.home, host=self.record.host, endpoints=endpoints, uid=uid)
        proxy = Program(
            name="caddy",
            command=caddy.command(configuration, uid=uid),
            environment={**basic, **caddy.environment()},
            directory=self.home / "caddy",
            priority=200,
            autostart=True,
        )
        server = {**basic, **chosen.for_application(), "DJANGO_SETTINGS_MODULE": "config.settings"}
        ours = [*chosen.programs, proxy, *programs.server_programs(self.record, self.home, server)]
        return programs.configure(self.home, ours)

    def python(self, *words: str, environment: Mapping[str, str]) -> None:
        """Run a command of the server to its end; what it says is shown when it fails."""
        outcome = subprocess.run(
            [sys.executable, *words],
            env={**environment, "DJANGO_SETTINGS_MODULE": "config.settings"},
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        if outcome.returncode == BAD_SETTING:
            raise CannotStart(outcome.stdout.strip())
        if outcome.returncode:
            log = self.home / "logs" / "start.log"
            log.write_text(outcome.stdout)
            last = "\n".join(outcome.stdout.strip().splitlines()[-12:])
            raise CannotStart(f"`{' '.join(words)}` failed; all of it is in {log}:\n{last}")

    def wait_until_ready(self) -> None:
        assert self.supervisor
        until = time.monotonic() + READY_WITHIN
        word: object = ""
        while time.monotonic() < until:
            try:
                with DIRECTLY.open(f"{self.record.url}/readyz", timeout=3) as answer:
                    if answer.status == 200 and self.all_run():
                        return
            except urllib.error.HTTPError as refusal:
                word = f"{refusal.code} {refusal.read(400).decode(errors='replace')}"
            except OSError as refusal:
                word = refusal
            for info in self.look():
                if info["statename"] == FATAL:
                    raise CannotStart(f"{info['name']} does not stay up:\n{self.last_lines(info['group'])}")
            time.sleep(0.2)
        raise CannotStart(f"The web does not answer at {self.record.url}/readyz ({word}):\n{self.last_lines('web')}")

    def all_run(self) -> bool:
        return all(info["statename"] == RUNNING for info in self.look())

    def last_lines(self, group: str) -> str:
        log = self.home / "logs" / f"{group}.log"
        text = log.read_text(errors="replace") if log.exists() else ""
        return "\n".join(["  | " + line for line in text.strip().splitlines()[-8:]] + [f"  all of it: {log}"])

    def announce(self, seconds: float) -> None:
        file = self.home / "first-run.json"
        user = json.loads(file.read_text())["username"] if file.exists() else ""
        place = f"http://{self.record.web}" if self.record.host != "0.0.0.0" else self.record.url
        first, count = self.record.endpoint_first, self.record.endpoint_count
        rows = [
            ("Open", os.environ.get("TOWPATH_PUBLIC_URL") or place),
            *([("User", user), ("Password", f"in {file}")] if user else []),
            ("Apps answer at", f"{self.record.host}, ports {first} to {first + count - 1}"),
            ("Data and logs", str(self.home)),
            ("Stop", "Ctrl-C"),
        ]
        voice.say(f"\nTowpath is ready ({seconds:.1f} s)\n")
        for name, text in rows:
            voice.say(f"  {name:<16}{text}")
        if self.record.isolation_note:
            voice.say(f"\n  Weak isolation: {self.record.isolation_note}")
        voice.say()

    def watch(self) -> None:
        """Say what was restarted, start again what the supervisor gave up, and the supervisor itself if it dies."""
        assert self.supervisor and self.supervisor.process
        while True:
            for info in self.look():
                self.notice(info)
            if self.supervisor.process.poll() is not None:
                voice.say("  !    the supervisor ended; starting everything again")
                survivors.end(self.record.id)
                self.pids.clear()
                self.start()
            time.sleep(2)

    def look(self) -> list[dict[str, Any]]:
        assert self.supervisor
        try:
            return [info for info in self.supervisor.processes() if info["group"] in OURS]
        except UNANSWERED:
            return []

    def notice(self, info: dict[str, Any]) -> None:
        assert self.supervisor
        name, pid = info["name"], info["pid"]
        if info["statename"] == FATAL:
            voice.say(f"  !    {name} does not stay up; trying again. See {self.home}/logs/{info['group']}.log")
            with suppress(CannotStart):
                self.supervisor.start_group(info["group"])
        elif info["statename"] == RUNNING and pid != self.pids.get(name):
            if name in self.pids:
                voice.say(f"  !    {name} ended and was started again. See {self.home}/logs/{info['group']}.log")
            self.pids[name] = pid

    def stop(self) -> None:
        """Stop everything, whatever happens: what does not stop when asked is killed."""
        installation.note(self.lock, f"{os.getpid()} stopping")
        signal.signal(signal.SIGINT, lambda *_: survivors.end(self.record.id, gentle=0))
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        if self.supervisor:
            self.supervisor.stop(LAST, STOP_WITHIN)
        survivors.end(self.record.id, gentle=2)


def sentence(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:8]))
    return f"{shown} and {len(numbers) - 8} more" if len(numbers) > 8 else shown


def interrupt(number: int, frame: FrameType | None) -> None:
    # Only once: a second signal must not break off what the first one began to stop.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise Interrupted
