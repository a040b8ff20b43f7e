"""The control API opens with its token alone, and is reached from this machine alone unless somebody chose a token."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from pipeline.errors import ConfigurationError
from pipeline.gateway.api.guard import MAX_BODY_BYTES
from pipeline.gateway.api.token import TOKEN_FILE, TokenFile, api_token
from pipeline.gateway.server import bind
from pipeline.settings import Settings
from tests.gateway.api.conftest import Served

OPEN = ("/events", "/hooks/", "/health", "/ready")
"""What asks for no token: senders and load balancers have none."""
CHOSEN = SecretStr("chosen-by-a-person-0123456789")


def routes(served: Served) -> list[tuple[str, str]]:
    """Every method and path of the description but what senders use, with something in place of each parameter."""
    paths = served.client.get("/openapi.json").json()["paths"]
    assert all(path.startswith(("/api/v1/", *OPEN)) for path in paths)
    filled = [
        (method.upper(), path.replace("{", "").replace("}", ""))
        for path, verbs in paths.items()
        for method in verbs
        if not path.startswith(OPEN)
    ]
    assert len(filled) > 3
    return filled


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic {token}"},
        {"Authorization": "{token}"},
        {"X-Api-Key": "{token}"},
    ],
)
def test_no_route_of_the_description_answers_without_the_token(served: Served, headers: dict[str, str]) -> None:
    sent = {name: value.format(token=served.parts.token()) for name, value in headers.items()}
    for method, path in routes(served):
        answer = served.stranger.request(method, path, headers=sent, content=b"{not json")
        assert answer.status_code == 401, (method, path)
        assert answer.json()["code"] == "unauthorized"
        assert answer.headers["www-authenticate"] == "Bearer"


def test_paths_below_the_api_that_do_not_exist_are_no_different_without_the_token(served: Served) -> None:
    for path in ("/api", "/api/", "/api/v1", "/api/v1/nowhere", "/api/v2/apps"):
        assert served.stranger.get(path).status_code == 401, path
        assert served.client.get(path).status_code == 404, path


def test_events_and_health_ask_for_no_token_and_the_description_tells_nothing_of_the_installation(
    served: Served,
) -> None:
    assert served.stranger.get("/health").status_code == 200
    assert served.stranger.post("/events", content=b"x").status_code == 415
    page = served.stranger.get("/docs").text
    for address in re.findall(r"""(?:src|href)=["']([^"']+)""", page):
        assert served.stranger.get(address).status_code == 200, "all of it is served here"
    assert "//" not in page.replace("<!-- `", ""), page
    assert served.stranger.get("/openapi.json").json()["openapi"].startswith("3.")


def test_what_is_wrong_has_one_shape(served: Served) -> None:
    for answer, status, code in (
        (served.client.get("/api/v1/nowhere"), 404, "not_there"),
        (served.client.delete("/api/v1/apps"), 405, "wrong_method"),
        (served.client.get("/api/v1/apps/no-such-app"), 404, "not_there"),
        (served.client.get("/api/v1/runs", params={"status": "maybe", "limit": 0}), 422, "invalid"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert set(answer.json()) == {"code", "message", "errors"}
    places = [error["place"] for error in answer.json()["errors"]]
    assert places == ["query.status", "query.limit"], "all faults at once, each with its place"


def test_a_body_is_read_no_further_than_the_limit_whether_its_length_is_announced_or_not(served: Served) -> None:
    def parts() -> Iterator[bytes]:
        for _ in range(MAX_BODY_BYTES // 65_536 + 1):
            yield b" " * 65_536

    for content in (b" " * (MAX_BODY_BYTES + 1), parts()):
        answer = served.client.post("/api/v1/connections", content=content)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert served.client.post("/api/v1/connections", content=b"\xff").status_code in (400, 422)


def test_the_token_is_made_once_for_its_owner_alone_and_a_new_one_counts_at_once(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path)
    read, place = api_token(settings)
    again, _ = api_token(settings)

    assert read() == again() == (tmp_path / TOKEN_FILE).read_text().strip()
    assert len(read()) > 40
    assert place == str(tmp_path / TOKEN_FILE)
    assert stat.S_IMODE((tmp_path / TOKEN_FILE).stat().st_mode) == 0o600

    before = read()
    after = TokenFile(tmp_path / TOKEN_FILE).renew()
    assert read() == after != before
    (tmp_path / TOKEN_FILE).write_text("")
    assert read() == after, "a file that says nothing leaves what was read before"


def test_a_token_of_the_environment_is_taken_and_one_that_can_be_guessed_is_not(tmp_path: Path) -> None:
    read, place = api_token(Settings(state_dir=tmp_path, api_token=CHOSEN))
    assert (read(), place) == (CHOSEN.get_secret_value(), "environment variable PIPELINE_API_TOKEN")
    assert not (tmp_path / TOKEN_FILE).exists()

    for bad in ("short", "with a space in between", "umlaut-ä-0123456789"):
        with pytest.raises(ConfigurationError, match="PIPELINE_API_TOKEN") as raised:
            api_token(Settings(state_dir=tmp_path, api_token=SecretStr(bad)))
        assert bad not in str(raised.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "gateway.example"])
def test_the_gateway_listens_beyond_this_machine_only_with_a_token_that_somebody_chose(host: str) -> None:
    with pytest.raises(ConfigurationError, match="PIPELINE_API_TOKEN"):
        bind(Settings(gateway_host=host, gateway_port=0))


def test_with_a_chosen_token_it_listens_anywhere_and_on_this_machine_without_one() -> None:
    for settings in (
        Settings(gateway_host="0.0.0.0", gateway_port=0, api_token=CHOSEN),
        Settings(gateway_host="localhost", gateway_port=0),
        Settings(gateway_host="127.0.0.1", gateway_port=0),
    ):
        bind(settings).close()
