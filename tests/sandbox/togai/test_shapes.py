"""Bodies that the published OpenAPI does not allow are refused, and nothing is applied."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pipeline.sandbox.togai.documents import InvoiceSpec, draft, generate
from pipeline.sandbox.togai.money import Card, Parts
from tests.sandbox.support import Togai

CUSTOMER = {"id": "fjord", "name": "Fjord", "primaryEmail": "f@example.com", "address": {}}
ACCOUNT = {"id": "fjord", "name": "Fjord", "customerId": "acme"}
LINES = [{"value": 5}]
INVOICE = {"accountId": "acme", "startDate": "2025-12-01", "endDate": "2026-01-01", "status": "DUE", "lineItems": LINES}
REFERENCE = {"sourceName": "Bank", "sourceType": "CASH", "transactionNumber": "1"}
RECORD = {"type": "WALLET_CREDIT", "order": 1, "amount": 5}
PAYMENT = {"accountId": "acme", "currency": "USD", "totalAmount": 5, "externalPaymentReference": REFERENCE} | {
    "lineItemRecords": [RECORD]
}
CREDIT = {"accountId": "acme", "purpose": "x", "effectiveFrom": "2026-01-01", "priority": 1, "creditAmount": 5}


@pytest.mark.parametrize(
    ("path", "body", "wrong"),
    [
        ("/customers", CUSTOMER, {"unknown": 1}),
        ("/customers", CUSTOMER, {"name": "Al"}),
        ("/customers", CUSTOMER, {"id": "x" * 51}),
        ("/customers", CUSTOMER, {"address": {"zip": "1"}}),
        ("/customers", CUSTOMER, {"primaryEmail": None}),
        ("/accounts", ACCOUNT, {"status": "ARCHIVED"}),
        ("/accounts", ACCOUNT, {"metadata": {"VATN": 7}}),
        ("/accounts", ACCOUNT, {"aliases": ["x"] * 11}),
        ("/invoices", INVOICE, {"status": "VOID"}),
        ("/invoices", INVOICE, {"lineItems": []}),
        ("/invoices", INVOICE, {"lineItems": LINES * 51}),
        ("/invoices", INVOICE, {"startDate": "2027-01-01"}),
        ("/payments", PAYMENT, {"totalAmount": "5"}),
        ("/payments", PAYMENT, {"totalAmount": 4}),
        ("/payments", PAYMENT, {"lineItemRecords": []}),
        ("/payments", PAYMENT, {"lineItemRecords": [{**RECORD, "amount": 0}]}),
        ("/payments", PAYMENT, {"externalPaymentReference": {**REFERENCE, "sourceType": "WIRE"}}),
        ("/payments", PAYMENT, {"currency": "EUR"}),
        ("/credits", {"creditRequests": [CREDIT]}, {"creditRequests": [{**CREDIT, "priority": 0}]}),
        ("/credits", {"creditRequests": [CREDIT]}, {"creditRequests": [{**CREDIT, "creditAmount": 0}]}),
    ],
)
def test_a_body_of_another_shape_is_refused(togai: Togai, path: str, body: dict[str, Any], wrong: Any) -> None:
    togai.customer("acme")
    before = dict(togai.served.twin.state.objects())
    refused = togai.call("POST", path, {**body, **wrong})
    assert (refused.status_code, set(refused.json())) == (400, {"message"})
    assert togai.served.twin.state.objects() == before
    assert togai.call("POST", path, body).status_code < 300


def test_an_order_becomes_an_invoice_once_it_is_paid(togai: Togai) -> None:
    togai.customer("acme")
    state = togai.served.twin.state
    parts = Parts(purchases=(Card(description="Prepaid", value=Decimal(5)),))
    order = InvoiceSpec(account_id="acme", invoice_class="ORDER", parts=parts)
    id_ = togai.served.call(lambda: generate(state, draft(state, order)["id"]))["id"]
    record = {"type": "INVOICE", "togaiId": id_, "order": 1, "amount": 5}
    assert togai.call("POST", "/payments", {**PAYMENT, "lineItemRecords": [record]}).status_code == 201
    paid = togai.call("GET", f"/invoices/{id_}").json()
    assert (paid["status"], paid["invoiceClass"]) == ("PAID", "INVOICE")


def test_an_invoice_is_paid_by_the_account_that_owes_it(togai: Togai) -> None:
    togai.customer("acme")
    togai.customer("other")
    state = togai.served.twin.state
    parts = Parts(cards=(Card(description="Fee", value=Decimal(5)),))
    id_ = togai.served.call(lambda: generate(state, draft(state, InvoiceSpec(account_id="other", parts=parts))["id"]))
    record = {"type": "INVOICE", "togaiId": id_["id"], "order": 1, "amount": 5}
    assert togai.call("POST", "/payments", {**PAYMENT, "lineItemRecords": [record]}).status_code == 400


def test_a_credit_is_voided_once(togai: Togai) -> None:
    togai.customer("acme")
    made = togai.call("POST", "/credits", {"creditRequests": [CREDIT]}).json()["credits"][0]["id"]
    assert [togai.call("POST", f"/credits/{made}/void").status_code for _ in range(2)] == [200, 400]
