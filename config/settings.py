"""Django's settings, read from the environment by `config.env`."""

import logging
from functools import lru_cache
from html import escape
from pathlib import Path

from jinja2 import StrictUndefined

from config import env, logs

BASE_DIR = Path(__file__).resolve().parent.parent
TOWPATH_HOME = env.home()
TOWPATH_BIND = env.text("TOWPATH_BIND", "127.0.0.1:8000")
TOWPATH_PUBLIC_URL = env.address("TOWPATH_PUBLIC_URL")
INSTALLATION = env.installation()
# Networks that fetching may reach although they are private: "10.1.0.0/16, 192.0.2.7".
EGRESS_ALLOW = env.networks("TOWPATH_EGRESS_ALLOW")

SECRET_KEY = env.key("django")
# Functions, since a file may be given another key while a program runs.
MASTER_KEYS = env.master_keys
MASTER_KEY_FILE = env.master_key_file
WRITE_KEY = env.write_key
DEBUG = env.flag("TOWPATH_DEBUG")
ALLOWED_HOSTS = [host.strip() for host in env.text("TOWPATH_ALLOWED_HOSTS", "*").split(",")]
CSRF_TRUSTED_ORIGINS = [TOWPATH_PUBLIC_URL] if TOWPATH_PUBLIC_URL else []

INSTALLED_APPS = [
    "projects.floor.Admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_htmx",
    "ninja",
    "projects.floor.Projects",
    "environments",
]
MIDDLEWARE = [
    "config.middleware.SecurityHeaders",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.Head",
    "config.middleware.Sessions",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "config.middleware.Users",
    "config.middleware.Messages",
    "config.middleware.Htmx",
    "config.middleware.Refusals",
]
# Traces go to this collector by OTLP over HTTP; the exporter reads this and the other OTEL_ settings by itself.
TRACED = bool(env.text("OTEL_EXPORTER_OTLP_ENDPOINT"))
if TRACED:
    MIDDLEWARE.insert(0, "config.tracing.Routes")
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "environments.views.shell.shell",
            ]
        },
    },
    {
        # For a row of the board, of whose cells a page holds hundreds: compiled to Python it costs a twelfth. Whatever
        # it prints is escaped by `finalize`; Jinja's own way makes an object of each value first, which costs as much
        # as the rest, and would let a value marked as safe through.
        "NAME": "compiled",
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {"autoescape": False, "finalize": lru_cache(16_384)(escape), "undefined": StrictUndefined},
    },
]

DATABASES = {"default": env.database(env.text("DATABASE_URL", "postgresql://towpath@127.0.0.1:5432/towpath"))}
# A pooler that gives each transaction another connection may know nothing of what was planned on the one before.
TOWPATH_POOLED = env.flag("TOWPATH_POOLED")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = env.text("REDIS_URL", "redis://127.0.0.1:6379/0")

# Limits, in bytes: a JSON body, and an uploaded archive.
TOWPATH_BODY_BYTES = 1 << 20
TOWPATH_ARTIFACT_BYTES = env.number("TOWPATH_ARTIFACT_MB", 512, least=1, most=1_000_000) << 20
DATA_UPLOAD_MAX_MEMORY_SIZE = TOWPATH_BODY_BYTES
FILE_UPLOAD_HANDLERS = ["projects.archives.Uploads"]
# How long things are kept, in days, and how many releases' directories each app keeps in an environment.
TOWPATH_LOG_DAYS = env.number("TOWPATH_LOG_DAYS", 30, least=1)
TOWPATH_SAMPLE_DAYS = env.number("TOWPATH_SAMPLE_DAYS", 1, least=1)
TOWPATH_EVENT_DAYS = env.number("TOWPATH_EVENT_DAYS", 365, least=30)
TOWPATH_RELEASES_KEPT = env.number("TOWPATH_RELEASES_KEPT", 3, least=2, most=20)
# Live pages and event streams that one person may hold open in one process.
TOWPATH_STREAMS_PER_USER = env.number("TOWPATH_STREAMS_PER_USER", 20, least=1, most=10_000)
# Seconds after which an open stream looks again whether its session, token and grants still let it listen.
TOWPATH_STREAM_RECHECK = env.number("TOWPATH_STREAM_RECHECK", 30, least=1, most=3600)
# Seconds after which whoever waits for something new looks by itself, should no bell have been heard.
TOWPATH_STREAM_LOOK = env.number("TOWPATH_STREAM_LOOK", 3, least=1, most=60)
# Whoever has it reads /metrics; without one there is no such address.
TOWPATH_METRICS_TOKEN = env.text("TOWPATH_METRICS_TOKEN")

# Invitations and links to set a password are mailed where a server is named.
SMTP = env.smtp(env.text("TOWPATH_SMTP_URL"), env.text("TOWPATH_SMTP_PASSWORD_FILE"))
EMAIL_HOST, EMAIL_PORT, EMAIL_TIMEOUT = SMTP.host, SMTP.port, 5
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = SMTP.user, SMTP.password
EMAIL_USE_TLS, EMAIL_USE_SSL = SMTP.starttls, SMTP.tls
DEFAULT_FROM_EMAIL = env.text("TOWPATH_MAIL_FROM", "towpath@localhost")

AUTH_USER_MODEL = "projects.User"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
if env.flag("TOWPATH_TESTING"):
    # Tests make hundreds of people; only the tests of signing in need the real one.
    PASSWORD_HASHERS.insert(0, "django.contrib.auth.hashers.MD5PasswordHasher")
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
AUTHENTICATION_BACKENDS = ["projects.authentication.People"]
SESSION_ENGINE = "projects.session_store"
# A link to set a new password is good for a day.
PASSWORD_RESET_TIMEOUT = 86400
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = TOWPATH_PUBLIC_URL.startswith("https://")
CSRF_COOKIE_SECURE = SESSION_COOKIE_SECURE
CSRF_COOKIE_HTTPONLY = True
# Two installations on one address (other ports) share the browser's cookies: name them apart.
SESSION_COOKIE_NAME = "towpath_session_" + TOWPATH_BIND.rpartition(":")[2]
CSRF_COOKIE_NAME = "towpath_csrf_" + TOWPATH_BIND.rpartition(":")[2]
DEVICE_COOKIE_NAME = "towpath_device_" + TOWPATH_BIND.rpartition(":")[2]
CSRF_FAILURE_VIEW = "projects.views.errors.csrf_failure"

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
# As admin tells times: to the second, and in which zone.
DATETIME_FORMAT = "Y-m-d H:i:s e"

STATIC_URL = "/static/"
STATIC_ROOT = TOWPATH_HOME / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
if DEBUG or env.flag("TOWPATH_TESTING"):
    STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
    WHITENOISE_USE_FINDERS = True

# Warnings of Python are lines like all others.
logging.captureWarnings(True)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    # Readable lines, or one JSON object each: `text` or `json`.
    "formatters": {"line": {"()": logs.formatter(env.text("TOWPATH_LOG_FORMAT", logs.TEXT))}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django.request": {"level": "ERROR"},
        # That a courier came says nothing: what it carries out says so itself, by the name of the run.
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
    },
}
