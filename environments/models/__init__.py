"""The records of the upper floor: where and what happens."""

from environments.models.chain import Chain, Stage, StageEnvironment
from environments.models.configuration import Entry, EntryKind, EntryVersion, VariableType
from environments.models.crew import AgentEnvironment, TeamEnvironment
from environments.models.data_key import DataKey
from environments.models.deployment import ConfigurationChoice, Deployment, DeploymentKind, Endpoint, Hold, Plan, Slot
from environments.models.environment import WORDS, Account, Environment, Sample, State
from environments.models.heartbeat import Heartbeat
from environments.models.host import Host
from environments.models.integration import Integration, IntegrationType
from environments.models.run import (
    ERRAND_KINDS,
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
from environments.models.secret_store import SecretStore, StoreAuth
from environments.models.sweep import Sweep
from environments.models.worker import Worker, WorkerToken

__all__ = [
    "ERRAND_KINDS",
    "LIFECYCLE_KINDS",
    "UNFINISHED",
    "WORDS",
    "WORKER_KINDS",
    "Account",
    "AgentEnvironment",
    "Chain",
    "ConfigurationChoice",
    "DataKey",
    "Deployment",
    "DeploymentKind",
    "Endpoint",
    "Entry",
    "EntryKind",
    "EntryVersion",
    "Environment",
    "Heartbeat",
    "Hold",
    "Host",
    "Integration",
    "IntegrationType",
    "LogChunk",
    "Phase",
    "Plan",
    "Run",
    "RunKind",
    "RunStep",
    "Sample",
    "SecretStore",
    "ServiceLogChunk",
    "Slot",
    "Stage",
    "StageEnvironment",
    "State",
    "StoreAuth",
    "Sweep",
    "TeamEnvironment",
    "VariableType",
    "Worker",
    "WorkerToken",
]
