"""All of 0001 to 0025 at once, for a database that has none of them: see that of projects.

The SQL is theirs. What only looked after rows is left out: a new database has none.
"""

import uuid
from importlib import import_module

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.core.validators
import django.db.models.constraints
import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
from django.db import migrations, models


def sql(name, *numbers):
    steps = import_module(f"environments.migrations.{name}").Migration.operations
    return [steps[number] for number in numbers]


class Migration(migrations.Migration):
    initial = True
    replaces = [
        ("environments", "0001_records"),
        ("environments", "0002_links"),
        ("environments", "0003_integrity"),
        ("environments", "0004_observation"),
        ("environments", "0005_tokens_by_kind"),
        ("environments", "0006_service_output_in_all"),
        ("environments", "0007_ends_of_attempts"),
        ("environments", "0008_index_what_is_swept"),
        ("environments", "0009_retention"),
        ("environments", "0010_seen_from_outside"),
        ("environments", "0011_search"),
        ("environments", "0012_search_lists"),
        ("environments", "0013_traceparent"),
        ("environments", "0014_heartbeat_of_control"),
        ("environments", "0015_search_display_names"),
        ("environments", "0016_configuration"),
        ("environments", "0017_configuration_integrity"),
        ("environments", "0018_pins"),
        ("environments", "0019_variables_of_environments"),
        ("environments", "0020_no_env_vars"),
        ("environments", "0021_worker_tokens_sealed_anew"),
        ("environments", "0022_team_and_agent_environments"),
        ("environments", "0023_workflow_runs"),
        ("environments", "0024_secret_stores"),
        ("environments", "0025_integrations"),
    ]
    dependencies = [
        ("projects", "0001_squashed_0013"),
    ]

    operations = [
        *sql("0001_records", 0),
        *sql("0011_search", 0),
        migrations.CreateModel(
            name="Chain",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100)),
                ("created_by", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="chains", to="projects.organization"
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to="projects.project"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "project"), name="chain_unique", nulls_distinct=False
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="DataKey",
            fields=[
                (
                    "organization",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="projects.organization",
                    ),
                ),
                ("wrapped", models.BinaryField()),
                ("wrapped_by", models.CharField(max_length=16)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("wrapped_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "indexes": [models.Index(fields=["wrapped_by", "organization"], name="data_key_by_master")],
            },
        ),
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                (
                    "name",
                    models.CharField(
                        choices=[("scheduler", "Scheduler"), ("control", "Control")],
                        max_length=20,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Host",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=200)),
                ("address", models.CharField(max_length=200)),
                ("endpoint_first", models.PositiveIntegerField(default=0)),
                ("endpoint_count", models.PositiveIntegerField(default=0)),
                ("service_first", models.PositiveIntegerField(default=0)),
                ("service_count", models.PositiveIntegerField(default=0)),
                ("next_uid", models.PositiveIntegerField(default=0)),
                ("isolated", models.BooleanField(default=False)),
                ("isolation_note", models.TextField(blank=True, default="")),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "organization",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to="projects.organization"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SecretStore",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=64)),
                ("address", models.CharField(max_length=400)),
                ("mount", models.CharField(default="secret", max_length=200)),
                ("namespace", models.CharField(blank=True, default="", max_length=200)),
                ("auth", models.CharField(choices=[("token", "Token"), ("approle", "AppRole")], max_length=8)),
                ("credentials", models.BinaryField(null=True)),
                ("probed_at", models.DateTimeField(blank=True, null=True)),
                ("probe_code", models.CharField(blank=True, default="", max_length=32)),
                ("probe_error", models.TextField(blank=True, default="")),
                ("created_by", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="secret_stores",
                        to="projects.organization",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["organization", "created_at", "id"], name="secret_store_oldest")],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("organization"),
                        django.db.models.functions.text.Lower("name"),
                        condition=models.Q(("deleted_at__isnull", True)),
                        name="secret_store_name_unique",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("credentials__isnull", False), ("deleted_at__isnull", True)),
                            models.Q(("credentials__isnull", True), ("deleted_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="secret_store_has_credentials",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Sweep",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("started_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("freed", models.JSONField(default=dict)),
            ],
            options={
                "indexes": [models.Index(fields=["-started_at"], name="sweep_newest")],
            },
        ),
        migrations.CreateModel(
            name="Environment",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=110)),
                ("display_name", models.CharField(blank=True, default="", max_length=100)),
                ("description", models.TextField(blank=True, default="")),
                (
                    "tags",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=50), blank=True, default=list, size=None
                    ),
                ),
                (
                    "priority",
                    models.PositiveSmallIntegerField(
                        default=5,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(10),
                        ],
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("permanent", "Permanent"), ("ephemeral", "Ephemeral")],
                        default="permanent",
                        max_length=10,
                    ),
                ),
                (
                    "tier",
                    models.CharField(
                        choices=[
                            ("development", "Development"),
                            ("staging", "Staging"),
                            ("production", "Production"),
                            ("other", "Other"),
                        ],
                        default="other",
                        max_length=12,
                    ),
                ),
                ("protected", models.BooleanField(default=False)),
                ("is_default", models.BooleanField(default=False)),
                (
                    "wanted",
                    models.CharField(
                        choices=[("active", "Active"), ("inactive", "Inactive")], default="active", max_length=10
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("provisioning", "Provisioning"),
                            ("running", "Running"),
                            ("sleeping", "Sleeping"),
                            ("hibernating", "Hibernating"),
                            ("stopping", "Stopping"),
                            ("stopped", "Stopped"),
                            ("error", "Error"),
                            ("terminating", "Terminating"),
                        ],
                        default="pending",
                        max_length=12,
                    ),
                ),
                ("state_changed_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("error_message", models.TextField(blank=True, default="")),
                ("namespace", models.CharField(max_length=120, unique=True)),
                ("provisioner", models.CharField(default="process", max_length=20)),
                ("directory", models.CharField(blank=True, default="", max_length=500)),
                ("service_first", models.PositiveIntegerField(default=0)),
                ("service_count", models.PositiveIntegerField(default=0)),
                ("configuration", models.JSONField(blank=True, default=dict)),
                ("metadata", models.JSONField(blank=True, default=dict)),
                ("settings", models.JSONField(blank=True, default=dict)),
                ("mcp_servers", models.JSONField(blank=True, default=dict)),
                ("resources", models.JSONField(blank=True, default=dict)),
                ("desired_version", models.BigIntegerField(default=1)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("created_by", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("provisioned_at", models.DateTimeField(blank=True, null=True)),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
                ("terminated_at", models.DateTimeField(blank=True, null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="environments",
                        to="projects.organization",
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to="projects.project"
                    ),
                ),
                (
                    "host",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to="environments.host"
                    ),
                ),
                (
                    "based_on",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="heirs",
                        to="environments.environment",
                    ),
                ),
                (
                    "required_secrets",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=128), blank=True, default=list, size=None
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["organization", "created_at", "id"], name="environment_oldest"),
                    models.Index(
                        models.F("organization"),
                        models.OrderBy(models.F("priority"), descending=True),
                        django.db.models.functions.text.Lower("name"),
                        models.F("id"),
                        condition=models.Q(("terminated_at__isnull", True)),
                        name="environment_by_name",
                    ),
                    models.Index(
                        condition=models.Q(("terminated_at__isnull", True)),
                        fields=["organization", "state"],
                        name="environment_by_state",
                    ),
                    django.contrib.postgres.indexes.GinIndex(
                        models.F("organization"),
                        django.contrib.postgres.indexes.OpClass(
                            models.Func(
                                models.F("name"),
                                models.F("display_name"),
                                models.F("description"),
                                models.F("created_by"),
                                models.F("tags"),
                                function="environment_words",
                                output_field=models.TextField(),
                            ),
                            name="gin_trgm_ops",
                        ),
                        condition=models.Q(("terminated_at__isnull", True)),
                        name="environment_by_words",
                    ),
                    models.Index(
                        models.F("organization"),
                        django.db.models.functions.text.Lower("display_name"),
                        condition=models.Q(("deleted_at__isnull", True)),
                        name="environment_by_display_name",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("organization"),
                        django.db.models.functions.text.Lower("name"),
                        condition=models.Q(("deleted_at__isnull", True)),
                        name="environment_name_unique",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("is_default", True)),
                        fields=("organization",),
                        name="environment_one_default",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("expires_at__isnull", True), ("kind", "ephemeral"), _connector="OR"),
                        name="environment_ttl_only_on_ephemeral",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("priority__range", (1, 10))), name="environment_priority_range"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                [
                                    "pending",
                                    "provisioning",
                                    "running",
                                    "sleeping",
                                    "hibernating",
                                    "stopping",
                                    "stopped",
                                    "error",
                                    "terminating",
                                ],
                            )
                        ),
                        name="environment_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("is_default", False), ("deleted_at__isnull", True), _connector="OR"),
                        name="default_stays",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Stage",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("position", models.PositiveSmallIntegerField()),
                ("name", models.CharField(max_length=100)),
                (
                    "chain",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="stages", to="environments.chain"
                    ),
                ),
            ],
            options={
                "ordering": ["position"],
                "constraints": [
                    models.UniqueConstraint(
                        deferrable=django.db.models.constraints.Deferrable["DEFERRED"],
                        fields=("chain", "position"),
                        name="stage_position_unique",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Account",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uid", models.PositiveIntegerField(blank=True, null=True)),
                ("prepared_at", models.DateTimeField(blank=True, null=True)),
                ("removed_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "project",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to="projects.project"
                    ),
                ),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="accounts",
                        to="environments.environment",
                    ),
                ),
                ("host", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="environments.host")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("environment", "project"), name="account_unique", nulls_distinct=False
                    ),
                    models.UniqueConstraint(fields=("host", "uid"), name="account_uid_never_reused"),
                ],
            },
        ),
        migrations.CreateModel(
            name="AgentEnvironment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "agent",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="places", to="projects.agent"
                    ),
                ),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="environments.environment"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("agent", "environment"), name="agent_environment_unique")
                ],
            },
        ),
        migrations.CreateModel(
            name="Endpoint",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("service", models.CharField(max_length=63)),
                ("port", models.PositiveIntegerField()),
                ("linked_at", models.DateTimeField(blank=True, null=True)),
                ("released_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "app",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="endpoints", to="projects.app"
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="projects.organization"),
                ),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="endpoints",
                        to="environments.environment",
                    ),
                ),
                ("host", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="environments.host")),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("linked_at__isnull", False), ("released_at__isnull", False)),
                        fields=["host"],
                        name="endpoint_to_close",
                    ),
                    models.Index(
                        condition=models.Q(("released_at__isnull", True)),
                        fields=["organization", "-created_at", "-id"],
                        name="endpoint_newest",
                    ),
                    models.Index(
                        condition=models.Q(("released_at__isnull", True)),
                        fields=["organization", "port"],
                        name="endpoint_by_port",
                    ),
                    django.contrib.postgres.indexes.GinIndex(
                        models.F("organization"),
                        django.contrib.postgres.indexes.OpClass(
                            django.db.models.functions.text.Upper("service"), name="gin_trgm_ops"
                        ),
                        name="endpoint_by_service",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("released_at__isnull", True)),
                        fields=("environment", "app", "service"),
                        name="endpoint_unique",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("released_at__isnull", True)),
                        fields=("host", "port"),
                        name="endpoint_port_unique",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Integration",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=64)),
                (
                    "type",
                    models.CharField(
                        choices=[
                            ("github", "GitHub"),
                            ("gitlab", "GitLab"),
                            ("slack", "Slack"),
                            ("http", "HTTP"),
                            ("postgresql", "PostgreSQL"),
                            ("redis", "Redis"),
                        ],
                        max_length=12,
                    ),
                ),
                ("description", models.TextField(blank=True, default="")),
                ("settings", models.JSONField(default=dict)),
                ("secrets", models.JSONField(default=dict)),
                ("probed_at", models.DateTimeField(blank=True, null=True)),
                ("probe_code", models.CharField(blank=True, default="", max_length=32)),
                ("probe_error", models.TextField(blank=True, default="")),
                ("created_by", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="integrations",
                        to="projects.organization",
                    ),
                ),
                (
                    "probed_in",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="environments.environment",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["organization", "created_at", "id"], name="integration_oldest")],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("organization"),
                        django.db.models.functions.text.Lower("name"),
                        name="integration_name_unique",
                    ),
                    models.UniqueConstraint(fields=("organization", "id"), name="integration_of_organization"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("probed_at__isnull", False),
                            models.Q(("probe_code", ""), ("probe_error", ""), ("probed_in", None)),
                            _connector="OR",
                        ),
                        name="integration_probe_has_a_time",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Sample",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                ("cpu", models.FloatField()),
                ("memory", models.BigIntegerField()),
                ("storage", models.BigIntegerField()),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="samples",
                        to="environments.environment",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["environment", "-at"], name="sample_latest"),
                    models.Index(fields=["at"], name="sample_oldest"),
                ],
            },
        ),
        migrations.CreateModel(
            name="StageEnvironment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveSmallIntegerField(default=0)),
                ("chain", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="environments.chain")),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="places",
                        to="environments.environment",
                    ),
                ),
                (
                    "stage",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="places", to="environments.stage"
                    ),
                ),
            ],
            options={
                "ordering": ["position", "id"],
                "constraints": [
                    models.UniqueConstraint(fields=("chain", "environment"), name="environment_once_in_a_chain")
                ],
            },
        ),
        migrations.CreateModel(
            name="TeamEnvironment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="environments.environment"
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="places", to="projects.team"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("team", "environment"), name="team_environment_unique")
                ],
            },
        ),
        migrations.CreateModel(
            name="Worker",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("kind", models.CharField(choices=[("builtin", "Builtin"), ("joined", "Joined")], max_length=10)),
                ("hostname", models.CharField(max_length=255)),
                ("version", models.CharField(blank=True, default="", max_length=40)),
                ("session_digest", models.CharField(max_length=64, unique=True)),
                ("status", models.CharField(default="idle", max_length=20)),
                ("tasks_processed", models.PositiveIntegerField(default=0)),
                ("system_info", models.JSONField(default=dict)),
                ("metadata", models.JSONField(default=dict)),
                ("lease_until", models.DateTimeField()),
                ("last_heartbeat_at", models.DateTimeField()),
                ("registered_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("lost_at", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("end_reason", models.CharField(blank=True, default="", max_length=200)),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="workers",
                        to="environments.environment",
                    ),
                ),
                (
                    "host",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to="environments.host"
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="projects.organization"),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["environment", "-registered_at"], name="worker_latest"),
                    models.Index(fields=["organization", "-registered_at", "-id"], name="worker_newest"),
                    django.contrib.postgres.indexes.GinIndex(
                        models.F("organization"),
                        django.contrib.postgres.indexes.OpClass(
                            django.db.models.functions.text.Upper("hostname"), name="gin_trgm_ops"
                        ),
                        name="worker_by_hostname",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at__isnull", True), ("kind", "builtin")),
                        fields=("environment",),
                        name="worker_one_builtin",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="WorkerToken",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sealed", models.BinaryField()),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("hint", models.CharField(max_length=8)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="worker_tokens",
                        to="environments.environment",
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("builtin", "Builtin"), ("joined", "Joined")], default="joined", max_length=10
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("environment", "kind"), name="worker_token_one_of_a_kind")
                ],
            },
        ),
        migrations.CreateModel(
            name="Entry",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("kind", models.CharField(choices=[("variable", "Variable"), ("secret", "Secret")], max_length=8)),
                ("key", models.CharField(max_length=128)),
                ("description", models.TextField(blank=True, default="")),
                ("write_only", models.BooleanField(default=False)),
                ("rotate_on", models.DateField(blank=True, null=True)),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
                ("created_by", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "agent",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entries",
                        to="projects.agent",
                    ),
                ),
                (
                    "app",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entries",
                        to="projects.app",
                    ),
                ),
                (
                    "environment",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entries",
                        to="environments.environment",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="entries", to="projects.organization"
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entries",
                        to="projects.project",
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entries",
                        to="projects.team",
                    ),
                ),
                (
                    "within",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="projects.project",
                    ),
                ),
                ("unsettled", models.BooleanField(default=False)),
                (
                    "integration",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entries",
                        to="environments.integration",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["organization", "created_at", "id"], name="entry_oldest"),
                    models.Index(
                        models.F("organization"),
                        django.db.models.functions.text.Upper("key"),
                        models.F("id"),
                        name="entry_by_key",
                    ),
                    models.Index(fields=["environment", "organization"], name="entry_by_environment"),
                    models.Index(
                        condition=models.Q(("rotate_on__isnull", False)),
                        fields=["organization", "rotate_on"],
                        name="entry_to_rotate",
                    ),
                    models.Index(
                        condition=models.Q(("unsettled", True)), fields=["updated_at"], name="entry_unsettled"
                    ),
                    models.Index(
                        condition=models.Q(("integration__isnull", False)),
                        fields=["integration", "id"],
                        name="entry_by_integration",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at__isnull", True)),
                        fields=("organization", "project", "app", "team", "agent", "environment", "key"),
                        name="entry_key_unique",
                        nulls_distinct=False,
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("app", None), ("project", None), ("team", None)),
                            models.Q(("agent", None), ("app", None), ("project", None)),
                            models.Q(("agent", None), ("project", None), ("team", None)),
                            models.Q(("agent", None), ("app", None), ("team", None)),
                            _connector="OR",
                        ),
                        name="entry_scope_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("key__regex", "^[A-Za-z_][A-Za-z0-9_]{0,127}$")), name="entry_key_is_a_name"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("kind", "secret"), models.Q(("rotate_on", None), ("write_only", False)), _connector="OR"
                        ),
                        name="entry_variable_is_plain",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("integration", None),
                            models.Q(
                                ("app", None),
                                ("deleted_at", None),
                                ("kind", "variable"),
                                ("project", None),
                                models.Q(
                                    models.Q(("agent", None), ("environment__isnull", False), ("team", None)),
                                    models.Q(("agent", None), ("environment", None), ("team__isnull", False)),
                                    models.Q(("agent__isnull", False), ("environment", None), ("team", None)),
                                    _connector="OR",
                                ),
                            ),
                            _connector="OR",
                        ),
                        name="entry_of_integration_holds",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="EntryVersion",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("number", models.PositiveIntegerField()),
                ("deleted", models.BooleanField(default=False)),
                (
                    "type",
                    models.CharField(
                        choices=[
                            ("text", "Text"),
                            ("number", "Number"),
                            ("boolean", "Boolean"),
                            ("json", "Json"),
                            ("url", "Url"),
                        ],
                        default="text",
                        max_length=8,
                    ),
                ),
                ("value", models.TextField(blank=True, default="")),
                ("sealed", models.BinaryField(null=True)),
                ("refers", models.BooleanField(default=False)),
                ("note", models.TextField(blank=True, default="")),
                ("restores", models.PositiveIntegerField(blank=True, null=True)),
                ("created_by", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_by", models.CharField(blank=True, default="", max_length=200)),
                ("destroyed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "entry",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="versions", to="environments.entry"
                    ),
                ),
                ("field", models.CharField(blank=True, default="", max_length=200)),
                ("path", models.CharField(blank=True, default="", max_length=400)),
                (
                    "store",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="versions",
                        to="environments.secretstore",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("entry", "number"), name="entry_version_number_unique"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("field", ""), ("path", ""), ("store", None)),
                            models.Q(
                                ("refers", False),
                                ("sealed", None),
                                ("store__isnull", False),
                                ("value", ""),
                                models.Q(("path", ""), _negated=True),
                                models.Q(("field", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="entry_version_lies_in_one_place",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Run",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "number",
                    models.BigIntegerField(
                        db_default=models.Func(models.Value("run_number"), function="nextval"),
                        editable=False,
                        unique=True,
                    ),
                ),
                ("service", models.CharField(blank=True, default="", max_length=63)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("provision", "Provision"),
                            ("start", "Start"),
                            ("stop", "Stop"),
                            ("terminate", "Terminate"),
                            ("prepare", "Prepare"),
                            ("deploy", "Deploy"),
                            ("restart", "Restart"),
                            ("fetch", "Fetch"),
                            ("workflow", "Workflow"),
                            ("agent", "Agent"),
                        ],
                        max_length=10,
                    ),
                ),
                ("carried_by", models.CharField(choices=[("control", "Control"), ("worker", "Worker")], max_length=10)),
                (
                    "phase",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("running", "Running"),
                            ("succeeded", "Succeeded"),
                            ("failed", "Failed"),
                            ("errored", "Errored"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="queued",
                        max_length=10,
                    ),
                ),
                ("attempt", models.PositiveSmallIntegerField(default=0)),
                ("max_attempts", models.PositiveSmallIntegerField(default=3)),
                ("priority", models.PositiveSmallIntegerField(default=5)),
                ("not_before", models.DateTimeField(blank=True, null=True)),
                ("claimant", models.CharField(blank=True, default="", max_length=200)),
                ("claim_key", models.CharField(blank=True, default="", max_length=100)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("cancel_asked_at", models.DateTimeField(blank=True, null=True)),
                ("cancel_asked_by", models.CharField(blank=True, default="", max_length=200)),
                ("sealed_at", models.DateTimeField(blank=True, null=True)),
                ("deadline_at", models.DateTimeField(blank=True, null=True)),
                ("timeout_seconds", models.PositiveIntegerField(default=3600)),
                ("specification", models.JSONField(default=dict)),
                ("reason", models.TextField(blank=True, default="")),
                ("last_lines", models.JSONField(default=list)),
                ("created_by", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                (
                    "after",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="followers",
                        to="environments.run",
                    ),
                ),
                (
                    "app",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="runs",
                        to="projects.app",
                    ),
                ),
                (
                    "artifact",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to="projects.artifact"
                    ),
                ),
                (
                    "environment",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="runs",
                        to="environments.environment",
                    ),
                ),
                (
                    "host",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to="environments.host"
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="projects.organization"),
                ),
                (
                    "project",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to="projects.project"
                    ),
                ),
                (
                    "worker",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="runs",
                        to="environments.worker",
                    ),
                ),
                ("log_size", models.PositiveIntegerField(default=0)),
                ("ends", models.JSONField(db_default={}, default=dict)),
                ("traceparent", models.CharField(blank=True, db_default="", default="", max_length=55)),
                (
                    "agent",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="runs",
                        to="projects.agent",
                    ),
                ),
                ("inputs", models.JSONField(blank=True, db_default={}, default=dict)),
                (
                    "workflow",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="runs",
                        to="projects.workflow",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("phase", "queued")),
                        fields=["carried_by", "-priority", "created_at", "id"],
                        name="run_queue",
                    ),
                    models.Index(condition=models.Q(("phase", "running")), fields=["lease_until"], name="run_leases"),
                    models.Index(fields=["organization", "-created_at", "-id"], name="run_newest"),
                    models.Index(fields=["environment", "-created_at", "-id"], name="run_newest_by_environment"),
                    models.Index(
                        condition=models.Q(("log_size__gt", 0)),
                        fields=["organization", "finished_at"],
                        name="run_logs_by_age",
                    ),
                    models.Index(fields=["finished_at"], name="run_ended"),
                    django.contrib.postgres.indexes.GinIndex(
                        models.F("organization"),
                        django.contrib.postgres.indexes.OpClass(
                            django.db.models.functions.text.Upper("reason"), name="gin_trgm_ops"
                        ),
                        name="run_by_reason",
                    ),
                    models.Index(
                        condition=models.Q(("workflow__isnull", False)),
                        fields=["workflow", "-created_at", "-id"],
                        name="run_newest_of_workflow",
                    ),
                    models.Index(
                        condition=models.Q(("agent__isnull", False)),
                        fields=["agent", "-created_at", "-id"],
                        name="run_newest_of_agent",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("kind", "deploy"), ("phase__in", ("queued", "running"))),
                        fields=("environment", "app"),
                        name="run_one_deployment_at_a_time",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(
                            ("kind__in", ("provision", "start", "stop", "terminate")),
                            ("phase__in", ("queued", "running")),
                        ),
                        fields=("environment",),
                        name="run_one_lifecycle_at_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("phase__in", ["queued", "running", "succeeded", "failed", "errored", "cancelled"])
                        ),
                        name="run_phase_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="LogChunk",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("attempt", models.PositiveSmallIntegerField()),
                ("offset", models.PositiveIntegerField()),
                ("count", models.PositiveIntegerField()),
                ("size", models.PositiveIntegerField()),
                ("lines", models.JSONField()),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="log_chunks", to="environments.run"
                    ),
                ),
            ],
            options={
                "ordering": ["attempt", "offset"],
                "constraints": [models.UniqueConstraint(fields=("run", "attempt", "offset"), name="log_chunk_unique")],
            },
        ),
        migrations.CreateModel(
            name="RunStep",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("attempt", models.PositiveSmallIntegerField()),
                ("n", models.PositiveSmallIntegerField()),
                ("name", models.CharField(max_length=100)),
                ("phase", models.CharField(default="pending", max_length=10)),
                ("detail", models.TextField(blank=True, default="")),
                ("exit_code", models.IntegerField(blank=True, null=True)),
                ("once", models.BooleanField(default=False)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="steps", to="environments.run"
                    ),
                ),
            ],
            options={
                "ordering": ["attempt", "n"],
                "constraints": [models.UniqueConstraint(fields=("run", "attempt", "n"), name="run_step_unique")],
            },
        ),
        migrations.CreateModel(
            name="Plan",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("deploy", "Deploy"),
                            ("promotion", "Promotion"),
                            ("rollback", "Rollback"),
                            ("redeploy", "Redeploy"),
                            ("removal", "Removal"),
                        ],
                        max_length=10,
                    ),
                ),
                ("bypass", models.BooleanField(default=False)),
                ("lift_hold", models.BooleanField(default=False)),
                ("reason", models.TextField(blank=True, default="")),
                ("link", models.CharField(blank=True, default="", max_length=500)),
                ("changes", models.JSONField(default=list)),
                ("configuration_changes", models.JSONField(default=list)),
                ("gates", models.JSONField(default=list)),
                ("blocked", models.BooleanField()),
                ("digest", models.CharField(max_length=64)),
                ("created_by", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("expires_at", models.DateTimeField()),
                ("app", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="projects.app")),
                (
                    "environment",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="environments.environment"),
                ),
                (
                    "from_release",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="projects.release",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="projects.organization"),
                ),
                (
                    "release",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="projects.release",
                    ),
                ),
                (
                    "configuration",
                    models.CharField(
                        choices=[("latest", "Latest"), ("pinned", "Pinned"), ("of_deployment", "Of Deployment")],
                        default="latest",
                        max_length=13,
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["expires_at"], name="plan_oldest")],
            },
        ),
        migrations.CreateModel(
            name="Deployment",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("number", models.PositiveIntegerField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("deploy", "Deploy"),
                            ("promotion", "Promotion"),
                            ("rollback", "Rollback"),
                            ("redeploy", "Redeploy"),
                            ("removal", "Removal"),
                        ],
                        max_length=10,
                    ),
                ),
                ("bypass", models.BooleanField(default=False)),
                ("reason", models.TextField(blank=True, default="")),
                ("link", models.CharField(blank=True, default="", max_length=500)),
                ("created_by", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "app",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="deployments", to="projects.app"
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="projects.organization"),
                ),
                (
                    "previous_release",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="projects.release",
                    ),
                ),
                (
                    "release",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deployments",
                        to="projects.release",
                    ),
                ),
                (
                    "returns_to",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="environments.deployment",
                    ),
                ),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deployments",
                        to="environments.environment",
                    ),
                ),
                (
                    "plan",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="deployment", to="environments.plan"
                    ),
                ),
                (
                    "configuration",
                    models.CharField(
                        choices=[("latest", "Latest"), ("pinned", "Pinned"), ("of_deployment", "Of Deployment")],
                        default="latest",
                        max_length=13,
                    ),
                ),
                ("pins", models.JSONField(default=list)),
                ("pins_digest", models.CharField(blank=True, default="", max_length=64)),
            ],
            options={
                "indexes": [models.Index(fields=["organization", "-created_at", "-id"], name="deployment_newest")],
                "constraints": [
                    models.UniqueConstraint(fields=("app", "environment", "number"), name="deployment_number_unique"),
                    models.CheckConstraint(
                        condition=models.Q(("release__isnull", False), ("kind", "removal"), _connector="OR"),
                        name="deployment_names_a_release",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ServiceLogChunk",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("service", models.CharField(max_length=63)),
                ("offset", models.PositiveIntegerField()),
                ("count", models.PositiveIntegerField()),
                ("size", models.PositiveIntegerField()),
                ("lines", models.JSONField()),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                ("app", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="projects.app")),
                (
                    "deployment",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="environments.deployment"),
                ),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="service_logs",
                        to="environments.environment",
                    ),
                ),
                ("written", models.BigIntegerField(default=0)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["environment", "app", "service", "-id"], name="service_log_latest"),
                    models.Index(fields=["at"], name="service_log_by_age"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("deployment", "service", "offset"), name="service_log_chunk_unique")
                ],
            },
        ),
        migrations.CreateModel(
            name="Slot",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("observed_at", models.DateTimeField(blank=True, null=True)),
                ("observed_by", models.UUIDField(blank=True, null=True)),
                ("live_since", models.DateTimeField(blank=True, null=True)),
                ("services", models.JSONField(default=list)),
                (
                    "condition",
                    models.CharField(
                        choices=[("ok", "Ok"), ("degraded", "Degraded"), ("drifted", "Drifted")],
                        default="ok",
                        max_length=10,
                    ),
                ),
                ("condition_reason", models.TextField(blank=True, default="")),
                ("condition_since", models.DateTimeField(blank=True, null=True)),
                ("last_number", models.PositiveIntegerField(default=0)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "app",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="slots", to="projects.app"
                    ),
                ),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="slots", to="environments.environment"
                    ),
                ),
                (
                    "live",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="environments.deployment",
                    ),
                ),
                (
                    "observed",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="environments.deployment",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="projects.organization"),
                ),
                (
                    "placement",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to="environments.host"
                    ),
                ),
                (
                    "previous",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="environments.deployment",
                    ),
                ),
                (
                    "target",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="environments.deployment",
                    ),
                ),
                ("astray_since", models.DateTimeField(blank=True, null=True)),
                ("overtaken", models.PositiveIntegerField(default=0)),
            ],
            options={
                "indexes": [models.Index(fields=["environment", "app"], name="slot_by_environment")],
                "constraints": [models.UniqueConstraint(fields=("app", "environment"), name="slot_unique")],
            },
        ),
        migrations.CreateModel(
            name="Hold",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("reason", models.TextField(blank=True, default="")),
                ("created_by", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("lifted_by", models.CharField(blank=True, default="", max_length=200)),
                ("lifted_at", models.DateTimeField(blank=True, null=True)),
                (
                    "organization",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="projects.organization"),
                ),
                (
                    "slot",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="holds", to="environments.slot"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("lifted_at__isnull", True)), fields=("slot",), name="hold_one_at_a_time"
                    )
                ],
            },
        ),
        migrations.AddField(
            model_name="Plan",
            name="returns_to",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="environments.deployment",
            ),
        ),
        migrations.AddField(
            model_name="Plan",
            name="configuration_from",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="environments.deployment",
            ),
        ),
        migrations.AddField(
            model_name="Run",
            name="deployment",
            field=models.OneToOneField(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="run",
                to="environments.deployment",
            ),
        ),
        migrations.AddField(
            model_name="Entry",
            name="current",
            field=models.OneToOneField(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="environments.entryversion"
            ),
        ),
        *sql("0003_integrity", 0, 1),
        *sql("0011_search", 2),
        *sql("0017_configuration_integrity", 0, 1, 2),
        *sql("0024_secret_stores", -1),
        *sql("0025_integrations", -3, -2, -1),
    ]
