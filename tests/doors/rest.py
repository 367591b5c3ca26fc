"""What the tests of REST share: sending JSON and reading problems."""

from typing import Any

from django.test import Client

ROOT = "/api/v1"


def post(client: Client, path: str, body: Any = None, **headers: str) -> Any:
    return client.post(f"{ROOT}{path}", body or {}, content_type="application/json", headers=_named(headers))


def patch(client: Client, path: str, body: Any, **headers: str) -> Any:
    return client.patch(f"{ROOT}{path}", body, content_type="application/json", headers=_named(headers))


def get(client: Client, path: str, **headers: str) -> Any:
    return client.get(f"{ROOT}{path}", headers=_named(headers))


def delete(client: Client, path: str) -> Any:
    return client.delete(f"{ROOT}{path}")


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def is_problem(response: Any, status: int, code: str = "") -> bool:
    """Whether it is a problem document that says what its status says."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body = response.json()
    assert {"type", "title", "status", "detail", "code"} <= set(body)
    assert body["status"] == status
    assert body["detail"].endswith(".") or body["errors"]
    assert not code or body["code"] == code, body
    return True


def fields(response: Any) -> set[str]:
    """The fields a 422 names."""
    assert response.status_code == 422, response.content
    return {error["field"] for error in response.json()["errors"]}
