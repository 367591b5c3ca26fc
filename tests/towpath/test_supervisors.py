"""What answers in a project's directory is believed only as far as it can be."""

import json
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from socketserver import ThreadingMixIn, UnixStreamServer
from xmlrpc.server import SimpleXMLRPCDispatcher, SimpleXMLRPCRequestHandler

import pytest

from tests.patience import patience
from towpath.worker import supervisors
from towpath.worker.layout import Layout
from towpath.worker.preparing import prepare, prepare_project
from towpath.worker.supervisors import Supervisor, SupervisorAway


class Handler(SimpleXMLRPCRequestHandler):
    disable_nagle_algorithm = False
    rpc_paths = ("/RPC2",)

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *_: object) -> None:
        pass


def dawdle(handler: Handler) -> None:
    with suppress(OSError):
        for _ in range(100):
            handler.wfile.write(b"H")
            time.sleep(0.2)


class Impostor(ThreadingMixIn, UnixStreamServer, SimpleXMLRPCDispatcher):
    """What a project's own program could put in its supervisor's place."""

    daemon_threads = True
    logRequests = False

    def __init__(self, path: str, look: str, **others: Callable[..., object]) -> None:
        SimpleXMLRPCDispatcher.__init__(self)
        UnixStreamServer.__init__(self, path, Handler)
        self.register_function(lambda: look, "towpath.look")
        for name, answer in others.items():
            self.register_function(answer, f"supervisor.{name}")
        threading.Thread(target=self.serve_forever, daemon=True).start()


@pytest.fixture
def answering(tmp_path):
    prepare(tmp_path / "e")
    prepare_project(tmp_path / "e", project="SHOP")
    layout = Layout(tmp_path / "e").project("SHOP")
    servers = []

    def begin(look: str, **others: Callable[..., object]) -> Supervisor:
        here = os.getcwd()
        os.chdir(layout.run)
        servers.append(Impostor("supervisor.sock", look, **others))
        os.chdir(here)
        return Supervisor(layout)

    yield begin
    for server in servers:
        server.shutdown()
        server.server_close()


def one_program(**said):
    program = {"state": 20, "pid": 7, "error": "", "exits": [], "exit_count": 0, "cpu_seconds": 0.5, "memory": 1}
    return json.dumps({"programs": {"web": program | {"ports": []} | said}})


@pytest.mark.parametrize(
    "look",
    [
        "",
        "[]",
        "{}",
        '{"programs": []}',
        '{"programs": {"a": {}}}',
        '{"programs": {"a": {"state": "x"}}}',
        "x" * (5 << 20),
        one_program(state=float("inf")),
        one_program(memory=10**26),
        one_program(cpu_seconds=float("nan")),
        one_program(exits=[[1.0, 10**30]]),
        '{"programs":' + "[" * 200_000,
    ],
    ids=lambda look: look[:60] or "nothing",
)
def test_nonsense_is_an_absence_and_not_an_accident(answering, look):
    with pytest.raises(SupervisorAway, match=r"nonsense|too long"):
        answering(look).look()


def test_a_look_keeps_what_is_counted_on_and_nothing_else(answering):
    program = {"state": 20, "pid": 7, "error": "", "exits": [[1.5, 1]], "exit_count": 1, "cpu_seconds": 0.5}
    program |= {"memory": 3_000_000_000, "ports": [20001], "more": "ignored"}

    seen = answering(json.dumps({"programs": {"web": program}})).look()

    assert seen["web"]["memory"] == 3_000_000_000
    assert seen["web"]["exits"] == [(1.5, 1)]
    assert "more" not in seen["web"]


def test_an_answer_that_dawdles_is_an_absence_in_time(answering, monkeypatch):
    supervisor = answering("{}")
    monkeypatch.setattr(supervisors, "LOOK_WITHIN", 1.0)
    monkeypatch.setattr(Handler, "do_POST", dawdle)

    begun = time.monotonic()
    with pytest.raises(SupervisorAway):
        supervisor.look()
    assert time.monotonic() - begun < patience(3)


def test_nobody_in_its_place_is_an_absence(tmp_path):
    prepare(tmp_path / "e")
    prepare_project(tmp_path / "e", project="SHOP")

    with pytest.raises(SupervisorAway):
        Supervisor(Layout(tmp_path / "e").project("SHOP")).look()


@pytest.mark.parametrize("start", [True, False])
def test_one_that_runs_on_over_an_update_is_asked_as_it_was_before(answering, start):
    asked = []

    def note(*words):
        asked.append(words)
        return True

    answering("{}", reloadConfig=note, addProcessGroup=note, startProcess=note).add("web", start=start)

    assert asked == [(), ("web",), *([("web:web", False)] if start else [])]
