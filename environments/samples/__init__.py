"""The sample project TRAINING: a small web app of ours with three releases, one of which fails its health check."""

import io
import tarfile
from pathlib import Path

from django.db.models import F

from environments.delivery import chains
from environments.models import Chain
from projects import access, apps, artifacts, events, lifecycle, releases
from projects.access import Actor, Permission
from projects.models import App, Artifact, Project, Release

SOURCE = Path(__file__).parent / "greeter"
KEY = "TRAINING"
MANIFEST = """\
steps:
  - {name: check, run: "python3 -m py_compile greeter.py"}
services:
  - {name: web, run: "exec python3 greeter.py", health: {http: /health, within: 15s}, stop_timeout: 5s}
"""
RELEASES = (
    ("1.0.0", "The first greeting.", ["Say hello at /", "Tell the version at /version"]),
    ("1.1.0", "Its health check fails on purpose: see how nothing else is harmed.", ["Break /health"]),
    ("1.2.0", "A warmer greeting, with the environment's name.", ["Mend /health", "Name the environment in /"]),
)


@events.operation
def load(*, by: Actor) -> Release:
    """Make the project with its app and releases, and a first chain where there is none; twice makes nothing new.

    Answers the release the story begins with.
    """
    access.require(by, Permission.MANAGE_PROJECTS)
    if not Chain.objects.filter(organization=by.organization, project=None).exists():
        chains.begin(by=by)
    project = Project.objects.filter(organization=by.organization, key__iexact=KEY).first() or lifecycle.create(
        by=by, key=KEY, name="Training", description="A sample to learn with: deploy, promote, roll back, see one fail."
    )
    app = App.objects.filter(project=project, name="greeter").first() or apps.create(
        by=by, project=project, name="greeter", description="Says hello, and which version says it."
    )
    cut = set(Release.objects.filter(app=app).values_list("version", flat=True))
    for version, notes, changes in RELEASES:
        if version not in cut:
            artifact = _artifact(app, by=by)
            releases.cut(
                by=by, app=app, version=version, manifest=MANIFEST, notes=notes, changes=changes, artifact=artifact
            )
    return Release.objects.get(app=app, version=RELEASES[0][0])


def _artifact(app: App, *, by: Actor) -> Artifact:
    """All three releases are made of one archive; the version decides how the app behaves."""
    stored = Artifact.objects.filter(app=app, status=Artifact.Status.STORED).order_by(F("created_at")).first()
    return stored or artifacts.receive(by=by, app=app, stream=io.BytesIO(_archive()), filename="greeter.tar.gz")


def _archive() -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for path in sorted(SOURCE.iterdir()):
            if path.is_file():
                archive.add(path, arcname=path.name)
    return content.getvalue()
