"""Django as a WSGI application: pages and REST, called from the pool inside `config.asgi`."""

import os

from django.core.wsgi import get_wsgi_application
from django.db import connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()
# Nobody waits longer for a page. Migrations, and whatever else is not served, may take as long as they take.
connections.databases["default"]["OPTIONS"]["options"] += " -c statement_timeout=30s"
