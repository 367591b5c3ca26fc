"""The REST routers of the upper floor."""

from environments.api import (
    agents,
    apps,
    board,
    chains,
    comparing,
    configuration,
    delivery,
    environments,
    importing,
    integrations,
    live,
    observing,
    people,
    projects,
    registering,
    releases,
    resolving,
    runs,
    secret_stores,
    secrets,
    teams,
    workers,
    workflows,
    working,
)

# An address is compared with one after the other: what programs ask all the time stands first.
BUSIEST = (working.router, resolving.router)
ROUTERS = (
    projects.router,
    people.router,
    apps.router,
    teams.router,
    agents.router,
    releases.router,
    # Before `/environments/{id}`, which would take its name for an id.
    comparing.router,
    importing.router,
    environments.router,
    chains.router,
    configuration.router,
    secrets.router,
    delivery.router,
    board.router,
    observing.router,
    live.router,
    secret_stores.router,
    integrations.router,
    runs.router,
    workflows.router,
    # A worker's own doors before `/workers/{id}`, which would take their names for ids.
    registering.router,
    workers.router,
)
