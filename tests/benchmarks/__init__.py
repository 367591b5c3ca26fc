"""`make bench`: figures as ratios to floors measured in the same run; over a gate it exits 1."""
