"""What Prometheus is told: the whole installation from its database, and requests from every web process.

Imported only where TOWPATH_METRICS_TOKEN is set; without it there is no such address.
"""
