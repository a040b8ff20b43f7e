"""Invoices: trees, life cycle, payments, credits."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pipeline.sandbox import scenario
from pipeline.sandbox.togai.documents import consolidate, draft, finalize, generate
from pipeline.sandbox.wire import decode
from tests.sandbox.support import Togai


def drafted(togai: Togai, owner: str = "acme", seats: str = "10") -> str:
    """An ongoing invoice of `seats` at 29.95; gives its id."""
    state = togai.served.twin.state
    if owner not in state.accounts:
        togai.customer(owner)
    id_: str = togai.served.call(lambda: draft(state, scenario._seats(owner, seats)))["id"]
    return id_


def generated(togai: Togai, **options: bool) -> str:
    id_ = drafted(togai)
    togai.served.call(lambda: generate(togai.served.twin.state, id_, **options))
    return id_


def got(togai: Togai, id_: str) -> dict[str, Any]:
    invoice: dict[str, Any] = decode(togai.call("GET", f"/invoices/{id_}").content)
    return invoice


def test_a_list_shows_summaries_and_get_the_tree(togai: Togai) -> None:
    id_ = generated(togai)
    row = togai.call("GET", "/invoices", status="DUE").json()["data"][0]
    assert row["id"] == id_
    assert not {"revenueInfo", "usageInfo", "metadata", "info", "autoAdvance"} & row.keys()
    invoice = got(togai, id_)
    assert invoice["totalAmount"] == invoice["revenueInfo"]["value"] == Decimal("299.50")


def test_a_draft_has_no_number_until_it_is_generated(togai: Togai) -> None:
    id_ = drafted(togai)
    assert "sequenceId" not in got(togai, id_)
    togai.served.call(lambda: generate(togai.served.twin.state, id_))
    invoice = got(togai, id_)
    assert (invoice["status"], invoice["finalizingStatus"]) == ("DUE", "FINALIZED")
    assert invoice["sequenceId"].startswith("2026-01-")
    assert invoice["dueDate"] > invoice["invoiceDate"]


def test_finalizing_ends_with_an_update(togai: Togai) -> None:
    id_ = generated(togai, finalizing=True)
    assert got(togai, id_)["finalizingStatus"] == "FINALIZING"
    togai.served.call(lambda: finalize(togai.served.twin.state, id_))
    assert got(togai, id_)["finalizingStatus"] == "FINALIZED"


def test_a_total_of_zero_is_paid_at_once(togai: Togai) -> None:
    togai.customer("kestrel")
    state = togai.served.twin.state
    id_ = togai.served.call(lambda: generate(state, draft(state, scenario._zero())["id"]))["id"]
    assert got(togai, id_)["status"] == "PAID"


@pytest.mark.parametrize(
    ("path", "last"),
    [
        (["PAID", "REFUND_INITIATED"], 200),
        (["VOID"], 200),
        (["UN_COLLECTIBLE", "PAID"], 200),
        (["VOID", "PAID"], 400),
        (["PAID", "VOID"], 400),
        (["REFUND_INITIATED"], 400),
        (["MERGED"], 400),
    ],
)
def test_statuses_move_only_as_the_table_allows(togai: Togai, path: list[str], last: int) -> None:
    id_ = generated(togai)
    answers = [togai.call("PATCH", f"/invoices/{id_}", {"status": status}).status_code for status in path]
    assert answers == [200] * (len(path) - 1) + [last]


def test_only_the_status_of_an_ordinary_invoice_can_be_patched(togai: Togai) -> None:
    assert togai.call("PATCH", f"/invoices/{generated(togai)}", {"lineItems": []}).status_code == 400


def test_members_are_merged_into_a_composite_of_the_group(togai: Togai) -> None:
    members = [drafted(togai, "east", "12"), drafted(togai, "west", "7")]
    group = togai.call("POST", "/invoice_groups", {"name": "Both", "accountIds": ["east", "west"]}).json()
    state = togai.served.twin.state
    composite = togai.served.call(lambda: consolidate(state, group["id"], members))
    invoice = got(togai, composite["id"])
    assert (invoice["ownerId"], invoice["invoiceType"], invoice["status"]) == (group["id"], "COMPOSITE", "DUE")
    assert [node["type"] for node in invoice["revenueInfo"]["lineItems"]] == ["TOTAL_AMOUNT"] * 2
    assert "account" not in invoice["invoiceDetails"]
    assert invoice["invoiceDetails"]["invoiceGroup"]["name"] == "Both"
    parts = [got(togai, id_) for id_ in members]
    assert [part["status"] for part in parts] == ["MERGED", "MERGED"]
    assert sum(part["totalAmount"] for part in parts) == invoice["totalAmount"]


def test_a_payment_settles_an_invoice_in_parts(togai: Togai) -> None:
    id_ = generated(togai)
    body = {
        "accountId": "acme",
        "currency": "USD",
        "totalAmount": 100,
        "externalPaymentReference": {
            "sourceName": "Zoho Books",
            "sourceType": "BANK_TRANSFER",
            "transactionNumber": "460000000042059",
        },
        "lineItemRecords": [{"type": "INVOICE", "togaiId": id_, "amount": 100, "order": 1}],
    }
    answer = togai.call("POST", "/payments", body)
    assert answer.status_code == 201
    assert answer.json()["externalPaymentReferences"]["transactionNumber"] == "460000000042059"
    assert got(togai, id_)["status"] == "PARTIALLY_PAID"
    record = {"type": "INVOICE", "togaiId": id_, "amount": 199.5, "order": 1}
    rest = {**body, "totalAmount": 199.5, "lineItemRecords": [record]}
    assert togai.call("POST", "/payments", rest).status_code == 201
    assert got(togai, id_)["status"] == "PAID"
    assert togai.call("POST", "/payments", rest).status_code == 400
    assert togai.served.twin.counts()["duplicates"] == 1
    assert len(togai.call("GET", "/payments", account_id="acme").json()["data"]) == 2


def test_a_custom_invoice_is_made_once_an_idempotency_key(togai: Togai) -> None:
    togai.customer("acme")
    body = {
        "accountId": "acme",
        "startDate": "2026-01-01T00:00:00Z",
        "endDate": "2026-02-01T00:00:00Z",
        "status": "DUE",
        "idempotencyKey": "zoho-1",
        "lineItems": [{"description": "Work", "quantity": 2, "valuePerQuantity": 12.5}, {"value": 5}],
    }
    first = togai.call("POST", "/invoices", body).json()
    assert (first["invoiceType"], first["totalAmount"], first["status"]) == ("CUSTOM", 30.0, "DUE")
    assert togai.call("POST", "/invoices", body).json()["id"] == first["id"]
    assert len(togai.served.twin.state.invoices) == 1


def test_credits_are_granted_once_a_key_and_voided(togai: Togai) -> None:
    togai.customer("acme")
    asked = {"accountId": "acme", "purpose": "Goodwill", "effectiveFrom": "2026-01-01", "priority": 1}
    body = {"creditRequests": [{**asked, "creditAmount": 50, "idempotencyKey": "k"}]}
    ids = {togai.call("POST", "/credits", body).json()["credits"][0]["id"] for _ in range(2)}
    assert len(ids) == 1
    togai.call("POST", f"/credits/{ids.pop()}/void")
    rows = togai.call("GET", "/credits", account_id="acme").json()["data"]
    assert [row["status"] for row in rows] == ["VOIDED"]
