"""The worker: carries out one environment's runs on this machine, keeps its services, and reports what really runs."""
