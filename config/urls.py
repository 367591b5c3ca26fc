"""Every address of the server."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from config import health
from config.api import api

urlpatterns = [
    path("livez", health.live),
    path("readyz", health.ready),
    path("api/health", health.live),
    path("api/ready", health.ready),
    path("api/health/detailed", health.detailed),
    path("api/v1/", api.urls),
    path("admin/", admin.site.urls),
    path("", include("projects.urls")),
    path("", include("environments.urls")),
]
if settings.TOWPATH_METRICS_TOKEN:
    from config.metrics.door import exposition

    urlpatterns.append(path("metrics", exposition))

handler400 = "projects.views.errors.bad_request"
handler403 = "projects.views.errors.forbidden"
handler404 = "projects.views.errors.not_found"
handler500 = "projects.views.errors.server_error"
