"""Connections over the API, against the twins: added, tested, renamed, rotated, paused, removed; faults all at once."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from pipeline.control.secrets import open_secrets
from pipeline.control.snapshot import credentials_hash
from pipeline.schemas.records import Link
from tests.e2e.twins import ACCOUNT_FIELD, INVOICE_FIELD, Twins, twins
from tests.gateway.api.conftest import Served

URL = "/api/v1/connections"
FIRST, SECOND, THIRD = "FirstWebhookSecret1", "SecondWebhookSecret2", "ThirdWebhookSecret3"


@pytest.fixture(scope="module")
def both() -> Iterator[Twins]:
    with twins() as made:
        yield made


def togai(both: Twins, name: str, **more: Any) -> dict[str, Any]:
    secrets = {"api_token": both.config.togai.tokens[0]}
    return {"app": "togai", "name": name, "settings": {"base_url": both.togai.base_url}, "secrets": secrets, **more}


def books(both: Twins, name: str, **more: Any) -> dict[str, Any]:
    client, url = both.config.zohobooks.clients[0], both.books.base_url
    return {
        "app": "zohobooks",
        "name": name,
        "settings": {"organization_id": both.organization, "accounts_url": url, "api_url": url},
        "secrets": {
            "client_id": client.id,
            "client_secret": client.secret,
            "self_client_code": both.code(),
            "webhook_secret": FIRST,
        },
        **more,
    }


def good(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()


def faults(answer: httpx.Response, code: str = "invalid") -> dict[str, str]:
    """By place."""
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    return {error["place"]: error["message"] for error in answer.json()["errors"]}


@pytest.fixture(scope="module")
def added(served: Served, both: Twins) -> dict[str, Any]:
    """One of each app; what adding answered."""
    return {
        "togai": good(served.client.post(URL, json=togai(both, "Togai, of Acme")), 201),
        "books": good(served.client.post(URL, json=books(both, "Books main", id="books-main")), 201),
    }


def test_what_is_added_is_exchanged_checked_stored_and_listed_with_what_it_lacks(
    served: Served, both: Twins, added: dict[str, Any]
) -> None:
    assert (added["togai"]["id"], added["togai"]["works"]) == ("togai-of-acme", True), "an id made of the name"
    assert [check["name"] for check in added["books"]["checks"]] == [
        *("organization", "currencies", "contact_field", "invoice_field", "payment_field", "credit_note_field"),
        *("contacts", "invoices"),
    ]
    listed = {row["id"]: row for row in good(served.client.get(URL))}
    assert listed["togai-of-acme"]["name"] == "Togai, of Acme"
    shown = good(served.client.get(f"{URL}/books-main"))
    assert (shown["state"], shown["links"], shown["paused"]) == ("running", [], False)
    assert "client_secret" in shown["secrets"], "their names"
    assert [row["id"] for row in good(served.client.get(URL, params={"app": "zohobooks"}))] == ["books-main"]

    again = good(served.client.post(URL, json=togai(both, "Togai, of Acme")), 201)
    assert again["id"] == "togai-of-acme-2", "many per app; each has an id of its own"
    assert served.client.delete(f"{URL}/{again['id']}").status_code == 204
    taken = served.client.post(URL, json=books(both, "Other", id="books-main"))
    assert (taken.status_code, taken.json()["code"]) == (409, "conflict")


def test_everything_wrong_is_said_at_once_with_its_place_and_nothing_is_stored(served: Served, both: Twins) -> None:
    wrong = books(both, "Wrong", id="no spaces here")
    wrong["settings"] |= {"plan": "gold", "qouta": 1}
    wrong["secrets"] = {"client_id": "1000.X", "webhook_secret": "short", "pasword": "p"}
    wrong.pop("id")
    said = faults(served.client.post(URL, json={**wrong, "id": "-"}))
    assert list(said) == ["body.id"], "the form comes first"

    said = faults(served.client.post(URL, json=wrong))
    assert set(said) == {
        *("body.settings.plan", "body.settings.qouta"),
        *(f"body.secrets.{name}" for name in ("client_secret", "self_client_code", "webhook_secret", "pasword")),
    }
    assert "has no secret 'pasword'" in said["body.secrets.pasword"]
    assert "Self Client" in said["body.secrets.client_secret"]

    form = faults(served.client.post(URL, json={"name": "", "settings": [], "secret": {}}))
    assert set(form) == {"body.app", "body.name", "body.settings", "body.secret"}
    assert set(faults(served.client.post(URL, json={"app": "slack", "name": "Slack"}))) == {"body.app"}
    for content in (b"{not json", b'"text"', b"[]"):
        answer = served.client.post(URL, content=content, headers={"Content-Type": "application/json"})
        assert set(faults(answer)) == {"body"}, content
    assert not [row for row in good(served.client.get(URL)) if row["name"] in ("Wrong", "Slack")]


def test_an_app_that_refuses_the_credentials_is_told_in_its_own_words_and_one_that_is_away_is_tried_later(
    served: Served, both: Twins
) -> None:
    wrong = books(both, "Refused")
    wrong["secrets"]["self_client_code"] = "1000.never-given"
    answer = served.client.post(URL, json=wrong)
    assert (answer.status_code, answer.json()["code"]) == (422, "refused")
    assert "make a new one with 'Generate Code'" in answer.json()["message"]

    away = books(both, "Away")
    away["settings"]["accounts_url"] = "http://127.0.0.1:1"
    answer = served.client.post(URL, json=away)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), answer.text
    assert set(answer.json()) == {"code", "message", "errors"}
    assert answer.headers["retry-after"]
    assert not [row for row in good(served.client.get(URL)) if row["name"] in ("Refused", "Away")]


def test_a_test_runs_every_check_and_each_that_fails_says_what_to_mend(
    served: Served, both: Twins, added: dict[str, Any]
) -> None:
    assert good(served.client.post(f"{URL}/books-main/test"))["works"] is True
    both.remove_fields()
    try:
        tested = good(served.client.post(f"{URL}/books-main/test"))
    finally:
        for field in both.config.zohobooks.organizations[0].custom_fields:
            if field.api_name in (ACCOUNT_FIELD, INVOICE_FIELD):
                both.define(both.organization, field)
    remedies = {check["name"]: check["remedy"] for check in tested["checks"] if check["remedy"]}
    assert (tested["works"], set(remedies)) == (False, {"contact_field", "invoice_field"}), "it goes on after the first"
    assert "cf_togai_account_id does not exist" in remedies["contact_field"]
    assert "cf_togai_invoice_id does not exist" in remedies["invoice_field"]
    assert all(check["tried"] for check in tested["checks"])


def test_a_new_name_is_shown_and_the_id_stays(served: Served, added: dict[str, Any]) -> None:
    shown = good(served.client.put(f"{URL}/books-main/name", json={"name": "  Books of Acme "}))
    assert (shown["id"], shown["name"]) == ("books-main", "Books of Acme")
    assert set(faults(served.client.put(f"{URL}/books-main/name", json={"name": "x" * 81}))) == {"body.name"}
    assert served.client.put(f"{URL}/nobody/name", json={"name": "x"}).status_code == 404


def test_a_pause_and_a_resume_are_written_and_what_a_link_uses_is_not_removed(
    served: Served, added: dict[str, Any]
) -> None:
    assert good(served.client.post(f"{URL}/books-main/pause"))["state"] == "paused"
    assert served.parts.control().connection("books-main").paused
    assert good(served.client.post(f"{URL}/books-main/resume"))["state"] == "running"

    link = Link(id="accounts", flow="f", flow_version="1", connections={"zohobooks": "books-main"}, enabled=False)
    served.parts.store().write([link])
    refused = served.client.delete(f"{URL}/books-main")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert "used by link accounts" in refused.json()["message"]
    assert good(served.client.get(f"{URL}/books-main"))["links"] == ["accounts"]
    served.parts.store().remove([link])
    for verb, path in (("GET", ""), ("DELETE", ""), ("POST", "/pause"), ("POST", "/rotate"), ("GET", "/hooks")):
        answer = served.client.request(verb, f"{URL}/nobody{path}", json={"hooks": True} if verb == "POST" else None)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_there"), path
        assert "there are: books-main" in answer.json()["message"]


def test_other_credentials_are_tried_first_and_those_that_fail_leave_what_was_stored(
    served: Served, both: Twins, added: dict[str, Any]
) -> None:
    id = added["togai"]["id"]
    before = served.parts.control().connection(id)
    wrong = served.client.post(f"{URL}/{id}/rotate", json={"secrets": {"api_token": "no-token-of-togai"}})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "mistake")
    assert "what was stored stays" in wrong.json()["message"]
    assert served.parts.control().connection(id) == before

    same = good(served.client.post(f"{URL}/{id}/rotate", json={"secrets": {"api_token": both.config.togai.tokens[0]}}))
    assert same["what"] == "unchanged"
    said = faults(served.client.post(f"{URL}/{id}/rotate", json={"secrets": {"api_token": " ", "pin": "1"}}))
    assert set(said) == {"body.secrets.api_token", "body.secrets.pin"}
    assert set(faults(served.client.post(f"{URL}/{id}/rotate", json={}))) == {"body.secrets"}

    code = {"self_client_code": both.code()}
    assert good(served.client.post(f"{URL}/books-main/rotate", json={"secrets": code}))["what"] == "update"
    kept = open_secrets("books-main", served.parts.control().connection("books-main").secrets, served.parts.box())
    assert (kept["client_id"], kept["webhook_secret"]) == (both.config.zohobooks.clients[0].id, FIRST), (
        "what was not given"
    )


def test_while_a_webhook_secret_is_rotated_both_are_good_and_then_the_new_one_alone(
    served: Served, both: Twins, added: dict[str, Any]
) -> None:
    def told(secret: str) -> int:
        body = b'{"contact": {"contact_id": "460000000026049"}}'
        signature = hmac.new(secret.encode(), b"eventcontact.updated" + body, hashlib.sha256).hexdigest()
        headers = {"X-Zoho-Webhook-Signature": signature, "Content-Type": "application/json"}
        path = "/hooks/zohobooks/books-main?event=contact.updated"
        return served.stranger.post(path, content=body, headers=headers).status_code

    def rotate(secret: str, **more: Any) -> None:
        good(served.client.post(f"{URL}/books-main/rotate", json={"secrets": {"webhook_secret": secret}, **more}))

    assert (told(FIRST), told(SECOND)) == (202, 401)
    known = credentials_hash(served.parts.control().connection("books-main"))
    calls = both.books.ledger.entries
    before = len(calls)
    rotate(SECOND)
    assert (told(FIRST), told(SECOND)) == (202, 202)
    assert len(both.books.ledger.entries) == before, "Zoho is not asked"
    rotate(THIRD)
    assert (told(FIRST), told(SECOND), told(THIRD)) == (401, 202, 202), "two at the most"
    good(served.client.post(f"{URL}/books-main/finish"))
    assert (told(SECOND), told(THIRD)) == (401, 202)
    rotate(FIRST, keep_old=False)
    assert (told(FIRST), told(THIRD)) == (202, 401)
    assert credentials_hash(served.parts.control().connection("books-main")) == known, "its owner keeps its token"
    bad = served.client.post(f"{URL}/books-main/rotate", json={"secrets": {"webhook_secret": "too-short"}})
    assert set(faults(bad)) == {"body.secrets.webhook_secret"}


def test_while_webhook_addresses_are_rotated_both_are_good_and_then_the_new_one_alone(
    served: Served, added: dict[str, Any]
) -> None:
    id = added["togai"]["id"]

    def address() -> str:
        hooks = good(served.client.get(f"{URL}/{id}/hooks"))["hooks"]
        return next(str(hook["path"]) for hook in hooks if hook["kind"] == "account.created")

    def told(path: str) -> int:
        return served.stranger.post(path, json={"payload": {"id": "acme"}}).status_code

    first = address()
    assert told(first) == 202
    good(served.client.post(f"{URL}/{id}/rotate", json={"hooks": True}))
    second = address()
    assert second != first
    assert (told(first), told(second)) == (202, 202)
    good(served.client.post(f"{URL}/{id}/finish"))
    assert (told(first), told(second)) == (404, 202)
    assert address() == second
    good(served.client.post(f"{URL}/{id}/finish"))
    assert told(second) == 202, "to finish twice ends nothing more"
