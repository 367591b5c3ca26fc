"""The name under which an environment's work is queued and claimed: given at creation, never changed."""

import re
import uuid

LONGEST_SLUG = 40


def name_for(*, organization: str, environment: str, identity: uuid.UUID) -> str:
    """`<organization>.<environment>.<12 of the id>`: readable, and unique whatever the two are called."""
    return f"{slug(organization)}.{slug(environment)}.{identity.hex[:12]}"


def slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:LONGEST_SLUG].strip("-") or "x"
