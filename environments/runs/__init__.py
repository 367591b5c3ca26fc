"""The mechanics of runs: the queue, claims, leases, seals, ends and logs; knows no kind, and alone writes a phase."""
