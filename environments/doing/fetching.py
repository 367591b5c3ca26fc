"""Fetching a git source once, when a release is cut: https only, nothing followed, nothing executed."""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from environments import egress
from environments.doing.progress import Progress, Step, StepFailed
from environments.models import Phase, Run
from projects import access, artifacts
from projects.env_names import PATH
from projects.errors import Refused
from projects.models import Artifact

NOBODY = 65534
LIMIT = 1 << 30
PATIENCE = 900
PREFIX = "towpath-fetch-"
SETTINGS = (
    *("http.followRedirects=false", "protocol.allow=never", "protocol.https.allow=always"),
    *("credential.helper=", "core.askPass=", "http.proxy=", "http.lowSpeedLimit=1000", "http.lowSpeedTime=30"),
    *("core.hooksPath=/dev/null", "core.fsmonitor=false", "core.symlinks=true"),
    *("submodule.recurse=false", "fetch.recurseSubmodules=false", "gc.auto=0", "tar.umask=022"),
)


def plan(run: Run) -> Sequence[Step]:
    if run.artifact is None:
        raise StepFailed("The run names no artifact.")
    return [Step("Fetch", partial(_fetch, run.artifact, access.system(run.organization)), PATIENCE)]


def concluded(run: Run, outcome: Phase | str, reason: str = "") -> None:
    """Called by the run's conclusion alone: what was not stored says why."""
    assert run.artifact_id is not None
    artifact = Artifact.objects.select_for_update(no_key=True).get(pk=run.artifact_id)
    if Phase(outcome) is not Phase.SUCCEEDED and artifact.status == Artifact.Status.FETCHING:
        artifacts.fail(artifact, by=access.system(run.organization), reason=reason or "It could not be fetched.")


def _fetch(artifact: Artifact, by: access.Actor, progress: Progress) -> None:
    artifact.refresh_from_db()
    if artifact.status == Artifact.Status.STORED:
        progress.say("It was fetched already.")
        return
    git = shutil.which("git", path=PATH)
    if git is None:
        raise StepFailed("git is not installed on the machine of the control plane.")
    destination = _checked(artifact.git_url)
    progress.say(f"{artifact.git_url} is at {destination.address}.")
    _clear_leftovers()
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name:
        directory = Path(name)
        if os.geteuid() == 0:
            os.chown(directory, NOBODY, NOBODY)
        work = _Work(git, directory, destination, progress)
        work.run("init", "--quiet", "--bare", "--template=", "source")
        commit = work.fetch(artifact.git_url, artifact.git_ref)
        progress.say(f"{artifact.git_ref} is commit {commit}.")
        work.run("-C", "source", "archive", "--format=tar.gz", "--output=../source.tar.gz", commit)
        title = re.sub(r"[^A-Za-z0-9._-]", "-", Path(artifact.git_url.rstrip("/")).name.removesuffix(".git"))
        kept = artifacts.keep_fetched(
            artifact,
            by=by,
            path=directory / "source.tar.gz",
            filename=f"{title or 'source'}-{commit[:12]}.tar.gz",
            commit=commit,
        )
    progress.say(f"Stored {kept.size} bytes, SHA-256 {kept.sha256}.")


def _clear_leftovers() -> None:
    """What a process that was killed has left of a source; no fetch takes as long."""
    for old in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):
            if old.stat().st_mtime < time.time() - 4 * PATIENCE:
                shutil.rmtree(old)


def _checked(url: str) -> egress.Destination:
    try:
        return egress.check(url)
    except Refused as refusal:
        raise StepFailed(refusal.detail) from refusal


class _Work:
    """git with nothing of this machine: no configuration, credentials or hooks, only the address that was checked."""

    def __init__(self, git: str, directory: Path, destination: egress.Destination, progress: Progress) -> None:
        self.directory = directory
        self.progress = progress
        at = f"[{destination.address}]" if ":" in destination.address else destination.address
        pinned = f"http.curloptResolve={destination.host}:{destination.port}:{at}"
        given = [word for setting in (*SETTINGS, pinned) for word in ("-c", setting)]
        self.command = [*self._as_nobody(), git, *given]
        self.environment = {
            "PATH": PATH,
            "HOME": str(directory),
            "LANG": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_LFS_SKIP_SMUDGE": "1",
            "GIT_ALLOW_PROTOCOL": "https",
            "GIT_PROTOCOL_FROM_USER": "0",
            **{name: os.environ[name] for name in ("GIT_SSL_CAINFO", "SSL_CERT_FILE") if os.environ.get(name)},
        }

    def fetch(self, url: str, ref: str) -> str:
        """Fetch one commit and return its id; a full commit id that the server does not hand out is searched for."""
        try:
            self.run("-C", "source", "fetch", "--depth=1", "--no-tags", "--no-recurse-submodules", "--", url, ref)
        except StepFailed:
            if not re.fullmatch(r"[0-9a-f]{40}", ref):
                raise
            self.run(
                "-C", "source", "fetch", "--no-tags", "--no-recurse-submodules", "--", url, "+refs/heads/*:refs/x/*"
            )
            return self.run("-C", "source", "rev-parse", "--verify", f"{ref}^{{commit}}").strip()
        return self.run("-C", "source", "rev-parse", "--verify", "FETCH_HEAD^{commit}").strip()

    def run(self, *words: str) -> str:
        return self.progress.run(
            [*self.command, *words], environment=self.environment, directory=self.directory, title="git"
        )

    def _as_nobody(self) -> list[str]:
        """What a stranger's server sends is read without any right on this machine, and cannot fill its disk."""
        limit = shutil.which("prlimit", path=PATH)
        setpriv = shutil.which("setpriv", path=PATH)
        words = [limit, f"--fsize={LIMIT}", "--"] if limit else []
        if setpriv and os.geteuid() == 0:
            words += [setpriv, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs", "--"]
        return words
