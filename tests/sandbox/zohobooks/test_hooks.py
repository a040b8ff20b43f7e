"""The twin's webhooks: of every change, in every body, lost, repeated and reordered as a test wants it."""

from __future__ import annotations

import time
from collections import Counter

from pipeline.sandbox.config import ZohoHook
from pipeline.sandbox.remote import RemoteZohoBooks
from pipeline.sandbox.zohobooks.hooks import HookFaults, delivery, kind_of
from tests.apps.receiver import receiving
from tests.sandbox.support import ORGANIZATION, Zoho

SECRET = "secrettoken1234"


def settled(remote: RemoteZohoBooks) -> dict[str, int]:
    """The counters once nothing is under way."""
    deadline = time.monotonic() + 10
    while (counters := remote.hook_counters(ORGANIZATION))["waiting"]:
        assert time.monotonic() < deadline, counters
        time.sleep(0.01)
    return counters


def test_a_delivery_is_signed_over_sorted_pairs_and_the_body() -> None:
    payload = {"invoice": {"invoice_id": "7"}, "organization_id": "1"}
    plain = delivery(ZohoHook(kind="*", url="http://x/h", secret=SECRET), "invoice.paid", payload)
    other = delivery(ZohoHook(kind="*", url="http://x/h?b=2&a=1", secret=SECRET), "invoice.paid", payload)
    assert plain.headers["X-Zoho-Webhook-Signature"] != other.headers["X-Zoho-Webhook-Signature"]
    assert "X-Zoho-Webhook-Signature" not in delivery(ZohoHook(kind="*", url="http://x"), "a", payload).headers


def test_a_change_of_status_is_told_as_such_and_one_without_change_is_not() -> None:
    sent, paid = {"status": "sent", "last_modified_time": "1"}, {"status": "paid", "last_modified_time": "2"}
    assert kind_of("invoices", None, sent) == "invoice.created"
    assert kind_of("invoices", sent, paid) == "invoice.paid"
    assert kind_of("invoices", sent, {**sent, "notes": "x"}) == "invoice.updated"
    assert kind_of("invoices", sent, {**sent, "last_modified_time": "3"}) == ""
    assert kind_of("customerpayments", paid, None) == "payment.deleted"
    assert kind_of("items", None, {}) == ""


def test_webhooks_are_told_to_those_who_asked_and_counted(zoho: Zoho) -> None:
    remote = RemoteZohoBooks(zoho.served.base_url)
    with receiving() as there, remote:
        remote.add_hook(ORGANIZATION, ZohoHook(kind="*", url=there.url + "/{kind}"))
        remote.add_hook(ORGANIZATION, ZohoHook(kind="contact.inactive", url=there.url + "/only", body="form"))
        id_ = zoho.contact()
        answer = remote.by_hand(ORGANIZATION, "POST", f"contacts/{id_}/inactive")
        assert answer["code"] == 0
        taken = there.until(lambda each: len(each) == 3, "three webhooks")
        assert Counter(each.path for each in taken) == {"/contact.created": 1, "/contact.inactive": 1, "/only": 1}
        assert settled(remote)["delivered"] == 3
    assert zoho.served.ledger.entries[-1].kind == "person.contacts.inactive"
    assert not zoho.served.ledger.entries[-1].writing


def test_webhooks_are_lost_repeated_and_reordered_by_chance(zoho: Zoho) -> None:
    remote = RemoteZohoBooks(zoho.served.base_url)
    with receiving() as there, remote:
        remote.add_hook(ORGANIZATION, ZohoHook(kind="*", url=there.url))
        remote.hook_faults(ORGANIZATION, HookFaults(drop=0.3, duplicate=0.3, reorder=50, seed=7))
        for number in range(30):
            zoho.contact(f"Customer {number}")
        assert there.taken == []
        remote.flush_hooks(ORGANIZATION)
        counters = settled(remote)
        assert counters["dropped"] > 0
        assert counters["queued"] == counters["delivered"] == len(there.taken)
        assert counters["queued"] > 30 - counters["dropped"]


def test_nobody_there_is_a_failed_delivery_and_no_second_try(zoho: Zoho) -> None:
    remote = RemoteZohoBooks(zoho.served.base_url)
    with remote:
        remote.add_hook(ORGANIZATION, ZohoHook(kind="*", url="http://127.0.0.1:9/gone"))
        zoho.contact()
        assert settled(remote)["failed"] == 1
