"""The ledger and the counts by which tests judge."""

from __future__ import annotations

import json

from pipeline.sandbox.config import CustomField
from pipeline.sandbox.remote import RemoteZohoBooks
from pipeline.sandbox.wire import decode, encode
from tests.sandbox.support import SECRET, TOKEN, Togai, Zoho


def test_an_entry_says_who_asked_what_and_what_came_of_it(zoho: Zoho) -> None:
    zoho.upsert("contacts", "cf_togai_account_id", "acme", {"contact_name": "Acme"})
    with RemoteZohoBooks(zoho.served.base_url) as remote:
        (entry,) = remote.ledger(writes=True)
    assert entry["kind"] == "contacts.upsert"
    assert entry["organization"] == zoho.books.config.id
    assert entry["headers"]["x-unique-identifier-value"] == "acme"
    assert (entry["status"], entry["code"], entry["in_flight"]) == (200, 0, 1)
    assert entry["started"] <= entry["ended"]
    (applied,) = entry["applied"]
    assert (applied["action"], applied["kind"], applied["key"]) == ("created", "contacts", "acme")
    assert applied["id"] in zoho.books.contacts.records


def test_a_refused_write_is_a_writing_call_that_applied_nothing(zoho: Zoho) -> None:
    zoho.call("POST", "contacts", {})
    (entry,) = zoho.served.ledger.since(writes=True)
    assert (entry.status, entry.applied) == (400, [])
    assert zoho.served.twin.counts()["writing_calls"] == 1


def test_a_call_that_breaks_the_twin_is_a_500_in_the_ledger_too(zoho: Zoho) -> None:
    zoho.served.call(lambda: setattr(zoho.books.contacts, "named", None))
    answer = zoho.call("POST", "contacts", {"contact_name": "Acme"})
    assert answer.status_code == 500
    assert zoho.served.ledger.entries[-1].status == 500
    assert len(zoho.books.contacts) == 0
    assert zoho.served.ledger.in_flight(zoho.books.config.id) == 0


def test_reads_and_token_calls_are_no_writing_calls(zoho: Zoho) -> None:
    zoho.refresh()
    zoho.call("GET", "contacts")
    assert zoho.served.ledger.since(writes=True) == []
    assert zoho.served.ledger.since(1)[0].kind == "oauth.token"


def test_no_secret_is_in_a_ledger(zoho: Zoho, togai: Togai) -> None:
    zoho.refresh()
    zoho.call("GET", "contacts")
    togai.call("GET", "/accounts")
    written = json.dumps([entry.public() for entry in (*zoho.served.ledger.entries, *togai.served.ledger.entries)])
    for secret in (SECRET, TOKEN, zoho.tokens["access_token"], zoho.tokens["refresh_token"]):
        assert secret not in written


def test_counts_show_objects_effects_and_duplicates_by_unique_key(zoho: Zoho) -> None:
    zoho.upsert("contacts", "cf_togai_account_id", "acme", {"contact_name": "Acme"})
    with RemoteZohoBooks(zoho.served.base_url) as remote:
        assert remote.counts()["duplicates"] == 0
        zoho.served.call(
            lambda: zoho.books.define(CustomField(entity="contact", api_name="cf_togai_account_id", unique=False))
        )
        body = {
            "contact_name": "Acme again",
            "custom_fields": [{"api_name": "cf_togai_account_id", "value": "acme"}],
        }
        zoho.call("POST", "contacts", body)
        counts = remote.counts()
    assert (counts["contacts"], counts["duplicates"]) == (2, 1)
    assert counts["effects"] == {"contacts": {"created": 2}}
    assert counts["calls_by_kind"]["contacts.upsert"] == 1


def test_numbers_keep_their_digits_on_the_wire() -> None:
    text = b'{"a":1138.70,"b":0.1,"c":460000000000026001,"d":-0.005}'
    assert encode(decode(text)) == text
