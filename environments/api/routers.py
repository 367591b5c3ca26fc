"""The REST routers of the upper floor."""

from environments.api import apps, chains, environments, observing, people, projects, releases, runs, workers, working

ROUTERS = (
    projects.router,
    people.router,
    apps.router,
    releases.router,
    environments.router,
    chains.router,
    observing.router,
    runs.router,
    working.router,
    workers.router,
)
