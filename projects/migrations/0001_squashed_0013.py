"""All of 0001 to 0013 at once, for a database that has none of them: step by step, Django draws every model anew for
each change of one, which was most of a first start. Where some have been made, the others follow one by one.

The SQL is theirs. What only looked after rows is left out: a new database has none.
"""

import uuid
from importlib import import_module

import django.contrib.auth.models
import django.contrib.auth.validators
import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.fields.json
import django.db.models.functions.text
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


def sql(name, *numbers):
    steps = import_module(f"projects.migrations.{name}").Migration.operations
    return [steps[number] for number in numbers]


class Migration(migrations.Migration):
    initial = True
    replaces = [
        ("projects", "0001_records"),
        ("projects", "0002_integrity"),
        ("projects", "0003_user_names"),
        ("projects", "0004_tokens_of_tokens"),
        ("projects", "0005_answers_by_age"),
        ("projects", "0006_events_stay"),
        ("projects", "0007_forget_old_events"),
        ("projects", "0008_people"),
        ("projects", "0009_search"),
        ("projects", "0010_search_events"),
        ("projects", "0011_teams_agents_workflows"),
        ("projects", "0012_projects_whole"),
        ("projects", "0013_no_integration_ids"),
    ]
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        *sql("0009_search", 0, 1, 2),
        migrations.CreateModel(
            name="Event",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("organization_id", models.UUIDField()),
                ("number", models.BigIntegerField(default=0, editable=False)),
                ("kind", models.CharField(max_length=60)),
                ("actor", models.CharField(max_length=200)),
                ("object", models.JSONField(default=dict)),
                ("project_id", models.UUIDField(null=True)),
                ("environment_id", models.UUIDField(null=True)),
                ("app_id", models.UUIDField(null=True)),
                (
                    "subjects",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=60), default=list, size=None
                    ),
                ),
                ("data", models.JSONField(default=dict)),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["organization_id", "environment_id", "number"], name="event_by_environment"),
                    models.Index(fields=["organization_id", "project_id", "number"], name="event_by_project"),
                    models.Index(fields=["organization_id", "app_id", "number"], name="event_by_app"),
                    models.Index(
                        models.F("organization_id"),
                        models.F("object__name"),
                        condition=models.Q(("kind", "member.removed")),
                        name="event_of_the_removed",
                    ),
                    django.contrib.postgres.indexes.GinIndex(
                        models.F("organization_id"),
                        django.contrib.postgres.indexes.OpClass(
                            django.db.models.functions.text.Upper(
                                django.db.models.fields.json.KeyTextTransform("name", "object")
                            ),
                            name="gin_trgm_ops",
                        ),
                        django.contrib.postgres.indexes.OpClass(
                            django.db.models.functions.text.Upper(
                                django.db.models.fields.json.KeyTextTransform("app", "data")
                            ),
                            name="gin_trgm_ops",
                        ),
                        django.contrib.postgres.indexes.OpClass(
                            django.db.models.functions.text.Upper("actor"), name="gin_trgm_ops"
                        ),
                        fastupdate=False,
                        name="event_by_words",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("organization_id", "number"), name="event_number_unique")
                ],
            },
        ),
        migrations.CreateModel(
            name="EventCounter",
            fields=[
                ("organization_id", models.UUIDField(primary_key=True, serialize=False)),
                ("last", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="IdempotentAnswer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("actor", models.CharField(max_length=200)),
                ("method", models.CharField(max_length=8)),
                ("path", models.CharField(max_length=500)),
                ("key", models.CharField(max_length=200)),
                ("body_digest", models.CharField(max_length=64)),
                ("status", models.PositiveSmallIntegerField(default=0)),
                ("headers", models.JSONField(default=dict)),
                ("body", models.TextField(blank=True, default="")),
                ("withheld", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("actor", "method", "path", "key"), name="idempotent_once")
                ],
                "indexes": [models.Index(fields=["created_at"], name="idempotent_by_age")],
            },
        ),
        migrations.CreateModel(
            name="Organization",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100)),
                ("event_epoch", models.PositiveIntegerField(default=1)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        django.db.models.functions.text.Lower("name"), name="organization_name_unique"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="User",
            fields=[
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                (
                    "is_superuser",
                    models.BooleanField(
                        default=False,
                        help_text="Designates that this user has all permissions without explicitly assigning them.",
                        verbose_name="superuser status",
                    ),
                ),
                (
                    "username",
                    models.CharField(
                        error_messages={"unique": "A user with that username already exists."},
                        help_text="Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.",
                        max_length=150,
                        unique=True,
                        validators=[django.contrib.auth.validators.UnicodeUsernameValidator()],
                        verbose_name="username",
                    ),
                ),
                ("first_name", models.CharField(blank=True, max_length=150, verbose_name="first name")),
                ("last_name", models.CharField(blank=True, max_length=150, verbose_name="last name")),
                ("email", models.EmailField(blank=True, max_length=254, verbose_name="email address")),
                (
                    "is_staff",
                    models.BooleanField(
                        default=False,
                        help_text="Designates whether the user can log into this admin site.",
                        verbose_name="staff status",
                    ),
                ),
                (
                    "is_active",
                    models.BooleanField(
                        default=True,
                        help_text="Designates whether this user should be treated as active. Unselect this instead of deleting accounts.",
                        verbose_name="active",
                    ),
                ),
                ("date_joined", models.DateTimeField(default=django.utils.timezone.now, verbose_name="date joined")),
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True,
                        help_text="The groups this user belongs to. A user will get all permissions granted to each of their groups.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.group",
                        verbose_name="groups",
                    ),
                ),
                (
                    "user_permissions",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Specific permissions for this user.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.permission",
                        verbose_name="user permissions",
                    ),
                ),
            ],
            options={
                "verbose_name": "user",
                "verbose_name_plural": "users",
                "abstract": False,
                "constraints": [
                    models.UniqueConstraint(django.db.models.functions.text.Lower("username"), name="user_name_unique")
                ],
            },
            managers=[
                ("objects", django.contrib.auth.models.UserManager()),
            ],
        ),
        migrations.CreateModel(
            name="AccessToken",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100)),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("viewer", "Viewer"),
                            ("operator", "Operator"),
                            ("admin", "Admin"),
                            ("owner", "Owner"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "project_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.UUIDField(), blank=True, default=list, size=None
                    ),
                ),
                (
                    "environment_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.UUIDField(), blank=True, default=list, size=None
                    ),
                ),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("hint", models.CharField(max_length=8)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("last_used_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="tokens", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="tokens", to="projects.organization"
                    ),
                ),
                (
                    "made_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="made",
                        to="projects.accesstoken",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        models.F("organization"),
                        django.db.models.functions.text.Lower("name"),
                        condition=models.Q(("revoked_at__isnull", True)),
                        name="access_token_name_unique",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("role__in", ["viewer", "operator", "admin", "owner"])),
                        name="access_token_role_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DeletedPrivateProject",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="projects.organization"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["organization", "id"], name="deleted_private_project")],
            },
        ),
        migrations.CreateModel(
            name="Membership",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="memberships",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="memberships",
                        to="projects.organization",
                    ),
                ),
                ("deactivated_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("organization", "user"), name="membership_unique")],
            },
        ),
        migrations.CreateModel(
            name="Project",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("key", models.CharField(max_length=50)),
                ("name", models.CharField(max_length=100)),
                ("description", models.TextField(blank=True, default="")),
                ("is_default", models.BooleanField(default=False)),
                ("restrict_to_environment_id", models.UUIDField(blank=True, null=True)),
                ("created_by", models.CharField(blank=True, default="", max_length=200)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="projects", to="projects.organization"
                    ),
                ),
                ("archived_at", models.DateTimeField(blank=True, null=True)),
                ("default_model", models.CharField(blank=True, default="", max_length=200)),
                ("goals", models.TextField(blank=True, default="")),
                ("settings", models.JSONField(blank=True, default=dict)),
                (
                    "visibility",
                    models.CharField(choices=[("org", "Org"), ("private", "Private")], default="org", max_length=7),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["organization", "-created_at", "-id"], name="project_newest"),
                    models.Index(
                        condition=models.Q(("visibility", "private")),
                        fields=["organization", "id"],
                        name="project_private",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("organization"),
                        django.db.models.functions.text.Upper("key"),
                        name="project_key_unique",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("is_default", True)), fields=("organization",), name="project_one_default"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("visibility__in", ["org", "private"])), name="project_visibility_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("is_default", False),
                            models.Q(("archived_at", None), ("visibility", "org")),
                            _connector="OR",
                        ),
                        name="project_default_is_open",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="UserSession",
            fields=[
                (
                    "session_key",
                    models.CharField(max_length=40, primary_key=True, serialize=False, verbose_name="session key"),
                ),
                ("session_data", models.TextField(verbose_name="session data")),
                ("expire_date", models.DateTimeField(db_index=True, verbose_name="expire date")),
                ("organization_id", models.UUIDField(blank=True, null=True)),
                ("user_agent", models.CharField(blank=True, default="", max_length=300)),
                ("address", models.CharField(blank=True, default="", max_length=64)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("last_seen_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sessions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "session",
                "verbose_name_plural": "sessions",
                "abstract": False,
                "indexes": [models.Index(fields=["user", "-last_seen_at"], name="session_of_user")],
            },
        ),
        migrations.CreateModel(
            name="App",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100)),
                ("description", models.TextField(blank=True, default="")),
                ("repository_url", models.CharField(blank=True, default="", max_length=500)),
                ("created_by", models.CharField(blank=True, default="", max_length=200)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("archived_at", models.DateTimeField(blank=True, null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="apps", to="projects.organization"
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="apps", to="projects.project"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["organization", "created_at", "id"], name="app_oldest"),
                    models.Index(
                        models.F("organization"),
                        django.db.models.functions.text.Lower("name"),
                        models.F("id"),
                        name="app_by_name",
                    ),
                    django.contrib.postgres.indexes.GinIndex(
                        models.F("organization"),
                        django.contrib.postgres.indexes.OpClass(
                            django.db.models.functions.text.Upper("name"), name="gin_trgm_ops"
                        ),
                        name="app_by_words",
                    ),
                    django.contrib.postgres.indexes.GinIndex(
                        models.F("organization"),
                        django.contrib.postgres.indexes.OpClass(
                            django.db.models.functions.text.Upper("description"), name="gin_trgm_ops"
                        ),
                        name="app_by_description",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("project"), django.db.models.functions.text.Lower("name"), name="app_name_unique"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Grant",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("viewer", "Viewer"),
                            ("operator", "Operator"),
                            ("admin", "Admin"),
                            ("owner", "Owner"),
                        ],
                        max_length=10,
                    ),
                ),
                ("environment_id", models.UUIDField(blank=True, null=True)),
                (
                    "membership",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="grants", to="projects.membership"
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, to="projects.project"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("membership", "role", "project", "environment_id"),
                        name="grant_unique",
                        nulls_distinct=False,
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("role__in", ["viewer", "operator", "admin", "owner"])),
                        name="grant_role_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("viewer", "Viewer"),
                            ("operator", "Operator"),
                            ("admin", "Admin"),
                            ("owner", "Owner"),
                        ],
                        max_length=10,
                    ),
                ),
                ("environment_id", models.UUIDField(blank=True, null=True)),
                ("email", models.EmailField(blank=True, default="", max_length=254)),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("expires_at", models.DateTimeField()),
                ("accepted_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "accepted_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="accepted",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "invited_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="invited", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="invitations",
                        to="projects.organization",
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, to="projects.project"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["organization", "created_at", "id"], name="invitation_oldest")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("role__in", ["viewer", "operator", "admin", "owner"])),
                        name="invitation_role_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("accepted_at__isnull", True), ("revoked_at__isnull", True), _connector="OR"
                        ),
                        name="invitation_ends_once",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Team",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100)),
                ("description", models.TextField(blank=True, default="")),
                ("configuration", models.JSONField(blank=True, default=dict)),
                ("mcp_servers", models.JSONField(blank=True, default=dict)),
                ("required_secrets", models.JSONField(blank=True, default=list)),
                ("created_by", models.CharField(blank=True, default="", max_length=200)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("archived_at", models.DateTimeField(blank=True, null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="teams", to="projects.organization"
                    ),
                ),
                ("projects", models.ManyToManyField(blank=True, related_name="teams", to="projects.project")),
            ],
            options={
                "indexes": [
                    models.Index(fields=["organization", "created_at", "id"], name="team_oldest"),
                    models.Index(
                        models.F("organization"),
                        django.db.models.functions.text.Lower("name"),
                        models.F("id"),
                        name="team_by_name",
                    ),
                    django.contrib.postgres.indexes.GinIndex(
                        models.F("organization"),
                        django.contrib.postgres.indexes.OpClass(
                            django.db.models.functions.text.Upper("name"), name="gin_trgm_ops"
                        ),
                        name="team_by_words",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("organization"),
                        django.db.models.functions.text.Lower("name"),
                        condition=models.Q(("archived_at", None)),
                        name="team_name_unique",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Workflow",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100)),
                ("description", models.TextField(blank=True, default="")),
                ("inputs", models.JSONField(blank=True, default=dict)),
                ("steps", models.JSONField(default=list)),
                ("created_by", models.CharField(blank=True, default="", max_length=200)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("archived_at", models.DateTimeField(blank=True, null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="workflows",
                        to="projects.organization",
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="workflows", to="projects.project"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["organization", "created_at", "id"], name="workflow_oldest"),
                    models.Index(
                        models.F("organization"),
                        django.db.models.functions.text.Lower("name"),
                        models.F("id"),
                        name="workflow_by_name",
                    ),
                    django.contrib.postgres.indexes.GinIndex(
                        models.F("organization"),
                        django.contrib.postgres.indexes.OpClass(
                            django.db.models.functions.text.Upper("name"), name="gin_trgm_ops"
                        ),
                        name="workflow_by_words",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("project"),
                        django.db.models.functions.text.Lower("name"),
                        condition=models.Q(("archived_at", None)),
                        name="workflow_name_unique",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Agent",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100)),
                ("description", models.TextField(blank=True, default="")),
                ("model_id", models.CharField(blank=True, default="", max_length=200)),
                ("runtime", models.CharField(blank=True, default="", max_length=100)),
                ("runner_name", models.CharField(blank=True, default="", max_length=100)),
                (
                    "capabilities",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=100), blank=True, default=list, size=None
                    ),
                ),
                ("configuration", models.JSONField(blank=True, default=dict)),
                ("llm_config", models.JSONField(blank=True, default=dict)),
                ("system_prompt", models.TextField(blank=True, default="")),
                ("command", models.TextField(blank=True, default="")),
                ("mcp_servers", models.JSONField(blank=True, default=dict)),
                ("required_secrets", models.JSONField(blank=True, default=list)),
                ("created_by", models.CharField(blank=True, default="", max_length=200)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("archived_at", models.DateTimeField(blank=True, null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="agents", to="projects.organization"
                    ),
                ),
                ("projects", models.ManyToManyField(blank=True, related_name="agents", to="projects.project")),
                (
                    "team",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="agents",
                        to="projects.team",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["organization", "created_at", "id"], name="agent_oldest"),
                    models.Index(
                        models.F("organization"),
                        django.db.models.functions.text.Lower("name"),
                        models.F("id"),
                        name="agent_by_name",
                    ),
                    django.contrib.postgres.indexes.GinIndex(
                        models.F("organization"),
                        django.contrib.postgres.indexes.OpClass(
                            django.db.models.functions.text.Upper("name"), name="gin_trgm_ops"
                        ),
                        name="agent_by_words",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("organization"),
                        django.db.models.functions.text.Lower("name"),
                        condition=models.Q(("archived_at", None)),
                        name="agent_name_unique",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Artifact",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("kind", models.CharField(choices=[("upload", "Upload"), ("git", "Git")], max_length=10)),
                (
                    "status",
                    models.CharField(
                        choices=[("fetching", "Fetching"), ("stored", "Stored"), ("failed", "Failed")], max_length=10
                    ),
                ),
                ("filename", models.CharField(blank=True, default="", max_length=255)),
                ("sha256", models.CharField(blank=True, default="", max_length=64)),
                ("size", models.BigIntegerField(default=0)),
                ("git_url", models.CharField(blank=True, default="", max_length=500)),
                ("git_ref", models.CharField(blank=True, default="", max_length=200)),
                ("git_commit", models.CharField(blank=True, default="", max_length=64)),
                ("reason", models.TextField(blank=True, default="")),
                ("created_by", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "app",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="artifacts", to="projects.app"
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="projects.organization"),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Release",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("serial", models.BigIntegerField()),
                ("version", models.CharField(max_length=64)),
                ("commit", models.CharField(blank=True, default="", max_length=64)),
                ("notes", models.TextField(blank=True, default="")),
                ("changes", models.JSONField(default=list)),
                ("link", models.CharField(blank=True, default="", max_length=500)),
                ("manifest", models.JSONField()),
                ("created_by", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "app",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="releases", to="projects.app"
                    ),
                ),
                (
                    "artifact",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to="projects.artifact"
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="projects.organization"),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["organization", "-created_at", "-id"], name="release_newest"),
                    django.contrib.postgres.indexes.GinIndex(
                        models.F("organization"),
                        django.contrib.postgres.indexes.OpClass(
                            django.db.models.functions.text.Upper("version"), name="gin_trgm_ops"
                        ),
                        name="release_by_version",
                    ),
                    models.Index(
                        models.F("organization"),
                        django.contrib.postgres.indexes.OpClass(
                            django.db.models.functions.text.Upper("commit"), name="text_pattern_ops"
                        ),
                        name="release_by_commit",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("app", "version"), name="release_version_unique"),
                    models.UniqueConstraint(fields=("app", "serial"), name="release_serial_unique"),
                ],
            },
        ),
        *sql("0002_integrity", 0, 1, 2),
        *sql("0006_events_stay", 0, 1),
        *sql("0007_forget_old_events", 0),
    ]
