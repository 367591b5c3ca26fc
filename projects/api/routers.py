"""The REST routers of the lower floor."""

from projects.api import organizations

ROUTERS = (organizations.router,)
