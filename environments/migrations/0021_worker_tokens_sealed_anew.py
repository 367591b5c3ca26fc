"""Worker tokens are sealed by their organization's data key, as everything is: those sealed before are sealed anew."""

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.management import CommandError
from django.db import migrations

from environments import sealing
from projects.credentials import Secret


def seal_anew(apps, schema_editor):
    tokens = apps.get_model("environments", "WorkerToken").objects
    for token in tokens.select_related("environment").iterator(chunk_size=500):
        context = f"worker-token:{token.environment_id}" + ("" if token.kind == "joined" else f":{token.kind}")
        box = sealing.box(token.environment.organization_id)
        token.sealed = box.seal(Secret(opened(bytes(token.sealed), context)), context=context)
        token.save(update_fields=["sealed"])


def opened(sealed: bytes, context: str) -> str:
    """As it was done before: one master key, and a key of its own for each context."""
    for master in settings.MASTER_KEYS():
        kdf = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=context.encode())
        try:
            return Fernet(base64.urlsafe_b64encode(kdf.derive(master.encode()))).decrypt(sealed).decode()
        except InvalidToken:
            continue
    raise CommandError(
        "Worker tokens were sealed with another master key; bring back the keys folder of this installation."
    )


class Migration(migrations.Migration):
    """Not reversible: the version before would not open what is sealed now."""

    dependencies = [("environments", "0020_no_env_vars")]
    operations = [migrations.RunPython(seal_anew)]
