"""The variables of environments are rows of the configuration."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("environments", "0019_variables_of_environments")]
    operations = [
        migrations.RemoveField("environment", "env_vars"),
        migrations.RemoveField("deployment", "env_vars"),
    ]
