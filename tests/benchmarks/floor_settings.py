"""The floors' settings: the product's, without middleware, context processors or pages."""

import os

from config.settings import *  # noqa: F403
from config.settings import DATABASES, TEMPLATES

MIDDLEWARE: list[str] = []
ROOT_URLCONF = "tests.benchmarks.floors"
TEMPLATES[0]["OPTIONS"]["context_processors"] = []
TEMPLATES[0]["DIRS"] = ["tests/benchmarks"]
DATABASE_URL_FOR_FLOORS = os.environ["DATABASE_URL"]
DATABASES["default"]["ENGINE"] = "django.db.backends.postgresql"
