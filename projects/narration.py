"""An event as one plain sentence: what happened, and why."""

from typing import Any

from projects.models import Event
from projects.reasons import LINK

# `{name}` is the object's name, the rest comes from the event's data. Who did it is told beside the sentence.
SENTENCES = {
    "organization.created": "Organization {name} created",
    "organization.restored": "Restored from the backup of {taken_at}; what happened after it is not known here",
    "history.swept": "The nightly sweep forgot {freed}",
    "member.added": "{name} added as {role}",
    "member.granted": "{name} given the role {role}",
    "member.joined": "{name} joined as {role}, invited by {invited_by}",
    "member.grant_removed": "The role {role} taken away from {name}",
    "member.deactivated": "{name} deactivated",
    "member.activated": "{name} activated again",
    "member.removed": "{name} removed from the organization",
    "member.reset_link_made": "A link to set a new password made for {name}",
    "member.password_set": "{name} set a new password",
    "session.ended": "Sessions of {name} ended: {count}",
    "invitation.created": "Invitation of {name} as {role} made",
    "invitation.revoked": "Invitation of {name} as {role} revoked",
    "token.created": "Access token {name} created with the role {role}",
    "token.revoked": "Access token {name} revoked",
    "project.created": "Project {name} created",
    "project.updated": "Project {name} changed: {changed}",
    "project.archived": "Project {name} archived",
    "project.restored": "Project {name} restored",
    "project.deleted": "Project {name} deleted",
    "team.created": "Team {name} created",
    "team.updated": "Team {name} changed: {changed}",
    "team.deleted": "Team {name} deleted",
    "team.assigned": "Team {name} assigned to {project}",
    "team.taken_off": "Team {name} taken off {project}",
    "agent.created": "Agent {name} created",
    "agent.updated": "Agent {name} changed: {changed}",
    "agent.deleted": "Agent {name} deleted",
    "agent.joined_team": "Agent {name} joined the team {team}",
    "agent.left_team": "Agent {name} left the team {team}",
    "agent.assigned": "Agent {name} assigned to {project}",
    "agent.taken_off": "Agent {name} taken off {project}",
    "app.created": "App {name} created",
    "app.updated": "App {name} changed: {changed}",
    "app.archived": "App {name} archived",
    "app.restored": "App {name} restored",
    "app.degraded": "{name} {version} is degraded in {environment}",
    "app.recovered": "{name} {version} has recovered in {environment}",
    "app.drifted": "{name} in {environment} does not run what it should",
    "release.cut": "{app} {version} cut",
    "artifact.fetching": "Source of {app} at {ref} is being fetched",
    "artifact.stored": "Artifact {name} of {app} stored",
    "artifact.failed": "Source of {app} could not be fetched",
    "environment.created": "Environment {name} created",
    "environment.updated": "Environment {name} changed: {changed}",
    "environment.queued": "Environment {name} is waiting to be provisioned",
    "environment.provisioning_started": "Provisioning of {name} started",
    "environment.became_ready": "{name} is running",
    "environment.fell_asleep": "{name} fell asleep",
    "environment.hibernated": "{name} hibernates",
    "environment.stopping_started": "{name} is being stopped",
    "environment.stopped": "{name} stopped",
    "environment.failed": "{name} is in error",
    "environment.terminating_started": "Termination of {name} started",
    "environment.terminated": "{name} is gone, with all it had",
    "deployment.asked": "{what} asked for",
    "deployment.succeeded": "{done}",
    "deployment.failed": "{what} failed",
    "deployment.errored": "{what} could not be carried out",
    "deployment.cancelled": "{what} cancelled",
    "deployment.retried": "{what} tried again",
    "hold.placed": "Hold put on {app} in {environment}",
    "hold.lifted": "Hold on {app} in {environment} lifted",
    "service.restart_asked": "Restart of {app}/{service} in {environment} asked for",
    "service.restart_succeeded": "{app}/{service} in {environment} restarted on request",
    "service.restart_failed": "Restart of {app}/{service} in {environment} failed",
    "service.restart_errored": "Restart of {app}/{service} in {environment} could not be carried out",
    "service.restart_cancelled": "Restart of {app}/{service} in {environment} cancelled",
    "service.restarted": "{app}/{service} in {environment} went down and was started again",
    "worker.registered": "Worker {name} joined {environment}",
    "worker.disconnected": "Worker {name} left {environment}",
    "worker.lost": "Worker {name} in {environment} does not answer",
    "worker.returned": "Worker {name} in {environment} answers again",
    "worker_token.read": "Worker token of {name} shown",
    "run.cancel_asked": "Run {name} is to be cancelled",
    "run.retried": "Run {name} tried again",
    "workflow.created": "Workflow {name} created",
    "workflow.updated": "Workflow {name} changed: {changed}",
    "workflow.archived": "Workflow {name} archived",
    "workflow.restored": "Workflow {name} restored",
    "workflow.run_asked": "Run {number} of the workflow {name} in {environment} asked for",
    "workflow.run_succeeded": "Run {number} of the workflow {name} in {environment} succeeded",
    "workflow.run_failed": "Run {number} of the workflow {name} in {environment} failed",
    "workflow.run_errored": "Run {number} of the workflow {name} in {environment} could not be carried out",
    "workflow.run_cancelled": "Run {number} of the workflow {name} in {environment} cancelled",
    "agent.run_asked": "Run {number} of the agent {name} in {environment} asked for",
    "agent.run_succeeded": "Run {number} of the agent {name} in {environment} succeeded",
    "agent.run_failed": "Run {number} of the agent {name} in {environment} failed",
    "agent.run_errored": "Run {number} of the agent {name} in {environment} could not be carried out",
    "agent.run_cancelled": "Run {number} of the agent {name} in {environment} cancelled",
    "variable.created": "Variable {name} set for {scope}",
    "variable.updated": "Variable {name} of {scope} changed to v{number}",
    "variable.described": "Variable {name} of {scope} described anew",
    "variable.deleted": "Variable {name} of {scope} deleted",
    "variable.restored": "Variable {name} of {scope} set back to v{restores}",
    "secret.created": "Secret {name} set for {scope}",
    "secret.updated": "Secret {name} of {scope} changed to v{number}",
    "secret.described": "Secret {name} of {scope} described anew",
    "secret.deleted": "Secret {name} of {scope} deleted",
    "secret.restored": "Secret {name} of {scope} set back to v{restores}",
    "secret.revoked": "Secret {name} v{number} of {scope} revoked",
    "secret.destroyed": "Secret {name} v{number} of {scope} destroyed",
    "secret.compared": "Secrets of {name} compared with others by fingerprint: {keys}",
    "secret.exported": "Secrets of {name} exported: {keys}",
    "secret.revealed": "Secret {name} v{number} of {scope} revealed",
    "configuration.revealed": "Configuration of {name} in {environment} revealed: {keys}",
    "store.created": "Secret store {name} added",
    "store.updated": "Secret store {name} changed: {changed}",
    "store.deleted": "Secret store {name} deleted",
    "store.probed": "Secret store {name} probed; it {outcome}",
    "integration.created": "Integration {name} added",
    "integration.updated": "Integration {name} changed: {changed}",
    "integration.deleted": "Integration {name} deleted",
    "integration.probed": "Integration {name} probed with the secrets of {environment}; it {outcome}",
    "integration.enabled": "Integration {name} enabled for {scope}",
    "integration.disabled": "Integration {name} disabled for {scope}",
    "chain.created": "Promotion chain {name} created: {stages}",
    "chain.updated": "Promotion chain {name} changed: {stages}",
    "chain.deleted": "Promotion chain {name} deleted",
}
_TO_DO = {
    "deploy": "Deploy of {app} {version} to {environment}",
    "promotion": "Promotion of {app} {version} to {environment}",
    "rollback": "Rollback of {app} in {environment} to {version}",
    "redeploy": "Redeploy of {app} {version} in {environment}",
    "removal": "Removal of {app} from {environment}",
}
_DONE = {
    "deploy": "{app} {version} is live in {environment}",
    "promotion": "{app} {version} promoted to {environment}",
    "rollback": "{app} in {environment} rolled back to {version}",
    "redeploy": "{app} {version} redeployed in {environment}",
    "removal": "{app} removed from {environment}",
}
# What a worker was ended by, where it says so in the system's own word.
_ENDS = {
    "SIGTERM": "told to stop",
    "SIGINT": "stopped by Ctrl-C",
    "SIGHUP": "its terminal was closed",
    "superseded": "another process took its place",
}


class _Words(dict[str, Any]):
    """A word the event does not have is left out rather than shown as a gap."""

    def __missing__(self, key: str) -> str:
        return ""


def link(event: Event) -> str:
    """Where more is said of it, http or https, or nothing."""
    given = str(event.data.get("link") or "")
    return given if LINK.fullmatch(given) else ""


def sentence(event: Event) -> str:
    """One sentence for any event; a kind that is not in the table is told in its own words."""
    words = _Words({name: _text(value) for name, value in event.data.items()})
    words["name"] = event.object.get("name", "")
    kind = str(event.data.get("deployment_kind", ""))
    words["what"] = _TO_DO.get(kind, "Deployment of {app} {version} in {environment}").format_map(words)
    words["done"] = _DONE.get(kind, "{app} {version} is live in {environment}").format_map(words)
    told = " ".join(SENTENCES.get(event.kind, _plain(event)).format_map(words).split())
    if event.kind == "deployment.succeeded" and words["from_version"] and kind != "removal":
        told += f", it was {words['from_version']}" if words["from_version"] != words["version"] else ""
    if event.kind == "project.deleted" and event.data.get("archived"):
        told += f", and archived apps with it: {words['archived']}"
    if event.kind == "token.revoked" and event.data.get("also"):
        told += f", and {words['also']} made with it"
    if event.kind in {"member.removed", "member.deactivated"} and event.data.get("tokens"):
        told += f", and access tokens ended: {words['tokens']}"
    if event.data.get("integration"):
        told += f", by the integration {words['integration']}"
    if undone := event.data.get("undoes"):
        told += f", undoing event {undone}"
    reason = words["reason"].strip()
    reason = end_of_worker(reason) if event.kind == "worker.disconnected" else reason
    told = f"{told.rstrip(' :')}: {reason}" if reason else told.rstrip(" :")
    return told if told.endswith((".", "!", "?")) else f"{told}."


def end_of_worker(reason: str) -> str:
    """Why a worker left, in words."""
    return _ENDS.get(reason, reason)


def _plain(event: Event) -> str:
    noun, _, verb = event.kind.partition(".")
    return f"{noun.replace('_', ' ').capitalize()} {{name}}: {verb.replace('_', ' ')}"


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return "" if value is None else str(value).replace("_", " ") if isinstance(value, bool) else str(value)
