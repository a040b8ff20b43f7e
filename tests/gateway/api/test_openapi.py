"""The description of the API: valid, whole, and true of what the routes answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import validate

from tests.gateway.api.conftest import Served
from tests.routes import BEGIN, END, PAGE, written


@pytest.fixture(scope="module")
def described(served: Served) -> dict[str, Any]:
    answer: dict[str, Any] = served.client.get("/openapi.json").json()
    return answer


def operations(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, verbs in described["paths"].items():
        for verb, operation in verbs.items():
            if path.startswith("/api/"):
                yield verb.upper(), path, operation


def test_the_description_is_a_valid_openapi_document(described: dict[str, Any]) -> None:
    validate(described)


def test_every_route_says_what_it_does_asks_for_the_token_and_describes_its_problems(described: dict[str, Any]) -> None:
    names = []
    for verb, path, operation in operations(described):
        where = f"{verb} {path}"
        names.append(operation["operationId"])
        assert operation["description"], where
        assert operation["security"] == [{"HTTPBearer": []}], where
        assert {"401", "404", "409", "422", "503"} <= operation["responses"].keys(), where
        for status, answer in operation["responses"].items():
            if status >= "400":
                assert answer["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Problem"}, (
                    where
                )
    assert len(names) == len(set(names)) > 12


def test_the_page_about_the_api_lists_every_route_and_no_other() -> None:
    """If it fails: `make docs`."""
    text = PAGE.read_text(encoding="utf-8")
    assert text.count(BEGIN) == text.count(END) == 1
    assert written(text) == text


def test_what_is_answered_is_what_is_described(served: Served, described: dict[str, Any]) -> None:
    """Of all routes that read and need nothing, and of each kind of problem."""
    checked = 0
    for verb, path, operation in operations(described):
        if verb != "GET" or "{" in path:
            continue
        answer = served.client.get(path)
        assert answer.status_code == 200, (path, answer.text)
        meets(answer.json(), operation["responses"]["200"]["content"]["application/json"]["schema"], described)
        checked += 1
    assert checked >= 3
    for path in ("/api/v1/apps/slack", "/api/v1/runs?limit=0", "/api/v1/nowhere"):
        meets(served.client.get(path).json(), {"$ref": "#/components/schemas/Problem"}, described)
    meets(served.stranger.get("/api/v1/apps").json(), {"$ref": "#/components/schemas/Problem"}, described)


def meets(value: Any, schema: dict[str, Any], described: dict[str, Any]) -> None:
    jsonschema.validate(value, {**schema, "components": described["components"]})
