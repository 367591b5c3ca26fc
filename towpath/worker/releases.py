"""A release's directory on this machine: fetched, unpacked, built by its steps, kept for a return, taken away."""

from pathlib import Path
from typing import Any

from towpath.worker import disk, programs
from towpath.worker.attempts import Attempt, Errored, Failed
from towpath.worker.control_plane import Refused, Unreachable
from towpath.worker.journal import say
from towpath.worker.lines import output_of
from towpath.worker.programs import Finished, Program
from towpath.worker.specification import Specification, Step
from towpath.worker.starting import program_environment, shell_program
from towpath.worker.supervisors import Supervisor
from towpath.worker.worksite import Worksite

UNPACK_TIMEOUT = 600.0
LAST_LINES = 20


def returnable(worksite: Worksite, supervisor: Supervisor, app: str, deployment: str | None) -> str | None:
    """The directory that deployment was served from, if all its steps were done and it is still there."""
    if not deployment:
        return None
    for name, kept in worksite.routes.releases(app).items():
        if (
            kept.get("deployment") == deployment
            and kept.get("complete")
            and (supervisor.layout.releases / name).is_dir()
        ):
            return name
    return None


def fetch(worksite: Worksite, supervisor: Supervisor, attempt: Attempt, release: str) -> str:
    """A fresh directory with the artifact's content in it, which the first step makes where there is none; answers a
    sentence for the run page."""
    specification = attempt.specification
    disk.check(supervisor.layout.releases)
    worksite.routes.record_release(
        specification.app,
        release,
        deployment=specification.deployment,
        project=specification.project,
        complete=False,
    )
    place = supervisor.layout.releases / release
    artifact = specification.artifact
    if artifact is None:
        if not specification.steps:
            plain(supervisor, attempt, "create", {"create": str(place)})
        return "No artifact"
    job = Program(job_name(attempt, "unpack"), {"kind": "unpack"})
    # The archive lies beside the job's specification: the project may read it there and nowhere else.
    archive = programs.write(supervisor, job) / "archive"
    pause = 0.5
    while True:
        archive.unlink(missing_ok=True)
        try:
            attempt.session.control_plane.download(
                artifact.url, archive, sha256=artifact.sha256, size=artifact.size, meanwhile=attempt.check
            )
            break
        except Unreachable as error:
            attempt.note(str(error))
            attempt.wait(pause)
            pause = min(10.0, pause * 2)
        except Refused as refusal:
            raise Errored(str(refusal)) from refusal
        except OSError as error:
            raise Errored(f"The artifact could not be kept on this machine: {error.strerror or error}") from error
    archive.chmod(0o640)
    plain(
        supervisor,
        attempt,
        "unpack",
        {"create": str(place), "archive": f"../specs/{job.name}/archive", "into": str(place / "work")},
        name=job.name,
        files=[archive],
    )
    return f"{artifact.size:,} bytes, SHA-256 as expected"


def run_step(supervisor: Supervisor, attempt: Attempt, release: str, step: Step) -> None:
    specification = attempt.specification
    attempt.note(f"$ {step.run}")
    environment = program_environment(supervisor.layout, release, specification, step.env, attempt.number)
    program = shell_program(
        supervisor,
        job_name(attempt, str(step.n)),
        release=release,
        run=step.run,
        environment=environment,
    )
    if specification.artifact is None and step is specification.steps[0]:
        program.spec["create"] = str(supervisor.layout.releases / release)
    done, last = watched(supervisor, attempt, program, timeout=step.timeout)
    if done.timed_out:
        raise Failed(f"{step.name} took longer than {step.timeout:g} s", last)
    attempt.exit_code = done.exit_code
    if done.exit_code != 0:
        raise Failed(f"{step.name} ended with exit code {done.exit_code}", last)


def complete(worksite: Worksite, specification: Specification, release: str) -> None:
    worksite.routes.record_release(
        specification.app,
        release,
        deployment=specification.deployment,
        project=specification.project,
        complete=True,
    )


def delete(worksite: Worksite, supervisor: Supervisor, app: str, names: list[str]) -> None:
    """Take directories away, as the uid that owns them; forget them only when they are gone."""
    if not names:
        return
    paths = [str(supervisor.layout.releases / name) for name in names]
    spec: dict[str, Any] = {"kind": "delete", "paths": paths}
    done = programs.run_job(supervisor, Program(programs.helper("delete", app), spec), timeout=300)
    if done.exit_code != 0:
        say(f"{app}: directories could not be taken away (exit code {done.exit_code}); tried again later")
    for name in names:
        if not (supervisor.layout.releases / name).exists():
            worksite.routes.forget_release(app, name)


def sweep(worksite: Worksite, supervisor: Supervisor, app: str, keep: list[str]) -> None:
    """Older directories go."""
    delete(worksite, supervisor, app, stale(worksite, app, keep))


def stale(worksite: Worksite, app: str, keep: list[str]) -> list[str]:
    """Directories that neither an instance needs nor anybody wants to return to."""
    used = {instance.release for instance in worksite.routes.instances(app)}
    return [
        name
        for name, kept in worksite.routes.releases(app).items()
        if name not in used and (kept.get("deployment") not in keep or not kept.get("complete"))
    ]


def kill_jobs(supervisor: Supervisor, attempt: Attempt) -> None:
    """End at once what this attempt has running besides services."""
    for name in supervisor.look():
        if name.startswith(f"run.{attempt.run}-{attempt.number}."):
            programs.remove(supervisor, name, within=5, now=True)


def job_name(attempt: Attempt, part: str) -> str:
    return f"run.{attempt.run}-{attempt.number}.{part}"


def plain(
    supervisor: Supervisor,
    attempt: Attempt,
    kind: str,
    spec: dict[str, Any],
    *,
    name: str = "",
    files: list[Path] | None = None,
) -> None:
    program = Program(name or job_name(attempt, kind), {"kind": kind, **spec}, keep_files=bool(files))
    done, last = watched(supervisor, attempt, program, timeout=UNPACK_TIMEOUT)
    if done.timed_out:
        raise Failed(f"{kind} took longer than {UNPACK_TIMEOUT:g} s")
    if done.exit_code != 0:
        raise Failed(last[-1] if last else f"{kind} ended with exit code {done.exit_code}", last)


def watched(
    supervisor: Supervisor, attempt: Attempt, program: Program, *, timeout: float
) -> tuple[Finished, list[str]]:
    """Run a job with its output going to the run's log as it appears; answers its end and its last lines."""
    last: list[str] = []
    follow = output_of(supervisor.layout, program.name, attempt.specification.masks)

    def take(at_end: bool = False) -> None:
        if attempt.log.is_full:
            return
        for stream, follower in follow.items():
            for line in follower.read(at_end=at_end):
                attempt.log.add(step=attempt.step, stream=stream, text=line)
                last.append(line)
        del last[:-LAST_LINES]

    def meanwhile() -> None:
        attempt.check()
        take()

    def finally_() -> None:
        while any(follower.is_behind for follower in follow.values()):
            attempt.check()
            attempt.log.flush(attempt.session, within=1) if attempt.log.is_full else take()
        take(at_end=True)

    done = programs.run_job(supervisor, program, timeout=timeout, meanwhile=meanwhile, at_end=finally_)
    return done, last
