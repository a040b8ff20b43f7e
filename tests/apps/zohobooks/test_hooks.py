"""Webhooks: every body shape comes down to one hint, and a signature is checked over all of its parts."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec
import pytest

from pipeline.apps.zohobooks import app
from pipeline.apps.zohobooks.hooks import signed
from pipeline.errors import Undecodable

SECRET = "secrettoken1234"
BODY = b'{"created_date":"2019-03-06","event_id":"5675"}'
QUERY = [("subscription_id", "90343"), ("name", "basic")]
OVER_ALL = "12797e642017795258798821ff37e2ebb473edd366702330b50eef002f57d8b7"
OVER_BODY = "7da8d2e1455c9a21846b10dfd268f306424be899bc871ca58d32a58f4e081bf7"

CONTACT = {"contact_id": "460000000026049", "contact_name": "Acme", "last_modified_time": "2024-08-03T05:35:12+0530"}
INVOICE = {"invoice_id": 460000000567114, "status": "paid", "customer_id": "460000000026049", "total": 10.5}


@pytest.mark.parametrize(("query", "signature"), [(QUERY, OVER_ALL), ([], OVER_BODY), (QUERY, OVER_ALL.upper())])
def test_a_signature_covers_the_sorted_query_and_the_raw_body(query: list[tuple[str, str]], signature: str) -> None:
    assert signed(SECRET, signature, query=query, body=BODY, form=False)


@pytest.mark.parametrize(
    ("secret", "signature", "query", "body"),
    [
        ("other", OVER_ALL, QUERY, BODY),
        ("", OVER_ALL, QUERY, BODY),
        (SECRET, OVER_BODY, QUERY, BODY),
        (SECRET, OVER_ALL, QUERY[:1], BODY),
        (SECRET, OVER_ALL, QUERY, BODY + b" "),
        (SECRET, "", QUERY, BODY),
        (SECRET, "não", QUERY, BODY),
    ],
)
def test_a_signature_over_anything_else_is_refused(
    secret: str, signature: str, query: list[tuple[str, str]], body: bytes
) -> None:
    assert not signed(secret, signature, query=query, body=body, form=False)


def test_a_form_is_signed_by_its_decoded_pairs_together_with_the_query() -> None:
    form = urlencode({"name": "basic"}).encode()
    as_query = signed(SECRET, _of("namebasicsubscription_id90343"), query=QUERY, body=b"", form=True)
    as_form = signed(SECRET, _of("namebasicsubscription_id90343"), query=QUERY[:1], body=form, form=True)
    assert as_query
    assert as_form


def _of(content: str) -> str:

    return hmac.new(SECRET.encode(), content.encode(), hashlib.sha256).hexdigest()


def shapes(noun: str, record: Mapping[str, object]) -> list[bytes]:
    """One object in every body that Zoho or a person's template sends."""
    text = msgspec.json.encode(record).decode()
    return [
        msgspec.json.encode({noun: record}),
        msgspec.json.encode({"organization_id": "1", noun: record}),
        msgspec.json.encode(record),
        urlencode({"JSONString": msgspec.json.encode({noun: record}).decode()}).encode(),
        urlencode({noun: text, "organization_id": "1"}).encode(),
        urlencode(record).encode(),
    ]


@pytest.mark.parametrize("body", shapes("contact", CONTACT))
def test_a_contact_is_found_in_every_body(body: bytes) -> None:
    (hook,) = app.hooks("contact.updated", body)
    assert (hook.trigger, hook.subject) == ("contact.updated", "460000000026049")
    assert hook.sourceversion == "2024-08-03T00:05:12Z"


@pytest.mark.parametrize("body", shapes("invoice", INVOICE))
def test_an_invoice_is_found_in_every_body_and_its_id_is_text(body: bytes) -> None:
    (hook,) = app.hooks("invoice.paid", body)
    assert (hook.trigger, hook.subject) == ("invoice.paid", "460000000567114")


@pytest.mark.parametrize(
    ("payload", "trigger"),
    [
        ({"contact": CONTACT}, "contact.updated"),
        ({"invoice": INVOICE}, "invoice.paid"),
        ({"invoice": {**INVOICE, "status": "void"}}, "invoice.voided"),
        ({"invoice": {**INVOICE, "status": "sent"}}, "invoice.sent"),
        ({"invoice": {**INVOICE, "status": "draft"}}, "invoice.updated"),
    ],
)
def test_an_address_for_all_kinds_goes_by_the_shape_and_the_status(payload: object, trigger: str) -> None:
    (hook,) = app.hooks("any", msgspec.json.encode(payload))
    assert hook.trigger == trigger


def test_what_no_flow_uses_is_accepted_without_an_event() -> None:
    assert app.hooks("any", b'{"salesorder":{"salesorder_id":"1"}}') == ()


@pytest.mark.parametrize(
    ("kind", "body", "code"),
    [
        ("contact.updated", b'{"contact":{"contact_name":"A"}}', "no_subject"),
        ("contact.updated", b'{"contact":', "not_json"),
        ("contact.updated", b"[]", "wrong_type"),
        ("contact.updated", b" ", "empty"),
        ("contact.updated", b"\xff\xfe", "not_json"),
        ("contact.updated", b"JSONString=%7Bbroken", "not_json"),
        ("contact.deleted", b"{}", "unknown_trigger"),
    ],
)
def test_a_body_that_cannot_be_read_says_why(kind: str, body: bytes, code: str) -> None:
    with pytest.raises(Undecodable) as caught:
        app.hooks(kind, body)
    assert caught.value.code == code
