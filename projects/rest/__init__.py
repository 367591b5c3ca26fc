"""What every REST door shares: bodies, paging, entity tags, idempotency and problems."""
