"""The variables that environments had become rows of the configuration, with every value that a deployment ran with.

What deployments pinned is kept as pins on these versions, so that a rollback still brings it back.
"""

import hashlib

from django.db import migrations

MAKER = "system"


def digest(pins):
    return hashlib.sha256("\n".join(f"{key} {version}" for key, version in sorted(pins)).encode()).hexdigest()


class Line:
    """The versions of one key in one environment, in the order in which they held."""

    def __init__(self, apps, environment, key):
        self.versions = apps.get_model("environments", "EntryVersion").objects
        self.entry = apps.get_model("environments", "Entry").objects.create(
            organization_id=environment.organization_id,
            kind="variable",
            key=key,
            environment=environment,
            within_id=environment.project_id,
            created_by=MAKER,
            created_at=environment.created_at,
        )
        self.last = None

    def had(self, value, at):
        if self.last is None or self.last.deleted or self.last.value != value:
            self._add(at, value=value)
        return [self.entry.key, str(self.last.pk)]

    def end(self, at):
        if not self.last.deleted:
            self._add(at, deleted=True)

    def close(self):
        self.entry.current, self.entry.unsettled = self.last, True
        self.entry.deleted_at = self.last.created_at if self.last.deleted else None
        self.entry.updated_at = self.last.created_at
        self.entry.save()

    def _add(self, at, **content):
        number = self.last.number + 1 if self.last else 1
        self.last = self.versions.create(entry=self.entry, number=number, created_by=MAKER, created_at=at, **content)


def become(apps, schema_editor):
    Environment = apps.get_model("environments", "Environment")
    Deployment = apps.get_model("environments", "Deployment")
    schema_editor.execute("ALTER TABLE environments_deployment DISABLE TRIGGER USER")
    for environment in Environment.objects.order_by("created_at").iterator(chunk_size=500):
        lines = {}
        history = Deployment.objects.filter(environment=environment).exclude(env_vars={}).order_by("created_at", "id")
        for deployment in history.iterator(chunk_size=500):
            values = {key: str(value) for key, value in deployment.env_vars.items()}
            pins = []
            for key, value in sorted(values.items()):
                line = lines.get(key) or lines.setdefault(key, Line(apps, environment, key))
                pins.append(line.had(value, deployment.created_at))
            Deployment.objects.filter(pk=deployment.pk).update(pins=pins, pins_digest=digest(pins))
        for key, value in environment.env_vars.items():
            line = lines.get(key) or lines.setdefault(key, Line(apps, environment, key))
            line.had(str(value), environment.updated_at)
        for key, line in lines.items():
            if key not in environment.env_vars:
                line.end(environment.updated_at)
            line.close()
    empty = digest([])
    Deployment.objects.filter(pins_digest="").update(pins_digest=empty)
    schema_editor.execute("ALTER TABLE environments_deployment ENABLE TRIGGER USER")


class Migration(migrations.Migration):
    """Not reversible: values that were changed since would be lost."""

    dependencies = [("environments", "0018_pins")]
    operations = [migrations.RunPython(become)]
