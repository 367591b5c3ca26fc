"""The records of the upper floor: where and what happens."""

from environments.models.chain import Chain, Stage, StageEnvironment
from environments.models.deployment import Deployment, DeploymentKind, Endpoint, Hold, Plan, Slot
from environments.models.environment import WORDS, Account, Environment, Sample, State
from environments.models.heartbeat import Heartbeat
from environments.models.host import Host
from environments.models.run import (
    LIFECYCLE_KINDS,
    UNFINISHED,
    WORKER_KINDS,
    LogChunk,
    Phase,
    Run,
    RunKind,
    RunStep,
    ServiceLogChunk,
)
from environments.models.sweep import Sweep
from environments.models.worker import Worker, WorkerToken

__all__ = [
    "LIFECYCLE_KINDS",
    "UNFINISHED",
    "WORDS",
    "WORKER_KINDS",
    "Account",
    "Chain",
    "Deployment",
    "DeploymentKind",
    "Endpoint",
    "Environment",
    "Heartbeat",
    "Hold",
    "Host",
    "LogChunk",
    "Phase",
    "Plan",
    "Run",
    "RunKind",
    "RunStep",
    "Sample",
    "ServiceLogChunk",
    "Slot",
    "Stage",
    "StageEnvironment",
    "State",
    "Sweep",
    "Worker",
    "WorkerToken",
]
