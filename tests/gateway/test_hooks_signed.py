"""Signed webhooks: who is taken at their word that they wrote it, who is not, and what becomes of each delivery."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from pipeline.control.secrets import secret_name
from pipeline.gateway.body import MAX_BODY_BYTES
from pipeline.gateway.hooks import hook_path, signed_path
from pipeline.sandbox.config import ZohoHook
from pipeline.sandbox.zohobooks.hooks import delivery
from pipeline.schemas.records import Connection
from tests.gateway.conftest import BOX, CONTROL, Gateway

OLD, NEW = "oldSecret123456", "newSecret123456"
WHSEC, NEXT = ("whsec_" + base64.b64encode(bytes([n] * 32)).decode() for n in (1, 2))
ORGANIZATION = "10234695"
CONTACT = {
    "contact_id": "4600",
    "contact_type": "customer",
    "contact_name": "Acme",
    "last_modified_time": "2026-01-02T03:04:05+0530",
}
PAYMENT = {"payment_id": "77", "customer_id": "4600", "amount": 10, "last_modified_time": "2026-01-02T03:04:05+0530"}
ACCOUNT = {"id": "acc-1", "togaiAccountId": "acc.20S8", "name": "Acme", "updatedAt": "2026-01-02T03:04:05.000Z"}


def with_secrets(app: str, id_: str, secret: str, **settings: str) -> Connection:
    sealed = {"webhook_secret": BOX.seal(secret_name(id_, "webhook_secret"), secret)} if secret else {}
    return Connection(id=id_, app=app, settings=settings, secrets=sealed)


BOOKS = with_secrets("zohobooks", "books-1", f"{NEW}, {OLD}", organization_id=ORGANIZATION)
SECRETLESS = with_secrets("zohobooks", "books-2", "", organization_id=ORGANIZATION)
LOCKED = Connection(
    id="books-3", app="zohobooks", settings=BOOKS.settings, secrets={"webhook_secret": BOOKS.secrets["webhook_secret"]}
)
TOGAI = with_secrets("togai", "togai-1", f"{WHSEC},{NEXT}")
UNSIGNED = with_secrets("togai", "togai-2", "")


@pytest.fixture(autouse=True)
def connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside those that the gateway knows."""
    more = {each.id: each for each in (BOOKS, SECRETLESS, LOCKED, TOGAI, UNSIGNED)}
    monkeypatch.setattr("tests.gateway.conftest.CONTROL", replace(CONTROL, connections={**CONTROL.connections, **more}))


def zoho(
    gateway: Gateway,
    payload: Any,
    *,
    kind: str = "",
    body: str = "default",
    secret: str = OLD,
    connection: str = "books-1",
) -> httpx.Response:
    """A webhook as Zoho sends and signs it."""
    url = str(gateway.client.base_url) + signed_path("zohobooks", connection, kind)
    made = delivery(ZohoHook(kind="*", url=url, body=body, secret=secret), kind, payload)  # type: ignore[arg-type]
    return gateway.client.post(made.url, content=made.body, headers=made.headers)


def standard(
    gateway: Gateway,
    body: bytes,
    *,
    id_: str = "msg_1",
    secret: str = WHSEC,
    age: float = 0.0,
    kind: str = "account.created",
    connection: str = "togai-1",
    **changed: str,
) -> httpx.Response:
    """A webhook as Standard Webhooks says, signed by its own library `age` seconds ago; `changed` headers."""
    at = datetime.now(UTC) - timedelta(seconds=age)
    headers = {
        "webhook-id": id_,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(id_, at, body.decode()),
        "content-type": "application/json",
        **{name.replace("_", "-"): value for name, value in changed.items()},
    }
    return gateway.client.post(signed_path("togai", connection, kind), content=body, headers=headers)


def payload(**record: Any) -> dict[str, Any]:
    return {**record, "organization_id": ORGANIZATION}


# --- Zoho Books -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", ["default", "form", "jsonstring"])
@pytest.mark.parametrize("secret", [OLD, NEW])
def test_a_webhook_signed_with_any_of_the_secrets_is_a_hint_in_every_form_of_body(
    gateway: Gateway, body: str, secret: str
) -> None:
    answer = zoho(gateway, payload(contact=CONTACT), kind="contact.created", body=body, secret=secret)

    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    [(key, event)] = gateway.events("zohobooks")
    assert key == b"books-1/4600"
    assert (event.type, event.subject, event.hint) == ("zohobooks.contact.created", "4600", True)
    assert (event.source, event.sourceversion) == ("zohobooks/books-1", "2026-01-01T21:34:05Z")


def test_the_address_names_the_kind_and_without_it_the_object_does(gateway: Gateway) -> None:
    for kind in ("payment.deleted", ""):
        assert zoho(gateway, payload(customer_payment=PAYMENT), kind=kind).status_code == 202

    assert {event.type for _, event in gateway.events("zohobooks")} == {
        "zohobooks.payment.deleted",
        "zohobooks.payment.recorded",
    }


def test_the_same_signed_body_again_is_the_same_event_and_another_version_is_another(gateway: Gateway) -> None:
    later = CONTACT | {"last_modified_time": "2026-01-02T03:04:06+0530"}
    ids = [zoho(gateway, payload(contact=each)).json()["ids"] for each in (CONTACT, CONTACT, later)]

    assert ids[0] == ids[1] != ids[2]


def test_a_body_that_tells_no_version_is_another_event_each_time_because_the_object_may_have_changed(
    gateway: Gateway,
) -> None:
    ids = [zoho(gateway, payload(contact={"contact_id": "4600"})).json()["ids"] for _ in range(2)]

    assert ids[0] != ids[1]


@pytest.mark.parametrize(
    "record",
    [
        {"salesorder": {"salesorder_id": "1"}},
        {"contact": CONTACT | {"contact_type": "vendor"}},
    ],
)
def test_unknown_modules_and_vendors_are_taken_and_give_no_event(gateway: Gateway, record: dict[str, Any]) -> None:
    answer = zoho(gateway, payload(**record))

    assert (answer.status_code, answer.json()) == (202, {"accepted": 0, "ids": []})
    assert not gateway.events("zohobooks")
    assert not gateway.dead_letters()


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"secret": "another1234567"}, "wrong_signature"),
        ({"secret": ""}, "no_signature"),
        ({"connection": "books-2"}, "no_secret"),
        ({"payload": {"contact": CONTACT, "organization_id": "7"}}, "organization"),
        ({"payload": {"contact": CONTACT | {"organization_id": "7"}}}, "organization"),
    ],
)
def test_what_is_not_from_zoho_for_this_organisation_is_turned_away_and_nothing_of_it_is_kept(
    gateway: Gateway, sent: dict[str, Any], code: str
) -> None:
    answer = zoho(gateway, **{"payload": payload(contact=CONTACT), **sent})

    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert not gateway.events("zohobooks")
    assert not gateway.dead_letters()


@pytest.mark.parametrize("change", ["body", "query", "event"])
def test_a_signature_is_good_for_what_it_was_made_of_alone(gateway: Gateway, change: str) -> None:
    url = signed_path("zohobooks", "books-1", "contact.created")
    made = delivery(ZohoHook(kind="*", url=url, secret=OLD), "", payload(contact=CONTACT))
    url = {"query": f"{url}&more=1", "event": url.replace("created", "updated")}.get(change, url)

    answer = gateway.client.post(url, content=made.body + b" " * (change == "body"), headers=made.headers)

    assert (answer.status_code, answer.json()["code"]) == (401, "wrong_signature")


@pytest.mark.parametrize(
    "path",
    [
        signed_path("zohobooks", "nobody"),
        signed_path("zohobooks", "togai-1"),
        signed_path("togai", "books-1"),
        signed_path("slack", "books-1"),
        hook_path("zohobooks", "books-1", "contact.created", BOX),
    ],
)
def test_every_wrong_address_is_the_same_answer_and_an_app_that_signs_has_none_without(
    gateway: Gateway, path: str
) -> None:
    answer = gateway.client.post(path, content=b"{}")

    assert (answer.status_code, answer.json()["message"]) == (404, "there is no such hook")


@pytest.mark.parametrize(
    ("kind", "record", "code"),
    [("contact.deleted", {"contact": CONTACT}, "unknown_trigger"), ("", {"contact": {}}, "no_subject")],
)
def test_a_genuine_body_that_cannot_be_read_is_kept_whole_as_a_dead_letter(
    gateway: Gateway, kind: str, record: dict[str, Any], code: str
) -> None:
    kind = kind or "contact.created"

    answer = zoho(gateway, payload(**record), kind=kind)

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    [letter] = gateway.dead_letters()
    assert json.loads(letter.value or b"") == payload(**record)
    assert (letter.cause.code, letter.headers) == (code, [("hook", f"zohobooks/books-1/{kind}".encode())])


def test_ten_megabytes_are_refused_before_they_are_held_whatever_length_is_announced(gateway: Gateway) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(10):
            yield b" " * 1024 * 1024

    for content in (b" " * (MAX_BODY_BYTES + 1), chunks()):
        answer = gateway.client.post(signed_path("zohobooks", "books-1"), content=content)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_an_object_too_large_for_a_record_is_still_a_hint_because_it_is_fetched_anyway(gateway: Gateway) -> None:
    assert zoho(gateway, payload(contact=CONTACT | {"notes": "x" * 2_000_000})).status_code == 202

    [(key, event)] = gateway.events("zohobooks")
    assert (key, event.subject, event.data) == (b"books-1/4600", "4600", None)


def test_a_secret_whose_key_is_not_there_is_a_reason_to_send_again_and_not_a_forgery(gateway: Gateway) -> None:
    answer = zoho(gateway, payload(contact=CONTACT), connection="books-3")

    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert "Retry-After" in answer.headers


# --- Standard Webhooks ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", [WHSEC, NEXT])
def test_a_standard_webhook_signed_with_any_of_the_secrets_is_a_hint(gateway: Gateway, secret: str) -> None:
    answer = standard(gateway, json.dumps(ACCOUNT).encode(), secret=secret)

    assert answer.status_code == 202
    [(key, event)] = gateway.events()
    assert (key, event.type, event.subject, event.hint) == (b"togai-1/acc-1", "togai.account.created", "acc-1", True)


def test_a_message_sent_again_is_the_same_event_because_its_sender_named_it(gateway: Gateway) -> None:
    body = json.dumps({"id": "acc-1"}).encode()
    ids = [standard(gateway, body, id_=id_).json()["ids"] for id_ in ("msg_1", "msg_1", "msg_2")]

    assert ids[0] == ids[1] != ids[2]


def test_of_several_signatures_one_good_one_is_enough_and_others_are_passed_over(gateway: Gateway) -> None:
    body, at = json.dumps(ACCOUNT).encode(), datetime.now(UTC)
    good = Webhook(NEXT).sign("msg_1", at, body.decode())
    foreign = Webhook("whsec_" + base64.b64encode(b"x" * 32).decode()).sign("msg_1", at, body.decode())

    answer = standard(gateway, body, webhook_signature=f"v1a,AAAA rubbish {foreign} {good}")

    assert answer.status_code == 202


@pytest.mark.parametrize(
    ("sent", "code", "why"),
    [
        ({"age": 600}, "wrong_signature", "timestamp too old"),
        ({"age": -600}, "wrong_signature", "timestamp too new"),
        ({"secret": "whsec_" + base64.b64encode(b"x" * 32).decode()}, "wrong_signature", "no matching signature"),
        ({"webhook_id": "msg_2"}, "wrong_signature", "no matching signature"),
        ({"webhook_signature": "v1"}, "wrong_signature", "no matching signature"),
        ({"webhook_timestamp": "soon"}, "wrong_signature", "invalid signature headers"),
        ({"webhook_signature": ""}, "no_signature", "send webhook-id, webhook-timestamp and webhook-signature"),
        ({"connection": "togai-2"}, "no_secret", "has no webhook_secret"),
    ],
)
def test_a_forged_old_or_unsigned_message_is_turned_away_with_one_clear_answer(
    gateway: Gateway, sent: dict[str, Any], code: str, why: str
) -> None:
    answer = standard(gateway, json.dumps(ACCOUNT).encode(), **sent)

    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert why in answer.json()["message"]
    assert not gateway.events()
    assert not gateway.dead_letters()


def test_a_signed_cloudevent_is_taken_as_its_producer_wrote_it_and_only_for_its_own_connection(
    gateway: Gateway,
) -> None:
    event = {
        "specversion": "1.0",
        "id": "e-1",
        "source": "togai/togai-1",
        "type": "togai.account.created",
        "data": ACCOUNT,
    }
    answers = [
        standard(gateway, json.dumps(event | changed).encode(), content_type="application/cloudevents+json")
        for changed in ({}, {"source": "togai/togai-main"}, {"type": "togai.account.gone"})
    ]

    assert [answer.status_code for answer in answers] == [202, 400, 400]
    assert [answer.json().get("code") for answer in answers[1:]] == ["wrong_connection", "unknown_trigger"]
    [(_, stored)] = gateway.events()
    assert (stored.id, stored.hint, stored.data) == ("e-1", False, ACCOUNT)
    assert [letter.cause.code for letter in gateway.dead_letters()] == ["unknown_trigger"]


# --- what Zoho signs, once more by hand -----------------------------------------------------------------------------


def test_the_signature_is_over_the_sorted_pairs_of_address_and_form(gateway: Gateway) -> None:
    """As a person would compute it, so that the twin and the receiver cannot be wrong in the same way."""
    form = urlencode({"JSONString": json.dumps({"contact": CONTACT}), "a": "1"})
    pairs = sorted([("event", "contact.updated"), ("z", ""), *parse_qsl(form)])
    text = "".join(name + value for name, value in pairs)
    signature = hmac.new(NEW.encode(), text.encode(), hashlib.sha256).hexdigest().upper()

    answer = gateway.client.post(
        "/hooks/zohobooks/books-1?z=&event=contact.updated",
        content=form,
        headers={"content-type": "application/x-www-form-urlencoded", "X-Zoho-Webhook-Signature": signature},
    )

    assert answer.status_code == 202
    [(_, event)] = gateway.events("zohobooks")
    assert event.type == "zohobooks.contact.updated"
