"""The types of integrations: what each is told, and under which names that reaches a process. Total over the types."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from environments.models import Integration, IntegrationType, VariableType
from projects import env_names
from projects.errors import Invalid

HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:]{2,39}")
PREFIX = re.compile(r"[A-Z][A-Z0-9_]{0,39}")
PATH = re.compile(r"/[!-~]{0,399}")
# Halves of surrogate pairs cannot be kept.
WORD = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,200}")
Shape = Literal["url", "host", "port", "prefix", "path", "word", "number", "choice"]
SSL_MODES = ("disable", "prefer", "require", "verify-full")


@dataclass(frozen=True, kw_only=True)
class Field:
    """One thing that an integration is told. A `setting` is plain; a credential is the key of a secret.

    `variable` is the name that a process knows it by, `{prefix}` being the user's own; empty where none gets it.
    """

    name: str
    label: str
    help: str
    variable: str = ""
    credential: bool = False
    required: bool = True
    default: str = ""
    shape: Shape = "word"
    choices: tuple[str, ...] = ()

    @property
    def documented(self) -> str:
        """The name as it is written where nobody has chosen a prefix yet."""
        return self.variable.replace("{prefix}", "PREFIX")

    @property
    def type(self) -> VariableType:
        """What the variable is; what a reference becomes is text."""
        plain = {"url": VariableType.URL, "port": VariableType.NUMBER, "number": VariableType.NUMBER}
        if self.choices == ("false", "true"):
            return VariableType.BOOLEAN
        return VariableType.TEXT if self.credential else plain.get(self.shape, VariableType.TEXT)


@dataclass(frozen=True)
class Kind:
    """What the catalogue says of one type; `asks` is what a probe does, as the rest of a sentence."""

    sentence: str
    fields: tuple[Field, ...]
    asks: str

    @property
    def settings(self) -> tuple[Field, ...]:
        return tuple(field for field in self.fields if not field.credential)

    @property
    def credentials(self) -> tuple[Field, ...]:
        return tuple(field for field in self.fields if field.credential)


def _secret(name: str, label: str, variable: str, help: str, *, required: bool = True) -> Field:
    return Field(name=name, label=label, variable=variable, help=help, credential=True, required=required)


CATALOGUE: dict[IntegrationType, Kind] = {
    IntegrationType.GITHUB: Kind(
        "GitHub, or a GitHub Enterprise Server.",
        (
            Field(
                name="api_url", label="API address", variable="GITHUB_API_URL", default="https://api.github.com",
                shape="url", help="Of an Enterprise Server https://HOST/api/v3.",
            ),
            _secret("token", "Token", "GITHUB_TOKEN", "A personal or installation access token."),
        ),
        "asks for the token's rate limit",
    ),
    IntegrationType.GITLAB: Kind(
        "GitLab, at gitlab.com or of your own.",
        (
            Field(
                name="url", label="Address", variable="GITLAB_URL", default="https://gitlab.com", shape="url",
                help="Without /api/v4.",
            ),
            _secret("token", "Token", "GITLAB_TOKEN", "A personal, project or group access token."),
        ),
        "asks what the token itself is",
    ),
    IntegrationType.SLACK: Kind(
        "A Slack app in a workspace.",
        (
            Field(
                name="api_url", label="API address", variable="SLACK_API_URL", default="https://slack.com/api",
                shape="url", help="Slack's own unless a proxy stands before it.",
            ),
            _secret("token", "Bot token", "SLACK_BOT_TOKEN", "It begins with xoxb-."),
        ),
        "calls auth.test",
    ),
    IntegrationType.HTTP: Kind(
        "Any HTTP service, with or without a bearer token.",
        (
            Field(
                name="prefix", label="Prefix", shape="prefix",
                help="What the names begin with: BILLING makes BILLING_URL and BILLING_TOKEN.",
            ),
            Field(name="url", label="Address", variable="{prefix}_URL", shape="url", help="Where the service is."),
            Field(
                name="probe_path", label="Path to probe", shape="path", required=False,
                help="Behind the address, such as /health. No process gets it.",
            ),
            _secret(
                "token", "Token", "{prefix}_TOKEN", "Sent by a probe as Authorization: Bearer.", required=False
            ),
        ),
        "gets the address, and expects an answer below 300",
    ),
    IntegrationType.POSTGRESQL: Kind(
        "A PostgreSQL database. The names are those that libpq reads by itself.",
        (
            Field(name="host", label="Host", variable="PGHOST", shape="host", help="A name or an address."),
            Field(name="port", label="Port", variable="PGPORT", default="5432", shape="port", help="1 to 65535."),
            Field(name="database", label="Database", variable="PGDATABASE", help="Its name."),
            Field(name="user", label="User", variable="PGUSER", help="Whom to sign in as."),
            Field(
                name="sslmode", label="Encryption", variable="PGSSLMODE", default="prefer", shape="choice",
                choices=SSL_MODES,
                help="What libpq calls sslmode. A probe asks at least for require where no operator allows less.",
            ),
            _secret("password", "Password", "PGPASSWORD", "Of that user."),
        ),
        "signs in and selects 1",
    ),
    IntegrationType.REDIS: Kind(
        "Redis or Valkey.",
        (
            Field(name="host", label="Host", variable="REDIS_HOST", shape="host", help="A name or an address."),
            Field(name="port", label="Port", variable="REDIS_PORT", default="6379", shape="port", help="1 to 65535."),
            Field(
                name="database", label="Database", variable="REDIS_DB", default="0", shape="number",
                help="Its number.",
            ),
            Field(
                name="tls", label="TLS", variable="REDIS_TLS", default="false", shape="choice",
                choices=("false", "true"), help="Whether the connection is encrypted.",
            ),
            Field(
                name="username", label="User", variable="REDIS_USERNAME", required=False,
                help="Only where the server has users.",
            ),
            _secret(
                "password", "Password", "REDIS_PASSWORD", "Only where the server asks for one.", required=False
            ),
        ),
        "signs in, selects the database and sends PING",
    ),
}  # fmt: skip
# More rows than these no change of an integration writes in one scope: with another prefix all of them go, and come.
MOST_ROWS = max(
    sum(1 + ("{prefix}" in field.variable) for field in one.fields if field.variable) for one in CATALOGUE.values()
)


@dataclass(frozen=True)
class Row:
    """A variable that an integration sets where it is enabled."""

    key: str
    value: str
    type: VariableType
    field: Field


def of(integration: Integration) -> Kind:
    return CATALOGUE[IntegrationType(integration.type)]


def rows(integration: Integration) -> list[Row]:
    """What it sets, in the catalogue's order; a secret stands there as a reference."""
    made = []
    for field in of(integration).fields:
        said = integration.secrets.get(field.name) if field.credential else integration.settings.get(field.name)
        if field.variable and said:
            value = f"{{{{.secret.{said}}}}}" if field.credential else said
            made.append(Row(named(field, integration.settings), value, field.type, field))
    return made


def named(field: Field, settings: Mapping[str, str]) -> str:
    """The documented name of a field, with the user's own prefix where it has one."""
    return field.variable.replace("{prefix}", settings.get("prefix", ""))


def checked(
    type: IntegrationType, settings: Mapping[str, object], secrets: Mapping[str, object]
) -> tuple[dict[str, str], dict[str, str]]:
    """Settings and secrets as they are kept; Invalid, naming the first that cannot be."""
    kind = CATALOGUE[type]
    for group, given, known in (("settings", settings, kind.settings), ("secrets", secrets, kind.credentials)):
        for name in given:
            if name not in {field.name for field in known}:
                raise Invalid.field(f"{group}.{name}", f"is nothing that {type.label} knows.")
    plain = {field.name: _setting(field, settings.get(field.name)) for field in kind.settings}
    plain = {name: value for name, value in plain.items() if value}
    ours = {named(field, plain) for field in kind.fields if field.variable}
    for name in sorted(ours):
        if sentence := env_names.problem(name):
            raise Invalid.field("settings.prefix", f"makes {name}: {sentence}.")
    keys = {field.name: _key(field, secrets.get(field.name), ours) for field in kind.credentials}
    return plain, {name: key for name, key in keys.items() if key}


def _setting(field: Field, given: object) -> str:
    where = f"settings.{field.name}"
    if given is not None and not isinstance(given, str | int | bool):
        raise Invalid.field(where, "must be a text.")
    said = str(given).lower() if isinstance(given, bool) else str("" if given is None else given).strip()
    said = said or field.default
    if not said:
        if field.required:
            raise Invalid.field(where, "is required.")
        return ""
    if field.shape == "url":
        said = said.rstrip("/")
    sentence = _SHAPES[field.shape](said) if field.shape != "choice" else _choice(field, said)
    if not sentence and "{{" in said:
        sentence = "must be plain: {{ begins a reference."
    if sentence:
        raise Invalid.field(where, sentence)
    return said


def _key(field: Field, given: object, ours: set[str]) -> str:
    """The key of a secret; not one of the names that the integration sets itself, which would be a circle."""
    where = f"secrets.{field.name}"
    key = str(given or "").strip() if given is None or isinstance(given, str) else "?"
    if not key:
        if field.required:
            raise Invalid.field(where, "is required: name the key of a secret.")
        return ""
    if env_names.problem(key):
        raise Invalid.field(where, "must be the key of a secret, such as CI_TOKEN.")
    if key in ours:
        raise Invalid.field(where, f"must be another key than {key}, which the integration sets itself.")
    return key


def _url(said: str) -> str:
    try:
        parts = urlsplit(said)
        known = parts.scheme in {"https", "http"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        known = False
    if not known or not said.isascii() or not said.isprintable() or " " in said or len(said) > 400:
        return "must be an address such as https://api.example.org."
    if parts.username is not None or parts.password is not None:
        return "must hold no user and no password: settings are shown to everybody."
    return "must hold nothing behind its path." if parts.query or parts.fragment else ""


def _choice(field: Field, said: str) -> str:
    return "" if said in field.choices else f"must be one of {', '.join(field.choices)}."


def _number(said: str, most: int) -> bool:
    return said.isascii() and said.isdecimal() and len(said) < 6 and int(said) <= most


_SHAPES: dict[str, Callable[[str], str]] = {
    "url": _url,
    "host": lambda said: "" if HOST.fullmatch(said) else "must be the name or the address of a host.",
    "port": lambda said: "" if _number(said, 65535) and int(said) else "must be a number from 1 to 65535.",
    "number": lambda said: "" if _number(said, 9999) else "must be a number from 0 to 9999.",
    "prefix": lambda said: "" if PREFIX.fullmatch(said) else "must be capitals, digits and _, at most 40.",
    "path": lambda said: "" if PATH.fullmatch(said) else "must be a path that begins with /, in plain ASCII.",
    "word": lambda said: "" if WORD.fullmatch(said) else "must be at most 200 characters on one line.",
}
