"""Invoices: numbers, money, lines, statuses."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import httpx
import pytest

from pipeline.sandbox.wire import decode
from tests.sandbox.support import Zoho, code_of

FIELD = "cf_togai_invoice_id"
FLAG: dict[str, Any] = {"ignore_auto_number_generation": "true"}


def money(answer: httpx.Response) -> dict[str, Any]:
    """The invoice of an answer with its numbers exact."""
    assert answer.status_code in (200, 201), answer.text
    invoice: dict[str, Any] = decode(answer.content)["invoice"]
    return invoice


def test_numbers_are_automatic_and_an_own_one_is_4097_without_the_flag_in_the_query(zoho: Zoho) -> None:
    customer = zoho.contact()
    assert money(zoho.invoice(customer, ("1", "1")))["invoice_number"] == "INV-000001"
    assert code_of(zoho.invoice(customer, ("1", "1"), invoice_number="T-1")) == (400, 4097)
    flag_in_body = zoho.invoice(customer, ("1", "1"), invoice_number="T-1", ignore_auto_number_generation=True)
    assert code_of(flag_in_body) == (400, 4097)


def test_an_own_number_is_unique(zoho: Zoho) -> None:
    body = {
        "customer_id": zoho.contact(),
        "invoice_number": "T-1",
        "line_items": [{"name": "x", "rate": 1}],
    }
    assert money(zoho.call("POST", "invoices", body, **FLAG))["invoice_number"] == "T-1"
    again = zoho.call("POST", "invoices", body, **FLAG)
    assert again.status_code == 400
    assert "already exists" in again.json()["message"]
    assert len(zoho.books.invoices) == 1


@pytest.mark.parametrize(
    ("currency", "rate", "quantity", "total"),
    [
        ("USD", "0.0008", "22109", "17.69"),
        ("USD", "2.675", "1", "2.68"),
        ("JPY", "1.7", "33333", "56666"),
        ("KWD", "0.1255", "1204", "151.102"),
    ],
)
def test_a_line_is_rate_times_quantity_rounded_to_the_currency(
    zoho: Zoho, currency: str, rate: str, quantity: str, total: str
) -> None:
    invoice = money(zoho.invoice(zoho.contact(currency=currency), (rate, quantity)))
    assert invoice["currency_code"] == currency
    assert str(invoice["line_items"][0]["item_total"]) == str(invoice["total"]) == total


def test_discount_tax_shipping_and_adjustment_make_the_total(zoho: Zoho) -> None:
    tax_id = zoho.call("GET", "settings/taxes").json()["taxes"][0]["tax_id"]
    lines = [{"name": "a", "rate": 100, "quantity": 2, "tax_id": tax_id}, {"name": "b", "rate": 50}]
    body = {"customer_id": zoho.contact(), "line_items": lines, "discount": "10%", "adjustment": -0.05}
    invoice = money(zoho.call("POST", "invoices", {**body, "shipping_charge": 5}))
    assert invoice["sub_total"] == Decimal("250.00")
    assert invoice["discount_total"] == Decimal("25.00")
    assert invoice["tax_total"] == Decimal("32.40")
    assert invoice["total"] == invoice["balance"] == Decimal("262.35")


@pytest.mark.parametrize("line", [{"rate": -1, "quantity": 1}, {"rate": 1, "quantity": 0}])
def test_negative_rates_and_empty_quantities_are_refused(zoho: Zoho, line: dict[str, int]) -> None:
    answer = zoho.call("POST", "invoices", {"customer_id": zoho.contact(), "line_items": [{"name": "x", **line}]})
    assert answer.status_code == 400
    assert len(zoho.books.invoices) == 0


def test_a_discount_above_the_sum_is_refused(zoho: Zoho) -> None:
    assert zoho.invoice(zoho.contact(), ("10", "1"), adjustment=-11).status_code == 400


def test_a_foreign_currency_that_is_named_comes_with_its_rate(zoho: Zoho) -> None:
    customer = zoho.contact(currency="EUR")
    assert code_of(zoho.invoice(customer, ("1", "1"), currency_code="EUR")) == (400, 900010)
    assert code_of(zoho.invoice(customer, ("1", "1"), currency_code="EUR", exchange_rate=0)) == (400, 900009)
    assert zoho.invoice(customer, ("1", "1"), currency_code="EUR", exchange_rate=1.1).status_code == 201


def test_another_currency_than_the_customers_is_refused(zoho: Zoho) -> None:
    answer = zoho.invoice(zoho.contact(currency="EUR"), ("1", "1"), currency_code="USD")
    assert answer.status_code == 400


def test_put_replaces_all_lines_and_only_a_sent_line_item_id_is_kept(zoho: Zoho) -> None:
    invoice = money(zoho.invoice(zoho.contact(), ("1", "1"), ("2", "1"), ("3", "1")))
    first, second, _ = invoice["line_items"]
    lines = [{"line_item_id": first["line_item_id"], "name": "kept", "rate": 7}, {"name": "new", "rate": 8}]
    after = money(zoho.call("PUT", f"invoices/{invoice['invoice_id']}", {"line_items": lines}))
    ids = [line["line_item_id"] for line in after["line_items"]]
    assert ids[0] == first["line_item_id"]
    assert ids[1] not in (first["line_item_id"], second["line_item_id"])
    assert after["total"] == Decimal("15.00")


def test_an_upsert_creates_once_and_repeats_without_a_second_invoice(zoho: Zoho) -> None:
    body = {"customer_id": zoho.contact(), "invoice_number": "T-1", "line_items": [{"name": "x", "rate": 12.34}]}
    first = money(zoho.upsert("invoices", FIELD, "inv.a.b", body))
    second = money(zoho.upsert("invoices", FIELD, "inv.a.b", body))
    assert first["invoice_id"] == second["invoice_id"]
    assert [a.action for _, a in zoho.served.ledger.effects("invoices")] == ["created", "unchanged"]


def test_a_new_invoice_is_a_draft_until_it_is_marked_sent_and_overdue_after_its_due_date(zoho: Zoho) -> None:
    invoice = money(zoho.invoice(zoho.contact(), ("1", "1"), payment_terms=15))
    path = f"invoices/{invoice['invoice_id']}"
    assert invoice["status"] == "draft"
    assert zoho.call("POST", f"{path}/status/sent").json()["code"] == 0
    assert money(zoho.call("GET", path))["status"] == "sent"
    zoho.served.clock.advance(16 * 86_400)
    zoho.use(zoho.refresh().json()["access_token"])
    assert money(zoho.call("GET", path))["status"] == "overdue"


def test_marking_sent_twice_changes_nothing(zoho: Zoho) -> None:
    id_ = money(zoho.invoice(zoho.contact(), ("1", "1")))["invoice_id"]
    for _ in range(2):
        assert zoho.call("POST", f"invoices/{id_}/status/sent").status_code == 200
    assert [a.action for _, a in zoho.served.ledger.effects("invoices")] == ["created", "sent", "unchanged"]


def test_a_void_invoice_is_neither_sent_nor_edited_but_can_be_a_draft_again(zoho: Zoho) -> None:
    id_ = money(zoho.invoice(zoho.contact(), ("1", "1")))["invoice_id"]
    assert zoho.call("POST", f"invoices/{id_}/status/void").status_code == 200
    assert zoho.call("POST", f"invoices/{id_}/status/sent").status_code == 400
    assert zoho.call("PUT", f"invoices/{id_}", {"notes": "x"}).status_code == 400
    assert zoho.call("POST", f"invoices/{id_}/status/draft").status_code == 200
    after = money(zoho.call("GET", f"invoices/{id_}"))
    assert (after["status"], after["balance"]) == ("draft", Decimal("1.00"))


def test_a_payment_lowers_the_balance_and_voiding_detaches_it(zoho: Zoho) -> None:
    customer = zoho.contact()
    id_ = money(zoho.invoice(customer, ("100", "1")))["invoice_id"]
    payment = {
        "customer_id": customer,
        "payment_mode": "banktransfer",
        "amount": 40,
        "date": "2026-01-01",
        "invoices": [{"invoice_id": id_, "amount_applied": 40}],
    }
    answer = zoho.upsert("customerpayments", "cf_togai_payment_id", "payment.1", payment)
    assert answer.json()["payment"]["status"] == "success"
    zoho.upsert("customerpayments", "cf_togai_payment_id", "payment.1", payment)
    invoice = money(zoho.call("GET", f"invoices/{id_}"))
    assert (invoice["status"], invoice["balance"]) == ("partially_paid", Decimal("60.00"))
    over = {**payment, "amount": 61, "invoices": [{"invoice_id": id_, "amount_applied": 61}]}
    assert zoho.call("POST", "customerpayments", over).status_code == 400
    zoho.call("POST", f"invoices/{id_}/status/void")
    stored = next(iter(zoho.books.customerpayments))
    assert stored["invoices"] == []


def test_a_credit_note_is_applied_to_an_invoice(zoho: Zoho) -> None:
    customer = zoho.contact()
    id_ = money(zoho.invoice(customer, ("100", "1")))["invoice_id"]
    lines = [{"name": "x", "rate": 100}]
    note = zoho.call("POST", "creditnotes", {"customer_id": customer, "date": "2026-01-01", "line_items": lines})
    note = note.json()["creditnote"]
    body = {"invoices": [{"invoice_id": id_, "amount_applied": 100}]}
    path = f"creditnotes/{note['creditnote_id']}"
    assert zoho.call("POST", f"{path}/invoices", body).status_code == 200
    assert money(zoho.call("GET", f"invoices/{id_}"))["status"] == "paid"
    assert zoho.call("GET", path).json()["creditnote"]["status"] == "closed"


def test_an_item_that_exists_is_1001(zoho: Zoho) -> None:
    assert zoho.call("POST", "items", {"name": "API calls", "rate": 0.001}).status_code == 201
    assert code_of(zoho.call("POST", "items", {"name": "API calls", "rate": 1})) == (400, 1001)
