"""What is enabled for a team or an agent is read from what is set for it; the lists here were always empty."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("projects", "0012_projects_whole")]
    operations = [
        migrations.RemoveField(model_name="agent", name="integration_ids"),
        migrations.RemoveField(model_name="team", name="integration_ids"),
    ]
