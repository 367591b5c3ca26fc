"""A git source is fetched once, over https, from an address that was checked, and nothing in it is executed."""

import http.server
import os
import ssl
import subprocess
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.urls import reverse

from environments import egress, fetches, retries
from environments.doing import performing
from environments.models import Run
from projects import apps, artifacts, releases
from projects.errors import NotAllowed
from projects.models import App, Artifact
from projects.retired import Archived
from tests import builders
from tests.doors.visiting import html, signed_in

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass
class Forge:
    """A git server on https, with a certificate of its own."""

    port: int
    root: Path
    asked: list[str]

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/app.git"

    def git(self, *words: str, at: str = "work") -> str:
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "HOME": str(self.root)}
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always"]
        done = subprocess.run(
            ["git", *who, *words], cwd=self.root / at, env=environment, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self, **files: str) -> str:
        for name, text in files.items():
            (self.root / "work" / name).write_text(text)
        self.git("add", "-A")
        self.git("commit", "-qm", "a change")
        self.git("push", "-q", "--tags", "origin", "HEAD:main")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def forge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Forge]:
    asked: list[str] = []

    class Door(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            asked.append(self.path)
            path, _, query = self.path.partition("?")
            if path.startswith("/moved"):
                self.send_response(302)
                self.send_header("Location", path.replace("/moved", "") + ("?" + query if query else ""))
                self.end_headers()
                return
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            environment = {
                **{"PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(tmp_path), "GIT_HTTP_EXPORT_ALL": "1"},
                **{"PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": self.command},
                **{"CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(length)},
                **{"HTTP_GIT_PROTOCOL": self.headers.get("Git-Protocol", ""), "GIT_CONFIG_GLOBAL": "/dev/null"},
                **{"HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", "")},
            }
            out = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True).stdout
            head, _, content = out.partition(b"\r\n\r\n")
            lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
            self.send_response(int(lines.pop("Status", "200").split()[0]))
            for name, value in lines.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = answer

        def log_message(self, *args: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Door)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("GIT_SSL_CAINFO", str(readable(tmp_path / "certificate.pem")))
    made = Forge(server.server_address[1], tmp_path, asked)
    (tmp_path / "work").mkdir()
    made.git("init", "-q", "--bare", "-b", "main", str(tmp_path / "app.git"), at=".")
    made.git("init", "-q", "-b", "main")
    made.git("remote", "add", "origin", str(tmp_path / "app.git"))
    yield made
    server.shutdown()


def certificate(directory: Path) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    text = made.public_bytes(serialization.Encoding.PEM)
    (directory / "certificate.pem").write_bytes(text)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (directory / "both.pem").write_bytes(private + text)
    return str(directory / "both.pem")


def readable(certificate: Path) -> Path:
    """Where a user without rights can read it: a test's own directory is closed to them."""
    public = Path("/tmp") / f"towpath-test-{os.getpid()}.pem"
    public.write_bytes(certificate.read_bytes())
    public.chmod(0o644)
    return public


@pytest.fixture
def app() -> App:
    return builders.app(builders.owner_of(builders.organization()))


def fetched(app: App, url: str, ref: str) -> Artifact:
    owner = builders.owner_of(app.organization)
    artifact = fetches.ask(by=owner, app=app, url=url, ref=ref)
    assert artifact.status == "fetching"
    performing.perform_all()
    artifact.refresh_from_db()
    return artifact


@pytest.fixture
def allowed(settings: pytest.FixtureRequest) -> None:
    settings.EGRESS_ALLOW = "127.0.0.0/8, ::1"  # type: ignore[attr-defined]


@pytest.mark.parametrize("ref", ["main", "v1", "commit", "older"])
def test_a_branch_a_tag_and_a_commit_are_stored_with_commit_and_digest(
    forge: Forge, app: App, allowed: None, ref: str
) -> None:
    older = forge.commit(**{"app.txt": "zero"})
    newer = forge.commit(**{"app.txt": "one"})
    forge.git("tag", "v1")
    forge.git("push", "-q", "--tags", "origin")
    wanted = {"commit": newer, "older": older}.get(ref, ref)

    artifact = fetched(app, forge.url, wanted)
    assert artifact.status == "stored", artifact.reason
    assert artifact.git_commit == (older if ref == "older" else newer) and len(artifact.sha256) == 64
    with tarfile.open(artifacts.path(artifact)) as archive:
        assert archive.getnames() == ["app.txt"]
        assert archive.extractfile("app.txt").read() == (b"zero" if ref == "older" else b"one")  # type: ignore[union-attr]


def test_what_a_killed_fetch_has_left_is_taken_away_by_the_next(
    forge: Forge, app: App, allowed: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    tmp_path.chmod(0o711)
    old, fresh, other = (tmp_path / name for name in ("towpath-fetch-old", "towpath-fetch-fresh", "other"))
    for directory in (old, fresh, other):
        (directory / "source").mkdir(parents=True)
    for directory in (old, other):
        os.utime(directory, (0, 0))
    forge.commit(**{"app.txt": "one"})

    fetched(app, forge.url, "main")

    assert [path.exists() for path in (old, fresh, other)] == [False, True, True]


def test_a_ref_that_is_not_there_fails_with_what_git_says(forge: Forge, app: App, allowed: None) -> None:
    forge.commit(**{"app.txt": "one"})
    artifact = fetched(app, forge.url, "nowhere")
    assert artifact.status == "failed" and "nowhere" in artifact.reason
    assert Run.objects.get(artifact=artifact).phase == "failed"


def test_what_could_not_be_fetched_is_fetched_by_a_retry(forge: Forge, app: App, allowed: None) -> None:
    forge.commit(**{"app.txt": "one"})
    artifact = fetched(app, forge.url, "v2")
    run = Run.objects.get(artifact=artifact)
    assert (artifact.status, run.phase) == ("failed", "failed")
    forge.git("tag", "v2")
    forge.git("push", "-q", "--tags", "origin")

    again = retries.retry(run, by=builders.owner_of(app.organization))

    artifact.refresh_from_db()
    assert (again.pk, again.phase) == (run.pk, "queued")
    assert (artifact.status, artifact.reason) == ("fetching", "")
    with pytest.raises(retries.CannotRetry):
        retries.retry(run, by=builders.owner_of(app.organization))
    performing.perform_all()
    artifact.refresh_from_db()
    run.refresh_from_db()
    assert (artifact.status, run.phase, run.attempt) == ("stored", "succeeded", 2)
    with pytest.raises(retries.CannotRetry):
        retries.retry(run, by=builders.owner_of(app.organization))


def test_a_fetch_that_failed_again_may_be_retried_again(app: App) -> None:
    artifact = fetched(app, "https://127.0.0.1/app.git", "main")
    owner = builders.owner_of(app.organization)
    for attempt in (1, 2):
        run = Run.objects.get(artifact=artifact)
        assert (run.attempt, run.phase) == (attempt, "failed")
        retries.retry(run, by=owner)
        performing.perform_all()
        artifact.refresh_from_db()
        assert artifact.status == "failed" and "private" in artifact.reason


def test_who_may_not_release_retries_no_fetch_and_nothing_is_fetched_for_an_archived_app(app: App) -> None:
    run = Run.objects.get(artifact=fetched(app, "https://127.0.0.1/app.git", "main"))
    owner = builders.owner_of(app.organization)
    with pytest.raises(NotAllowed):
        retries.retry(run, by=builders.member(app.organization, "viewer"))
    apps.archive(app, by=owner)
    with pytest.raises(Archived):
        retries.retry(run, by=owner)
    run.refresh_from_db()
    assert run.phase == "failed" and Artifact.objects.get().status == "failed"


def test_its_release_leads_to_the_page_that_offers_the_retry(app: App) -> None:
    owner = builders.owner_of(app.organization)
    artifact = fetched(app, "https://127.0.0.1/app.git", "main")
    release = releases.cut(by=owner, app=app, version="1.0", manifest=builders.MANIFEST, artifact=artifact)
    run = Run.objects.get(artifact=artifact)
    client = signed_in(owner)
    page = reverse("run", args=[run.id])
    assert f'href="{page}"' in html(client, reverse("release", args=[release.id]))
    assert "aria-disabled" not in html(client, page).split(f"{page}/retry")[1].split("</form>")[0]

    assert client.post(f"{page}/retry").headers["Location"] == page

    run.refresh_from_db()
    assert run.phase == "queued"


def test_a_private_address_is_refused_before_anything_is_asked(forge: Forge, app: App) -> None:
    forge.commit(**{"app.txt": "one"})
    artifact = fetched(app, forge.url, "main")
    assert artifact.status == "failed" and "private" in artifact.reason
    assert forge.asked == []


def test_a_redirection_is_not_followed(forge: Forge, app: App, allowed: None) -> None:
    forge.commit(**{"app.txt": "one"})
    artifact = fetched(app, forge.url.replace("/app.git", "/moved/app.git"), "main")
    assert artifact.status == "failed"
    assert all(path.startswith("/moved") for path in forge.asked)


def test_submodules_hooks_and_filters_of_a_source_do_nothing(forge: Forge, app: App, allowed: None) -> None:
    mark = forge.root / "executed"
    modules = (
        f'[submodule "x"]\n\tpath = x\n\turl = https://localhost:{forge.port}/other.git\n\tupdate = !touch {mark}\n'
    )
    forge.commit(
        **{
            ".gitmodules": modules,
            ".gitattributes": "*.txt filter=evil export-subst\n",
            ".lfsconfig": f"[lfs]\n\turl = https://localhost:{forge.port}/lfs\n",
            "app.txt": "one",
        }
    )
    artifact = fetched(app, forge.url, "main")
    assert artifact.status == "stored", artifact.reason
    assert not mark.exists()
    assert not [path for path in forge.asked if "other" in path or "lfs" in path]


@pytest.mark.parametrize(
    "address",
    [
        *("10.1.2.3", "127.0.0.1", "169.254.169.254", "192.168.1.1", "0.0.0.0", "224.0.0.1", "100.64.0.1"),
        *("[::1]", "[fe80::1]", "[fd00::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"),
        # A public IPv4 address in the clothing of IPv6, and IPv6 that nobody is given.
        *("[::ffff:8.8.8.8]", "[64:ff9b::808:808]", "[64:ff9b:1::808:808]", "[2002:808:808::1]", "[::808:808]"),
        *("[fec0::1]", "[3fff::1]", "[5f00::1]", "[ff0e::1]"),
        *("2130706433", "0x7f.1"),
    ],
)
def test_no_private_or_special_address_is_reached_under_any_spelling(address: str) -> None:
    with pytest.raises(egress.Forbidden):
        egress.check(f"https://{address}/x.git")


@pytest.mark.parametrize(
    "url", ["http://example.org/x", "ssh://example.org/x", "https://a:b@example.org/x", "https://"]
)
def test_nothing_but_plain_https_is_fetched(url: str) -> None:
    with pytest.raises(egress.Forbidden):
        egress.check(url)


def test_a_public_address_passes_and_an_allowed_range_too(settings: pytest.FixtureRequest) -> None:
    assert egress.check("https://1.1.1.1:8443/x").port == 8443
    assert egress.check("https://[2606:4700:4700::1111]/x").port == 443
    settings.EGRESS_ALLOW = "10.0.0.0/8"  # type: ignore[attr-defined]
    assert egress.check("https://10.1.2.3/x").address == "10.1.2.3"
    for outside in ("192.168.0.1", "[::ffff:10.1.2.3]"):
        with pytest.raises(egress.Forbidden):
            egress.check(f"https://{outside}/x")
    settings.EGRESS_ALLOW = "64:ff9b::/96"  # type: ignore[attr-defined]
    assert egress.check("https://[64:ff9b::808:808]/x").address == "64:ff9b::808:808"
