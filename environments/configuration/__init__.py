"""Variables and secrets: set, changed, deleted, restored, revoked, revealed."""
