"""The REST routers of the upper floor."""

from environments.api import (
    apps,
    board,
    chains,
    delivery,
    environments,
    live,
    observing,
    people,
    projects,
    registering,
    releases,
    runs,
    workers,
    working,
)

ROUTERS = (
    projects.router,
    people.router,
    apps.router,
    releases.router,
    environments.router,
    chains.router,
    delivery.router,
    board.router,
    observing.router,
    live.router,
    runs.router,
    # A worker's own doors before `/workers/{id}`, which would take their names for ids.
    working.router,
    registering.router,
    workers.router,
)
