"""Bodies: what the API's pages list is taken, all else is refused and changes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.support import Zoho, code_of

LINES = [{"name": "x", "rate": 10}]
DAY = "2026-01-01"
PAID = {"customer_id": "{contact}", "payment_mode": "cash", "amount": 1, "date": DAY, "invoices": []}


@pytest.mark.parametrize(
    ("module", "body", "code"),
    [
        ("contacts", {"contact_name": "A", "colour": "red"}, 900011),
        ("contacts", {"contact_name": "A" * 201}, 15),
        ("contacts", {"contact_name": 7}, 900009),
        ("contacts", {"contact_name": "A", "contact_persons": [{"email": "a" * 101}]}, 15),
        ("contacts", {"contact_name": "A", "contact_persons": [{"mail": "a"}]}, 900011),
        ("contacts", {"contact_name": "A", "billing_address": {"zip": "1" * 51}}, 15),
        ("contacts", {"contact_name": "A", "payment_terms": "soon"}, 900009),
        ("contacts", {"contact_name": "A", "payment_terms": -1}, 900009),
        ("contacts", {"contact_name": "A", "payment_terms": 1.5}, 900009),
        ("contacts", {"contact_name": "A", "contact_type": "person"}, 900009),
        ("contacts", {"contact_name": "A", "gst_no": "1" * 16}, 15),
        ("contacts", {"contact_name": "A", "gst_treatment": "none"}, 900009),
        ("contacts", {"contact_name": "A", "vat_reg_no": "1" * 13}, 15),
        ("contacts", {"contact_name": "A", "custom_fields": [{"value": "x"}]}, 900010),
        ("contacts", {"contact_name": "A", "currency_code": "USD"}, 900011),
        ("invoices", {"line_items": LINES}, 900010),
        ("invoices", {"customer_id": "{contact}"}, 900010),
        ("invoices", {"customer_id": "{contact}", "line_items": LINES, "status": "sent"}, 900011),
        ("invoices", {"customer_id": "{contact}", "line_items": [{"name": "x", "rate": 1, "price": 2}]}, 900011),
        ("invoices", {"customer_id": "{contact}", "line_items": [{"name": "x" * 101, "rate": 1}]}, 15),
        ("invoices", {"customer_id": "{contact}", "line_items": [{"description": "x", "rate": 1}]}, 900010),
        ("invoices", {"customer_id": "{contact}", "line_items": [{"name": "x"}]}, 900010),
        ("invoices", {"customer_id": "{contact}", "line_items": [{"name": "x", "rate": -1}]}, 900009),
        ("invoices", {"customer_id": "{contact}", "line_items": [{"name": "x", "rate": 1, "quantity": 0}]}, 900009),
        ("invoices", {"customer_id": "{contact}", "line_items": LINES, "date": "2026-02-30"}, 900009),
        ("invoices", {"customer_id": "{contact}", "line_items": LINES, "date": "20260201"}, 900009),
        ("invoices", {"customer_id": "{contact}", "line_items": LINES, "discount_type": "both"}, 900009),
        ("invoices", {"customer_id": "{contact}", "line_items": LINES, "reference_number": "x" * 51}, 15),
        ("invoices", {"customer_id": "9" * 20, "line_items": LINES}, 900009),
        ("customerpayments", {"customer_id": "{contact}", "amount": 1, "date": DAY, "invoices": []}, 900010),
        ("customerpayments", {"customer_id": "{contact}", "amount": 1, "date": DAY, "payment_mode": "cash"}, 900010),
        ("customerpayments", {**PAID, "payment_mode": "barter"}, 900009),
        ("customerpayments", {**PAID, "amount": 0}, 900009),
        ("customerpayments", {**PAID, "reference_number": "x" * 51}, 15),
        ("customerpayments", {**PAID, "invoices": [{"invoice_id": "1"}]}, 900010),
        ("creditnotes", {"customer_id": "{contact}", "line_items": LINES}, 900010),
        ("creditnotes", {"customer_id": "{contact}", "line_items": LINES, "date": DAY, "due_date": DAY}, 900011),
        ("items", {"name": "x"}, 900010),
        ("items", {"name": "x", "rate": "dear"}, 900009),
    ],
)
def test_a_body_of_another_shape_is_refused(zoho: Zoho, module: str, body: dict[str, Any], code: int) -> None:
    customer = zoho.contact("Someone")
    before = zoho.served.twin.objects()
    filled = {name: customer if value == "{contact}" else value for name, value in body.items()}
    assert code_of(zoho.call("POST", module, filled)) == (400, code)
    assert zoho.served.twin.objects() == before


def sent_invoice(zoho: Zoho) -> str:
    id_: str = zoho.invoice(zoho.contact(), ("100", "1")).json()["invoice"]["invoice_id"]
    zoho.call("POST", f"invoices/{id_}/status/sent")
    return id_


@pytest.mark.parametrize(
    ("path", "body"),
    [("email", {}), ("email", {"to_mail_ids": []}), ("email", {"to_mail_ids": ["a@b.example"], "cc": "x"})],
)
def test_a_mail_needs_an_address_and_known_fields(zoho: Zoho, path: str, body: dict[str, Any]) -> None:
    id_ = sent_invoice(zoho)
    assert zoho.call("POST", f"invoices/{id_}/{path}", body).status_code == 400


def test_a_file_comes_as_a_form_of_one_part(zoho: Zoho) -> None:
    id_ = sent_invoice(zoho)
    path, query = f"/books/v3/invoices/{id_}/attachment", {"organization_id": zoho.books.config.id}
    assert zoho.http.post(path, params=query, content=b"%PDF-").status_code == 400
    assert zoho.http.post(path, params=query, files={"other": ("a.pdf", b"%PDF-")}).status_code == 400
    assert zoho.http.post(path, params=query, files={"attachment": ("a.pdf", b"%PDF-")}).status_code == 200
    (invoice,) = zoho.books.invoices
    assert [(each["file_name"], each["file_size"]) for each in invoice["documents"]] == [("a.pdf", 5)]


def test_a_written_off_invoice_counts_as_paid_and_a_draft_is_not_written_off(zoho: Zoho) -> None:
    id_ = sent_invoice(zoho)
    assert zoho.call("POST", f"invoices/{id_}/writeoff").status_code == 200
    after = zoho.call("GET", f"invoices/{id_}").json()["invoice"]
    assert (after["status"], after["balance"], after["write_off_amount"]) == ("paid", 0, 100)
    assert zoho.call("POST", f"invoices/{id_}/writeoff").status_code == 400
    draft = zoho.invoice(after["customer_id"], ("1", "1")).json()["invoice"]["invoice_id"]
    assert zoho.call("POST", f"invoices/{draft}/writeoff").status_code == 400


def test_refunds_and_credits_leave_the_balance_and_a_used_note_is_not_made_void(zoho: Zoho) -> None:
    id_ = sent_invoice(zoho)
    customer = zoho.call("GET", f"invoices/{id_}").json()["invoice"]["customer_id"]
    body = {"customer_id": customer, "date": DAY, "line_items": [{"name": "x", "rate": 50}]}
    note = zoho.call("POST", "creditnotes", body).json()["creditnote"]["creditnote_id"]
    applied = {"invoices": [{"invoice_id": id_, "amount_applied": 20}]}
    assert zoho.call("POST", f"creditnotes/{note}/invoices", applied).status_code == 200
    assert zoho.call("POST", f"creditnotes/{note}/refunds", {"date": DAY, "amount": 31}).status_code == 400
    assert zoho.call("POST", f"creditnotes/{note}/refunds", {"date": DAY, "amount": 30}).status_code == 200
    after = zoho.call("GET", f"creditnotes/{note}").json()["creditnote"]
    assert (after["status"], after["balance"]) == ("closed", 0)
    assert after["invoices_credited"][0]["amount_credited"] == 20
    assert len(zoho.call("GET", f"creditnotes/{note}/refunds").json()["creditnote_refunds"]) == 1
    assert zoho.call("POST", f"creditnotes/{note}/status/void").status_code == 400
    actions = [done.action for _, done in zoho.served.ledger.effects("creditnotes")]
    assert actions == ["created", "applied", "refunded"]
