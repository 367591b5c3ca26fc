"""The conventions every REST operation keeps, whatever it is about."""

import uuid
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, connections
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from projects import marks
from projects.models import AccessToken, Project
from tests import builders
from tests.doors.rest import ROOT, delete, fields, get, is_problem, patch, post

pytestmark = pytest.mark.django_db


def test_without_a_valid_token_there_is_401_everywhere():
    for client in (Client(), Client(headers={"Authorization": "Bearer tpa_nothing"})):
        for path in ("/projects", "/environments", f"/apps/{uuid.uuid4()}", "/events"):
            response = get(client, path)
            assert is_problem(response, 401, "not-authenticated")
            assert response["WWW-Authenticate"] == "Bearer"


def test_a_session_cookie_opens_no_rest_door_and_is_not_even_looked_at():
    client = builders.browser(builders.cast().owner)
    with CaptureQueriesContext(connection) as asked:
        assert is_problem(get(client, "/projects"), 401)
    assert not asked.captured_queries


def test_a_request_with_a_token_reads_what_rights_need_once_and_no_password():
    client = builders.rest(builders.cast().owner)
    get(client, "/organizations")
    with CaptureQueriesContext(connection) as asked:
        assert get(client, "/organizations").status_code == 200
    statements = [one["sql"] for one in asked]
    assert len([one for one in statements if "projects_user" in one]) == 1
    assert not [one for one in statements if "password" in one or "UPDATE" in one]


def test_a_token_tells_to_the_minute_when_it_was_last_used_by_the_databases_clock(monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda clock=timezone.now: clock() - timedelta(hours=1))
    cast = builders.cast()
    client, used = builders.rest(cast.owner), []
    for ago in (None, 30, 90):
        before = Now() - timedelta(seconds=ago) if ago else None
        AccessToken.objects.filter(owner=cast.owner.user).update(last_used_at=before)
        assert get(client, "/projects").status_code == 200
        used.append(AccessToken.objects.filter(last_used_at__gt=Now() - timedelta(seconds=20)).exists())
    assert used == [True, False, True]


def test_a_token_may_be_sent_as_bearer_or_as_userkey():
    token = builders.token(builders.cast().owner)
    for scheme in ("Bearer", "bearer", "UserKey"):
        assert get(Client(), "/projects", Authorization=f"{scheme} {token}").status_code == 200


def test_workers_credentials_find_nothing_at_the_other_doors():
    for credential in ("tpw_anything", "tps_anything"):
        assert is_problem(get(Client(), "/projects", Authorization=f"Bearer {credential}"), 404)


def test_many_failed_tokens_from_one_address_must_wait():
    address, right = builders.name("address"), builders.token(builders.cast().owner)
    client = Client(headers={"Authorization": "Bearer tpa_wrong"}, REMOTE_ADDR=address)
    statuses = {get(client, "/projects").status_code for _ in range(61)}
    assert statuses == {401, 429}
    assert int(get(client, "/projects")["Retry-After"]) > 0
    assert get(Client(REMOTE_ADDR=address), "/projects", Authorization=f"Bearer {right}").status_code == 200


def test_an_unknown_field_of_a_body_is_named():
    client = builders.rest(builders.cast().owner)
    response = post(client, "/projects", {"key": "AB", "name": "x", "colour": "red", "size": 1})
    assert fields(response) == {"colour", "size"}
    assert not Project.objects.exists()


def test_an_unknown_query_parameter_is_named():
    client = builders.rest(builders.cast().owner)
    for path in ("/projects", f"/projects/{uuid.uuid4()}", "/environments", "/events", "/tokens"):
        assert fields(get(client, f"{path}?colour=red")) == {"colour"}
    assert get(client, "/projects?skip=1&limit=2").status_code == 200


def test_a_later_issues_field_is_as_unknown_as_any():
    client = builders.rest(builders.cast().owner)
    assert fields(post(client, "/environments", {"name": "qa", "ttl": "3h", "blueprint": "x"})) == {"ttl", "blueprint"}
    assert is_problem(get(client, "/webhooks"), 404)
    assert is_problem(get(client, "/policies"), 404)


def test_what_takes_no_body_ignores_none():
    cast = builders.cast()
    client, path = builders.rest(cast.owner), f"{ROOT}/apps/{builders.app(cast.owner).id}"
    json = {"content_type": "application/json"}
    assert fields(client.delete(path, '{"force": true, "why": 1}', **json)) == {"force", "why"}
    assert fields(client.generic("GET", path, "[1]", **json)) == {"body"}
    assert is_problem(client.delete(path, "rubbish", **json), 400, "malformed")
    assert is_problem(client.delete(path, "force=true", content_type="application/x-www-form-urlencoded"), 415)
    assert get(client, f"/apps/{path[-36:]}").json()["archived_at"] is None
    assert client.delete(path, "{}", **json).status_code == 204


def test_a_malformed_id_is_404():
    client = builders.rest(builders.cast().owner)
    for path in ("projects", "apps", "environments", "chains", "releases", "artifacts", "tokens", "members", "runs"):
        for ident in ("nothing", "1", "0000", "%00", "a" * 300, "..%2f"):
            assert get(client, f"/{path}/{ident}").status_code == 404, (path, ident)
        assert is_problem(get(client, f"/{path}/{uuid.uuid4()}"), 404)
    assert is_problem(delete(client, "/projects/nothing"), 404)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b'{"key": "AB", "name": "\\ud800"}', 400),
        (b'{"key": "AB", "name": "a\\u0000b"}', 400),
        (b"[]", 422),
        (b"null", 422),
        (b'"text"', 422),
        (b"12", 422),
        (b"", 422),
        (b'{"key": 1, "name": []}', 422),
        (b'{"key": {"a": 1}, "name": null}', 422),
        (b"[" * 100_000, 400),
        (b'{"key": "AB", "name": "' + b"x" * 2_000_000 + b'"}', 413),
    ],
)
def test_a_body_that_is_none_never_breaks_anything(body, status):
    client = builders.rest(builders.cast().owner)
    response = client.post(f"{ROOT}/projects", body, content_type="application/json")
    assert is_problem(response, status)


def test_another_media_type_is_415():
    client = builders.rest(builders.cast().owner)
    for media_type in ("text/plain", "application/x-www-form-urlencoded", "application/xml"):
        response = client.post(f"{ROOT}/projects", b"key=AB", content_type=media_type)
        assert is_problem(response, 415)


def test_an_unknown_path_and_a_wrong_method_are_problems_too():
    client = builders.rest(builders.cast().owner)
    assert is_problem(get(client, "/nothing/here"), 404)
    response = client.put(f"{ROOT}/projects", b"{}", content_type="application/json")
    assert is_problem(response, 405)
    assert "POST" in response["Allow"]


def test_head_is_answered_as_get_is_wherever_there_is_a_get():
    cast = builders.cast()
    client, app = builders.rest(cast.owner), builders.app(cast.owner)
    paths = client.get(f"{ROOT}/openapi.json").json()["paths"]
    addresses = [
        path.format(id=app.id, name="A", kind="apps") for path, operations in paths.items() if "get" in operations
    ]
    assert len(addresses) > 20
    for address in [*addresses, f"{ROOT}/openapi.json", f"{ROOT}/projects?limit=0", "/sign-in", "/livez"]:
        asked, told = client.head(address), client.get(address)
        assert (asked.status_code, asked.content) == (told.status_code, b""), address
        assert set(asked.headers) == set(told.headers), address
        assert asked.get("Content-Type") == told.get("Content-Type"), address
    tag = get(client, f"/apps/{app.id}")["ETag"]
    assert client.head(f"{ROOT}/apps/{app.id}", headers={"If-None-Match": tag}).status_code == 304
    refused = client.head(f"{ROOT}/rollbacks")
    assert (refused.status_code, refused["Allow"]) == (405, "POST")
    assert set(patch(client, "/apps", {})["Allow"].split(", ")) == {"GET", "HEAD", "POST"}


def test_a_post_that_makes_something_says_where_it_is():
    client = builders.rest(builders.cast().owner)
    response = post(client, "/projects", {"key": "AB", "name": "x"})
    assert response.status_code == 201
    assert client.get(response["Location"]).json() == response.json()


def test_times_carry_their_zone_and_ids_are_text():
    client = builders.rest(builders.cast().owner)
    made = post(client, "/projects", {"key": "AB", "name": "x"}).json()
    assert made["created_at"].endswith("+00:00")
    assert str(uuid.UUID(made["id"])) == made["id"]


# Entity tags


def test_what_a_client_has_already_is_304():
    client = builders.rest(builders.cast().owner)
    path = f"/projects/{post(client, '/projects', {'key': 'AB', 'name': 'x'}).json()['id']}"
    tag = get(client, path)["ETag"]
    again = get(client, path, If_None_Match=tag)
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", tag)
    patch(client, path, {"name": "y"})
    assert get(client, path, If_None_Match=tag).status_code == 200
    listed = get(client, "/projects")["ETag"]
    assert get(client, "/projects", If_None_Match=f'"other", W/{listed}').status_code == 304


def test_a_change_on_top_of_something_outdated_is_412():
    client = builders.rest(builders.cast().owner)
    path = f"/projects/{post(client, '/projects', {'key': 'AB', 'name': 'x'}).json()['id']}"
    tag = get(client, path)["ETag"]
    changed = patch(client, path, {"name": "y"}, If_Match=tag)
    assert changed.status_code == 200
    assert is_problem(patch(client, path, {"name": "z"}, If_Match=tag), 412, "changed-meanwhile")
    assert patch(client, path, {"name": "z"}, If_Match=changed["ETag"]).status_code == 200
    assert patch(client, path, {"name": "w"}, If_Match="*").status_code == 200


def test_what_was_read_may_be_sent_back_and_a_changed_read_only_field_may_not():
    client = builders.rest(builders.cast().owner)
    made = post(client, "/projects", {"key": "AB", "name": "x"}).json()
    path = f"/projects/{made['id']}"
    assert patch(client, path, made).status_code == 200
    assert patch(client, path, made | {"name": "y"}).json()["name"] == "y"
    assert is_problem(patch(client, path, {"key": "CD", "name": "z"}), 409, "key-fixed")
    assert is_problem(patch(client, path, {"key": None}), 409, "key-fixed")
    assert patch(client, path, {"key": "ab"}).json()["key"] == "AB"
    assert fields(patch(client, path, {"status": "gone", "nonsense": 1})) == {"status", "nonsense"}


# Lists


def test_pages_follow_each_other_by_link_and_hold_everything_once():
    cast = builders.cast()
    client = builders.rest(cast.owner)
    made = [builders.project(cast.owner).key for _ in range(7)]
    seen, url = [], f"{ROOT}/projects?limit=3"
    while url:
        response = client.get(url)
        seen += [row["key"] for row in response.json()]
        # Rows that come and go meanwhile move nothing that is still to come.
        if len(seen) == 3:
            builders.project(cast.owner)
            Project.objects.filter(key=seen[1]).delete()
        url = response["Link"].split(">")[0].lstrip("<") if response.has_header("Link") else ""
        assert 'rel="next"' in response["Link"] if url else True
    assert seen == made[::-1]


def test_rows_of_one_moment_are_still_in_a_total_order():
    cast = builders.cast()
    client = builders.rest(cast.owner)
    for _ in range(5):
        builders.project(cast.owner)
    Project.objects.update(created_at=timezone.now())
    keys, url = [], f"{ROOT}/projects?limit=2"
    while url:
        response = client.get(url)
        keys += [row["key"] for row in response.json()]
        url = response["Link"].split(">")[0].lstrip("<") if response.has_header("Link") else ""
    assert len(keys) == len(set(keys)) == 5


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "skip=-1", "limit=99999999999999999999"])
def test_a_limit_that_is_none_is_refused(query):
    assert get(builders.rest(builders.cast().owner), f"/projects?{query}").status_code == 422


@pytest.mark.parametrize(
    "cursor",
    ["x", "W10", "eyJhIjoxfQ", "WyIyMDI2LTAxLTAxIiwgIngiXQ", "%00", "ä",
     *(marks.write(moment, uuid.UUID(int=7)) for moment in ("9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"))],
)  # fmt: skip
def test_a_cursor_that_is_not_ours_is_refused(cursor):
    client = builders.rest(builders.cast().owner)
    assert fields(get(client, f"/projects?cursor={cursor}")) == {"cursor"}


def test_the_link_leads_to_the_address_that_the_installation_is_known_by(settings):
    cast = builders.cast()
    for _ in range(2):
        builders.project(cast.owner)
    settings.TOWPATH_PUBLIC_URL = "https://towpath.example"
    link = get(builders.rest(cast.owner), "/projects?limit=1&skip=0")["Link"]
    assert link.startswith("<https://towpath.example/api/v1/projects?limit=1&cursor=")


def test_projects_come_newest_first_and_apps_oldest_first():
    cast = builders.cast()
    client = builders.rest(cast.owner)
    project = builders.project(cast.owner)
    apps = [builders.app(cast.owner, project=project).name for _ in range(3)]
    newer = builders.project(cast.owner)
    assert [row["key"] for row in get(client, "/projects").json()] == [newer.key, project.key]
    assert [row["name"] for row in get(client, "/apps").json()] == apps


def test_a_filter_takes_id_name_or_key_and_what_is_not_visible_is_404():
    cast = builders.cast()
    client = builders.rest(cast.viewer)
    app = builders.app(cast.owner)
    builders.app(cast.owner, project=builders.project(cast.owner))
    for ident in (app.project_id, app.project.key, app.project.key.lower()):
        assert [row["id"] for row in get(client, f"/apps?project={ident}").json()] == [str(app.id)]
    foreign = builders.project(cast.stranger)
    for ident in (foreign.id, foreign.key, "nothing"):
        assert is_problem(get(client, f"/apps?project={ident}"), 404)


def test_nul_in_a_query_is_refused():
    assert fields(get(builders.rest(builders.cast().owner), "/apps?q=%00")) == {"q"}


@pytest.mark.parametrize("why", [{}, {"reason": "as asked"}])
def test_nul_in_a_form_is_refused(why):
    cast = builders.cast()
    form = {"file": SimpleUploadedFile("a.tgz", b"x"), "sha256": "a\0b", **why}
    answer = builders.rest(cast.owner).post(f"{ROOT}/apps/{builders.app(cast.owner).id}/artifacts", form)
    assert is_problem(answer, 400)


# When something is away


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_is_503_with_a_time_to_come_back():
    client = builders.rest(builders.cast().owner)
    database = connections["default"]
    kept = database.settings_dict["PORT"]
    database.close()
    database.settings_dict["PORT"] = "1"
    try:
        response = get(client, "/projects")
    finally:
        database.close()
        database.settings_dict["PORT"] = kept
    assert is_problem(response, 503, "unavailable")
    assert int(response["Retry-After"]) > 0


@pytest.mark.parametrize("path", ["/api/health", "/api/ready", "/api/health/detailed"])
def test_health_takes_nothing_and_says_so_as_the_api_does(path):
    answer = Client(enforce_csrf_checks=True).post(path, "{}", content_type="application/json")
    assert is_problem(answer, 405, "method-not-allowed")
    assert answer["Allow"] == "GET, HEAD"


def test_health_needs_no_token():
    for path in ("/livez", "/readyz", "/api/health", "/api/ready"):
        assert Client().get(path).json()["status"] == "ok"


def test_ready_is_503_while_the_broker_is_away(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    response = Client().get("/readyz")
    assert (response.status_code, response.json()["broker"], response.json()["database"]) == (503, "away", "ok")
    assert Client().get("/livez").status_code == 200


def test_an_expired_token_is_nobody():
    cast = builders.cast()
    client = builders.rest(cast.owner)
    assert get(client, "/projects").status_code == 200
    AccessToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert is_problem(get(client, "/projects"), 401)
