"""Search through an index: apps by their description, events by what they are about and by whom."""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import migrations
from django.db.models import F
from django.db.models.fields.json import KT
from django.db.models.functions import Upper


class Migration(migrations.Migration):
    dependencies = [("projects", "0009_search")]
    operations = [
        migrations.AddIndex(
            "app",
            GinIndex(F("organization"), OpClass(Upper("description"), name="gin_trgm_ops"), name="app_by_description"),
        ),
        migrations.AddIndex(
            "event",
            GinIndex(
                F("organization_id"),
                *(OpClass(Upper(one), name="gin_trgm_ops") for one in (KT("object__name"), KT("data__app"), "actor")),
                name="event_by_words",
                fastupdate=False,
            ),
        ),
    ]
