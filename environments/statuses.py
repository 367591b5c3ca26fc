"""One map from a status to its word, its shape and its tone; no page chooses a colour or a shape of its own."""

from typing import NamedTuple

from environments.models import Phase, State


class Status(NamedTuple):
    word: str
    shape: str
    tone: str = ""

    @property
    def css(self) -> str:
        """The class that gives the tone, or nothing."""
        return f"is-{self.tone}" if self.tone else ""

    @property
    def spins(self) -> bool:
        return self.shape == "arc"


STATUSES: dict[str, Status] = {
    # environments, by state
    "pending": Status("Pending", "dashed"),
    "provisioning": Status("Provisioning", "arc", "busy"),
    "running": Status("Running", "disc", "ok"),
    "sleeping": Status("Sleeping", "moon", "rest"),
    "hibernating": Status("Hibernating", "snow", "rest"),
    "stopping": Status("Stopping", "squarering", "warn"),
    "stopped": Status("Stopped", "square"),
    "error": Status("Error", "triangle", "bad"),
    "terminating": Status("Terminating", "ringx", "bad"),
    # environments, by what a worker makes of them
    "active": Status("Active", "disc", "ok"),
    "ready": Status("Ready", "disc", "ok"),
    "inactive": Status("Inactive", "square"),
    # a release in an environment
    "live": Status("Live", "disc", "ok"),
    "deploying": Status("Deploying", "arc", "busy"),
    "removing": Status("Removing", "arc", "busy"),
    "degraded": Status("Degraded", "diamond", "warn"),
    "drifted": Status("Drifted", "diamond", "warn"),
    "rolled-back": Status("Rolled back, held", "back", "warn"),
    "held": Status("Held", "pause", "warn"),
    "last-seen": Status("Last seen", "slash"),
    "none": Status("Not deployed", "dash"),
    # runs and steps, by phase
    "queued": Status("Queued", "dashed"),
    "run-running": Status("Running", "arc", "busy"),
    "succeeded": Status("Succeeded", "check", "ok"),
    "failed": Status("Failed", "octagon", "bad"),
    "errored": Status("Errored", "triangle", "bad"),
    "cancelled": Status("Cancelled", "slash"),
    "cancelling": Status("Cancelling", "arc", "busy"),
    "skipped": Status("Skipped", "dash"),
    # services, as they were observed
    "starting": Status("Starting", "arc", "busy"),
    "backoff": Status("Restarting", "diamond", "warn"),
    "crash-looping": Status("Crash-looping", "octagon", "bad"),
    "unhealthy": Status("Unhealthy", "diamond", "warn"),
    "unknown": Status("Unknown", "slash", "warn"),
    # workers
    "online": Status("Online", "disc", "ok"),
    "idle": Status("Idle", "disc", "ok"),
    "busy": Status("Busy", "arc", "busy"),
    "offline": Status("Offline", "slash", "bad"),
    "disconnected": Status("Disconnected", "slash"),
    # releases and their artifacts
    "fetching": Status("Fetching", "arc", "busy"),
    "stored": Status("Stored", "check", "ok"),
    # plans and their gates
    "passed": Status("Passed", "check", "ok"),
    "ready-to-go": Status("Ready", "check", "ok"),
    "blocked": Status("Blocked", "octbar", "bad"),
    "waiting": Status("Waiting", "pause", "warn"),
    "missing": Status("Missing", "bang", "warn"),
    # values of variables and secrets
    "no-value": Status("No value", "bang", "warn"),
    "used": Status("Used", "check", "ok"),
    "revoked": Status("Revoked", "octbar", "bad"),
    "destroyed": Status("Destroyed", "ringx", "bad"),
    "deleted": Status("Deleted", "dash"),
    "overdue": Status("Rotation overdue", "bang", "warn"),
    # what a message tells
    "success": Status("Done", "check", "ok"),
    "info": Status("Note", "ring"),
    "warning": Status("Warning", "diamond", "warn"),
    "message-error": Status("Refused", "octbar", "bad"),
}
UNKNOWN = Status("Unknown", "ring")


def status_of(name: str) -> Status:
    """The look of a status; an unknown one is said to be unknown rather than drawn as healthy."""
    return STATUSES.get(name.replace("_", "-"), UNKNOWN)


# Between a reason and what a service wrote last, which is a witness and not the reason.
LAST_LINE = "Last line: "
# An environment in error may still serve: what is seen of each app decides.
SERVING = frozenset({State.RUNNING, State.ERROR})
# What is said of a latest deployment before anything else; one that succeeded or was cancelled is history.
LATEST = frozenset({Phase.QUEUED, Phase.RUNNING, Phase.FAILED, Phase.ERRORED})


def of_app(
    *,
    live: bool,
    state: str,
    condition: str,
    unseen: bool,
    held: bool,
    rolled_back: bool,
    phase: str | None = None,
    removing: bool = False,
) -> str:
    """The one status of an app in an environment, on every page: what moves, what is wrong, what is kept, live.

    `phase` and `removing` are those of its latest deployment's run, `state` is the environment's; `unseen` where
    nobody has looked at it for a while; `rolled_back` where what is live came by a rollback.
    """
    if phase in LATEST:
        return ("removing" if removing else "deploying") if phase == Phase.RUNNING else phase
    if not live:
        return "none"
    if state not in SERVING:
        return state
    if condition != "ok":
        return condition
    if unseen:
        return "last-seen"
    if held:
        return "rolled-back" if rolled_back else "held"
    return "live"


def brief(reason: str) -> str:
    """A reason without the last line that a service wrote, for where there is little room."""
    return reason.partition(f" {LAST_LINE}")[0]


def phase_of(name: str) -> Status:
    """The look of a run's or step's phase, whose `running` moves while an environment's `running` stands."""
    return STATUSES["run-running"] if name == "running" else status_of(name)


def message_of(level: str) -> Status:
    """The look of a message about what was just done."""
    return status_of("message-error" if level == "error" else level)


def age(seconds: float) -> str:
    """`now`, `4m`, `3h`, `6d`: how long ago, as short as a cell wants it."""
    if seconds < 60:
        return "now"
    if seconds < 3600:
        return f"{int(seconds // 60)}m"
    if seconds < 2 * 86400:
        return f"{int(seconds // 3600)}h"
    return f"{int(seconds // 86400)}d"


def ago(seconds: float) -> str:
    """`just now`, `4m ago`: the same where it is read as a sentence."""
    short = age(seconds)
    return "just now" if short == "now" else f"{short} ago"


def duration(seconds: float) -> str:
    """`0.4s`, `22s`, `1m 48s`, `2h 5m`: how long something took."""
    if 0 < seconds < 9.95:
        return f"{seconds:.1f}s"
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60}s" if whole % 60 else f"{whole // 60}m"
    return f"{whole // 3600}h {whole % 3600 // 60}m"
