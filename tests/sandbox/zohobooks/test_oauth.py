"""The accounts server."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.sandbox.support import CLIENT, ORGANIZATION, SECRET, Zoho, code_of


def test_a_code_gives_tokens_and_the_twins_own_address_as_api_domain(zoho: Zoho) -> None:
    answer = zoho.exchange(zoho.code()).json()
    assert answer["api_domain"] == zoho.served.base_url
    assert answer["expires_in"] == 3600
    assert {"access_token", "refresh_token"} <= answer.keys()


def test_a_code_works_once(zoho: Zoho) -> None:
    code = zoho.code()
    assert "access_token" in zoho.exchange(code).json()
    again = zoho.exchange(code)
    assert (again.status_code, again.json()) == (200, {"error": "invalid_code"})


def test_a_code_dies_after_three_minutes(zoho: Zoho) -> None:
    code = zoho.code()
    zoho.served.clock.advance(180)
    assert zoho.exchange(code).json() == {"error": "invalid_code"}


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"client_id": "1000.OTHER"}, "invalid_client"),
        ({"client_secret": "wrong"}, "invalid_client_secret"),
        ({"code": "1000.made.up"}, "invalid_code"),
    ],
)
def test_errors_come_as_http_200(zoho: Zoho, changed: dict[str, str], error: str) -> None:
    answer = zoho.exchange(zoho.code(), changed)
    assert (answer.status_code, answer.json()) == (200, {"error": error})


def test_a_refresh_gives_an_access_token_and_no_new_refresh_token(zoho: Zoho) -> None:
    answer = zoho.refresh().json()
    assert "refresh_token" not in answer
    zoho.use(answer["access_token"])
    assert zoho.call("GET", "contacts").status_code == 200


def test_an_access_token_dies_after_an_hour(zoho: Zoho) -> None:
    zoho.served.clock.advance(3600)
    assert code_of(zoho.call("GET", "contacts")) == (401, 57)


def test_the_eleventh_token_in_ten_minutes_is_denied_until_the_window_has_passed(zoho: Zoho) -> None:
    for _ in range(9):
        assert "access_token" in zoho.refresh().json()
    denied = zoho.refresh()
    assert denied.status_code == 400
    assert denied.json()["error"] == "Access Denied"
    assert denied.json()["status"] == "failure"
    zoho.served.clock.advance(601)
    assert "access_token" in zoho.refresh().json()


def test_the_eleventh_live_access_token_kills_the_oldest(zoho: Zoho) -> None:
    for _ in range(9):
        zoho.refresh()
    assert zoho.call("GET", "contacts").status_code == 200
    zoho.served.clock.advance(601)
    zoho.refresh()
    assert code_of(zoho.call("GET", "contacts")) == (401, 57)


def test_the_twenty_first_refresh_token_silently_kills_the_oldest(zoho: Zoho) -> None:
    for _ in range(20):
        zoho.exchange(zoho.code())
    dead = zoho.refresh()
    assert (dead.status_code, dead.json()) == (200, {"error": "invalid_code"})


def test_parameters_are_taken_from_the_query_and_the_ledger_notes_it_without_the_secret(zoho: Zoho) -> None:
    query = {"grant_type": "authorization_code", "client_id": CLIENT, "client_secret": SECRET, "code": zoho.code()}
    assert "access_token" in zoho.http.post("/oauth/v2/token", params=query).json()
    entry = zoho.served.ledger.entries[-1]
    assert entry.notes == ["secrets in the query"]
    assert SECRET not in json.dumps(entry.public())


@pytest.mark.parametrize(
    ("scopes", "status"),
    [
        (("ZohoBooks.contacts.ALL",), 201),
        (("ZohoBooks.contacts.CREATE",), 201),
        (("ZohoBooks.fullaccess.all",), 201),
        (("ZohoBooks.contacts.READ", "ZohoBooks.invoices.ALL"), 401),
        (("ZohoBooks.FullAccess.All",), 401),
    ],
)
def test_a_route_needs_its_scope(zoho: Zoho, scopes: tuple[str, ...], status: int) -> None:
    zoho.use(zoho.exchange(zoho.code(scopes)).json()["access_token"])
    answer = zoho.call("POST", "contacts", {"contact_name": "Acme"})
    assert answer.status_code == status
    assert answer.json()["code"] == (0 if status == 201 else 57)


def test_no_token_is_14_and_a_foreign_organisation_is_57(zoho: Zoho) -> None:
    assert code_of(zoho.call("GET", "contacts", organization_id="1")) == (401, 57)
    del zoho.http.headers["Authorization"]
    assert code_of(zoho.call("GET", "contacts")) == (401, 14)


def test_a_revoked_refresh_token_is_dead_with_its_access_tokens_and_others_live_on(zoho: Zoho) -> None:
    oauth = zoho.served.twin.state.oauth
    other = zoho.exchange(zoho.code()).json()
    zoho.served.call(lambda: oauth.revoke(zoho.tokens["refresh_token"]))

    assert zoho.refresh().json() == {"error": "invalid_code"}
    assert oauth.access(zoho.tokens["access_token"]) is None
    assert oauth.access(other["access_token"]) is not None


def test_a_token_that_dies_while_calls_take_their_time_is_dead_for_all_of_them(zoho: Zoho) -> None:
    zoho.served.twin.latency = 5.0
    with ThreadPoolExecutor() as callers:
        calls = [callers.submit(zoho.call, "GET", "contacts") for _ in range(3)]
        deadline = time.monotonic() + 20
        while zoho.served.ledger.in_flight(ORGANIZATION) < 3:
            assert time.monotonic() < deadline, "the calls do not arrive"
            time.sleep(0.01)
        zoho.served.call(zoho.served.twin.revoke_tokens)
        zoho.served.clock.advance(5.0)
        assert {code_of(call.result()) for call in calls} == {(401, 57)}


def test_the_ledger_tells_refresh_tokens_apart_without_knowing_them(zoho: Zoho) -> None:
    zoho.refresh()
    second = zoho.exchange(zoho.code()).json()["refresh_token"]
    zoho.refresh(second)
    asked = [entry for entry in zoho.served.ledger.entries if entry.kind == "oauth.token"]
    assert [(entry.ids["grant_type"], entry.ids["refresh_token"]) for entry in asked] == [
        ("authorization_code", "#0"),
        ("refresh_token", "#1"),
        ("authorization_code", "#0"),
        ("refresh_token", "#2"),
    ]
    assert second not in json.dumps([entry.public() for entry in asked])
