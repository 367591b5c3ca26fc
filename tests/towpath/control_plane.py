"""A small control plane for the worker's tests: a real HTTP server that speaks the protocol and remembers."""

import json
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.patience import patience

LARGEST = 1 << 20  # of a body, as at the real door


class ControlPlane:
    def __init__(self) -> None:
        self.token = "tpw_" + uuid.uuid4().hex
        self.environment = "development"
        self.lock = threading.Condition()
        self.sessions: dict[str, dict] = {}
        self.runs: dict[str, dict] = {}
        self.queue: list[str] = []
        self.slots: dict[str, dict] = {}
        self.version = 1
        self.wanted = "running"
        self.artifacts: dict[str, bytes] = {}
        self.observations: list[dict] = []
        self.service_lines: dict[tuple[str, str, str], dict[int, str]] = {}
        self.heard: list[tuple[str, dict]] = []
        self.traced: list[tuple[str, str | None]] = []
        self.down = False
        self.lease = 30.0
        self.terminated = False
        self.most_lines = 1 << 30  # that a run keeps
        self.refuse_sessions = False
        self.gone = ""  # the code of a 410 that answers everything
        self.break_after: dict[str, int] = {}  # path part -> how many answers are lost although the request was heard
        self.hold = ""  # a path's end, or a step's name: its request is heard and never answered
        self.held = 0
        control_plane = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                if len(content) > LARGEST:
                    self.answer(413, {"code": "too-large", "detail": "The body is too large"})
                    return
                body = json.loads(content or b"{}")
                self.answer(*control_plane.post(self.path.removeprefix("/api/v1"), body, self.headers))

            def do_GET(self) -> None:
                content = control_plane.artifacts.get(self.path.split("/")[-2])
                if content is None or control_plane.down:
                    self.answer(503 if control_plane.down else 404, {})
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def answer(self, status: int, value: dict) -> None:
                if status == 0:
                    self.close_connection = True
                    return
                content = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address) -> None:
                pass  # a worker that was killed leaves connections broken

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    # What a test does

    def submit(self, specification: dict) -> str:
        run = str(uuid.uuid4())
        with self.lock:
            self.runs[run] = {
                "specification": specification,
                "phase": "queued",
                "attempt": 0,
                "session": None,
                "claim_key": None,
                "lease_until": 0.0,
                "steps": {},
                "lines": {},
                "sealed": False,
                "cancel": False,
                "conclusion": None,
                "history": [],
            }
            self.queue.append(run)
            self.lock.notify_all()
        return run

    def wait(self, run: str, *phases: str, within: float = 60) -> dict:
        wanted = phases or ("succeeded", "failed", "errored", "cancelled")
        self.until(lambda: self.runs[run]["phase"] in wanted, within, lambda: self.runs[run])
        return self.runs[run]

    def wait_step(self, run: str, name: str, phase: str, within: float = 45) -> None:
        def there() -> bool:
            return any(step["name"] == name and step["phase"] == phase for step in self.runs[run]["history"])

        self.until(there, within, lambda: self.runs[run])

    def until(self, true, within: float = 20, what=lambda: "") -> None:
        until = time.monotonic() + patience(within)
        while not true():
            assert time.monotonic() < until, what()
            time.sleep(0.03)

    def expire(self, run: str) -> None:
        """The lease has run out: the run goes back to the queue, as the sweep would do it."""
        with self.lock:
            record = self.runs[run]
            record["phase"], record["session"], record["claim_key"] = "queued", None, None
            self.queue.append(run)
            self.lock.notify_all()

    def lines(self, run: str, *, notes: bool = True) -> list[str]:
        """The run's lines; without `notes` only what its steps wrote themselves."""
        lines = [line for _, line in sorted(self.runs[run]["lines"].items())]
        return [line["text"] for line in lines if notes or line["stream"] != "note"]

    def change(self) -> None:
        with self.lock:
            self.version += 1
            self.lock.notify_all()

    def observed(self, app: str) -> dict | None:
        for observation in reversed(self.observations):
            for slot in observation["slots"]:
                if slot["app_id"] == app:
                    return slot
            return None
        return None

    # The protocol

    def post(self, path: str, body: dict, headers) -> tuple[int, dict]:
        if self.down:
            return 503, {"code": "away", "detail": "away"}
        credential = headers["Authorization"].removeprefix("Bearer ")
        assert headers["Towpath-Protocol"] == "1"
        with self.lock:
            self.heard.append((path, body))
            self.traced.append((path, headers["traceparent"]))
            if path == "/workers/register":
                return self.register(credential, body)
            session = self.sessions.get(credential)
            if self.refuse_sessions or session is None:
                return 401, {"code": "unauthorized", "detail": "unknown session"}
            if self.terminated or self.gone:
                return 410, {"code": self.gone or "environment-terminated", "detail": "gone for now"}
            if session["closed"]:
                return 409, {"code": "superseded", "detail": "another process"}
            named = body.get("step", {})
            if self.hold and (
                path.endswith(self.hold) or (named.get("name") == self.hold and named["phase"] == "running")
            ):
                if self.hold != "/seal":
                    self.route(path, body, credential) if self.hold != "/conclusion" else None
                self.held += 1
                while self.hold:
                    self.lock.wait(0.1)
                return 0, {}
            status, answer = self.route(path, body, credential)
        for part, count in self.break_after.items():
            if part in path and count > 0:
                self.break_after[part] -= 1
                return 0, {}
        return status, answer

    def register(self, token: str, body: dict) -> tuple[int, dict]:
        if self.terminated:
            return 410, {"code": "environment-terminated", "detail": "gone"}
        if token != self.token:
            return 401, {"code": "unauthorized", "detail": "unknown token"}
        if body["environment_name"].lower() != self.environment:
            return 404, {"code": "not-found", "detail": "no such environment"}
        previous = self.sessions.get(body.get("previous_session") or "")
        worker = previous["worker"] if previous else str(uuid.uuid4())
        if previous:
            previous["closed"] = True
            for run, record in self.runs.items():
                if record["session"] == body["previous_session"] and record["phase"] == "running":
                    record["phase"], record["session"], record["claim_key"] = "queued", None, None
                    self.queue.append(run)
        session = "tps_" + uuid.uuid4().hex
        self.sessions[session] = {"worker": worker, "closed": False, "host": body["host"]}
        self.lock.notify_all()
        return 200, {
            "worker_id": worker,
            "session": session,
            "environment_id": "e",
            "environment_name": self.environment,
            "lease_seconds": self.lease,
            "renew_seconds": 1,
        }

    def route(self, path: str, body: dict, session: str) -> tuple[int, dict]:
        parts = path.strip("/").split("/")
        match parts:
            case ["workers", "me", "claims"]:
                return self.claim(body, session)
            case ["workers", "me", "renewals"]:
                return self.renew(body, session)
            case ["workers", "me", "desired"]:
                return 200, {"version": self.version, "wanted": self.wanted, "slots": self.listed()}
            case ["workers", "me", "observations"]:
                self.observations.append(body)
                return 200, {"desired_version": self.version}
            case ["workers", "me", "service-logs"]:
                for chunk in body["chunks"]:
                    key = (chunk["app_id"], chunk["deployment_id"], chunk["service"])
                    kept = self.service_lines.setdefault(key, {})
                    for n, line in enumerate(chunk["lines"], start=chunk["offset"]):
                        kept.setdefault(n, line["text"])
                return 200, {}
            case ["workers", _, "disconnect"]:
                return 200, {}
            case ["runs", run, what]:
                record = self.runs[run]
                same = record["attempt"] == body["attempt"] and record["session"] == session
                concluded = what == "conclusion" and record["conclusion"] is not None and same
                if not concluded and (not same or record["phase"] != "running"):
                    return 409, {"code": "lease-lost", "detail": "lost"}
                return self.hear(run, record, what, body)
        return 404, {"code": "not-found", "detail": path}

    def hear(self, run: str, record: dict, what: str, body: dict) -> tuple[int, dict]:
        if what == "reports":
            for step in filter(None, (body.get("before"), body["step"])):
                record["steps"][step["n"]] = {**record["steps"].get(step["n"], {}), **step}
                record["history"].append({**step, "attempt": body["attempt"]})
            return 200, {"cancel": record["cancel"]}
        if what == "log-chunks":
            for n, line in enumerate(body["lines"], start=body["offset"]):
                record["lines"].setdefault((body["attempt"], n), line)
            record["chunks"] = record.get("chunks", 0) + 1
            return 200, {"full": len(record["lines"]) >= self.most_lines}
        if what == "seal":
            if record["cancel"]:
                return 409, {"code": "cancelled", "detail": "cancelled"}
            record["sealed"] = True
            return 200, {}
        record["conclusion"] = record["conclusion"] or body
        if record["phase"] == "running":
            record["phase"] = body["outcome"]
            self.follow_up(record)
            self.version += 1
            self.lock.notify_all()
        return 200, {}

    def follow_up(self, record: dict) -> None:
        specification = record["specification"]
        app = specification["app"]["id"]
        if record["phase"] != "succeeded":
            return
        if specification["action"] == "remove":
            self.slots.pop(app, None)
        if specification["action"] == "deploy":
            live = {**specification, "steps": []}
            keep = specification.get("keep", [])
            self.slots[app] = {
                "app": specification["app"],
                "project": specification["project"],
                "live": live,
                "keep": keep,
            }

    def listed(self) -> list[dict]:
        """What is live, and what is on its way."""
        slots = dict(self.slots)
        for record in self.runs.values():
            specification = record["specification"]
            if record["phase"] in ("queued", "running") and specification["action"] == "deploy":
                coming = {"app": specification["app"], "project": specification["project"], "live": None, "keep": []}
                slots.setdefault(specification["app"]["id"], coming)
        return [slot | {"above": self.above(slot)} for slot in slots.values()]

    def above(self, slot: dict) -> int | None:
        """The newest deployment's number, where it is newer than the live one and its run ended without success."""
        of_app = [record for record in self.runs.values() if record["specification"]["app"]["id"] == slot["app"]["id"]]
        if not slot["live"] or any(record["phase"] in ("queued", "running") for record in of_app):
            return None
        newest = max((record["specification"].get("deployment") or {"number": 0})["number"] for record in of_app)
        return newest if newest > slot["live"]["deployment"]["number"] else None

    def claim(self, body: dict, session: str) -> tuple[int, dict]:
        until = time.monotonic() + min(body["wait"], 3)
        version = self.version
        while True:
            for run, record in self.runs.items():
                if record["session"] == session and record["claim_key"] == body["claim_key"]:
                    return 200, {"run": self.specification(run), "desired_version": self.version}
            if self.sessions[session]["closed"]:
                return 409, {"code": "superseded", "detail": "another process"}
            if self.queue:
                run = self.queue.pop(0)
                record = self.runs[run]
                record.update(
                    phase="running", session=session, claim_key=body["claim_key"], attempt=record["attempt"] + 1
                )
                return 200, {"run": self.specification(run), "desired_version": self.version}
            left = until - time.monotonic()
            if left <= 0 or self.version != version:
                return 200, {"run": None, "desired_version": self.version}
            self.lock.wait(left)

    def specification(self, run: str) -> dict:
        record = self.runs[run]
        specification = record["specification"]
        env = {**specification.get("env", {}), "TOWPATH_RUN": run}
        known = {step["name"] for step in record["history"] if step["attempt"] < record["attempt"]}
        steps = [
            step | {"begun": step.get("begun") or (bool(step.get("once")) and step["name"] in known)}
            for step in specification.get("steps") or []
        ]
        about = {"id": run, "attempt": record["attempt"], "kind": "deploy"}
        return {**about, **specification, "env": env, "steps": steps}

    def renew(self, body: dict, session: str) -> tuple[int, dict]:
        answers = []
        for entry in body["runs"]:
            record = self.runs[entry["id"]]
            held = record["session"] == session and record["attempt"] == entry["attempt"]
            held = held and record["phase"] == "running"
            answers.append({**entry, "held": held, "cancel": record["cancel"]})
        if answers and not any(answer["held"] for answer in answers):
            return 409, {"code": "lease-lost", "detail": "all lost"}
        return 200, {"runs": answers, "desired_version": self.version}
