"""Whatever the documents hold: a request is of a shape that Zoho Books takes, or we refuse it ourselves and say why."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pipeline.apps.zohobooks import app
from pipeline.schemas.documents import Payment
from pipeline.schemas.records import ObjectRef
from tests.apps.zohobooks.desk import Desk
from tests.apps.zohobooks.drawn import AMOUNTS, IDS, PARTIES, PAYMENTS, TEXTS, credit_notes, invoices, mostly
from tests.apps.zohobooks.support import invoice, party

NO_BODY = {
    *("activate_contact", "deactivate_contact", "mark_invoice_sent", "void_invoice", "write_off_invoice"),
    *("void_credit_note", "delete_payment", "get_contact", "get_invoice", "get_payment", "get_credit_note"),
    *("get_deleted_payment", "attach_invoice_pdf"),
}
"""Actions that send no JSON."""
MODES = {
    "line_mode": st.sampled_from(["rate_card", "slab", "single"]),
    "tax_mode": st.sampled_from(["line", "adjustment"]),
    "credit_mode": st.sampled_from(["adjustment", "discount"]),
    "number": st.sampled_from(["sequence", "auto"]),
    "reference": TEXTS,
}
TAX_FIELDS = {"gst": "gst_no", "vat": "vat_reg_no", "kind": "gst_treatment"}
bounded = settings(max_examples=40, derandomize=True, phases=(Phase.generate, Phase.shrink))


def ref(type_: str, id_: str) -> ObjectRef:
    return ObjectRef(app="togai", type=type_, id=id_)


LAST = datetime.max.replace(tzinfo=UTC)


def payment(amount: str) -> Payment:
    paid = datetime(2026, 1, 1, tzinfo=UTC)
    return Payment(id="p", party=party(), currency="USD", amount=Decimal(amount), paid=paid)


def taken_or_refused(desk: Desk, action: str, /, **given_: Any) -> None:
    said = desk.carry_out(action, **given_)
    assert desk.refused == []
    if isinstance(said, str):
        assert said


@pytest.mark.parametrize("name", ["upsert_contact", "ensure_contact"])
@bounded
@given(party=PARTIES, key=IDS)
def test_contacts(name: str, party: Any, key: str) -> None:
    taken_or_refused(Desk(), name, party=party, source=ref("account", key), tax_fields=TAX_FIELDS)


@bounded
@given(invoice=invoices(), options=st.fixed_dictionaries(MODES), key=IDS)
def test_create_invoice(invoice: Any, options: dict[str, Any], key: str) -> None:
    desk = Desk()
    customer = desk.customer(invoice.currency)
    taken_or_refused(
        desk, "create_invoice", invoice=invoice, source=ref("invoice", key), customer_id=customer, **options
    )


@bounded
@given(invoice=invoices(), sent=st.booleans(), removed=st.booleans())
def test_update_invoice(invoice: Any, sent: bool, removed: bool) -> None:
    desk = Desk()
    customer = desk.customer(invoice.currency)
    id_ = desk.document("invoices", customer)
    if sent:
        desk.add(f"invoices/{id_}/status/sent")
    if removed:
        books = next(iter(desk.twin.state.organizations.values()))
        books.invoices.delete(id_)
    given_ = {"booked": "credit_note", "removed": "recreate", "customer_id": customer}
    taken_or_refused(desk, "update_invoice", invoice=invoice, source=ref("invoice", "inv.1"), **given_)


@bounded
@given(payment=PAYMENTS, key=IDS, settled=st.sampled_from(["leave_out", "credit", "refuse"]))
def test_record_payment(payment: Any, key: str, settled: str) -> None:
    desk = Desk()
    customer = desk.customer(payment.currency)
    for number in (1, 2):
        id_ = desk.document("invoices", customer, number=number)
        desk.add(f"invoices/{id_}/status/sent")
    source = ref("payment", key)
    taken_or_refused(desk, "record_payment", payment=payment, source=source, customer_id=customer, settled=settled)


@bounded
@given(note=credit_notes(), key=IDS, number=st.sampled_from(["sequence", "auto"]))
def test_create_credit_note(note: Any, key: str, number: str) -> None:
    desk = Desk()
    customer = desk.customer(note.currency)
    source = ref("credit", key)
    taken_or_refused(desk, "create_credit_note", credit_note=note, source=source, customer_id=customer, number=number)


@bounded
@given(
    amount=st.none() | AMOUNTS.map(lambda amount: amount / 10_000),
    key=IDS,
    date=st.sampled_from(["2026-01-02", "2026-01-02T23:00:00Z", "soon"]),
    text=TEXTS,
    account=mostly(st.sampled_from(["", "460000000000000097"]), IDS),
)
def test_what_becomes_of_a_credit_note(amount: Any, key: str, date: str, text: str, account: str) -> None:
    desk = Desk()
    customer = desk.customer("USD")
    id_ = desk.document("invoices", customer)
    desk.add(f"invoices/{id_}/status/sent")
    desk.document("creditnotes", customer)
    source = ref("credit", "cred.1")
    given_ = {"key": key, "date": date, "description": text, "account_id": account}
    taken_or_refused(desk, "apply_credit_note", source=source, invoice_source=ref("invoice", "inv.1"), amount=amount)
    desk.document("creditnotes", customer, number=2)
    taken_or_refused(desk, "refund_credit_note", source=ref("credit", "cred.2"), amount=amount, **given_)


@bounded
@given(name=TEXTS, rate=AMOUNTS, description=TEXTS, unit=TEXTS)
def test_upsert_item(name: str, rate: Any, description: str, unit: str) -> None:
    taken_or_refused(Desk(), "upsert_item", name=name, rate=rate, description=description, unit=unit)


@bounded
@given(to=st.lists(TEXTS.map(lambda text: f"{text}@acme.example") | TEXTS, max_size=3), subject=TEXTS, body=TEXTS)
def test_email_invoice(to: list[str], subject: str, body: str) -> None:
    desk = Desk()
    desk.document("invoices", desk.customer("USD"))
    taken_or_refused(desk, "email_invoice", source=ref("invoice", "inv.1"), to=to, subject=subject, body=body)


CENTS = {"source": ref("payment", "p"), "customer_id": "7"}
REFUSED = [
    ("upsert_contact", {"party": party(net_term_days=-1)}, "a credit period of -1 days: Zoho Books takes 0 to 36500"),
    ("upsert_contact", {"party": party(net_term_days=10**9)}, "a credit period of 1000000000 days"),
    (
        "upsert_contact",
        {"party": party(tax_ids={"gst": "1" * 16})},
        "the gst_no has 16 characters, Zoho Books takes 15",
    ),
    ("upsert_contact", {"party": party(tax_ids={"vat": "1" * 13})}, "the vat_reg_no has 13 characters"),
    (
        "upsert_contact",
        {"party": party(tax_ids={"kind": "none"})},
        "gst_treatment is one of business_gst, business_none",
    ),
    ("create_invoice", {"invoice": invoice(issued=LAST), "customer_id": "7"}, "is no time that can be booked"),
    ("create_invoice", {"invoice": invoice(total="Infinity"), "customer_id": "7"}, "no amount that can be booked"),
    (
        "record_payment",
        {**CENTS, "payment": payment("0.004")},
        "of 0.004 USD cannot be told in the currency's smallest",
    ),
    (
        "refund_credit_note",
        {"credit_note_id": "1", "key": "k", "date": "2026-01-01", "account_id": "cash"},
        "no id of Zoho",
    ),
]


@pytest.mark.parametrize(
    ("name", "given_", "said"), REFUSED, ids=[f"{n}-{name}" for n, (name, *_) in enumerate(REFUSED)]
)
def test_what_zoho_cannot_hold_is_refused_before_a_call_with_what_is_wrong(
    name: str, given_: dict[str, Any], said: str
) -> None:
    desk = Desk()
    more: dict[str, Any] = {"tax_fields": TAX_FIELDS} if name == "upsert_contact" else {}
    more |= {} if "credit_note_id" in given_ or "source" in given_ else {"source": ref("account", "acme-prod")}
    assert said in str(desk.carry_out(name, **given_, **more))
    assert [entry for entry in desk.twin.ledger.entries if entry.applied] == []


@pytest.mark.parametrize(("currency", "rate"), [("USD", None), ("KWD", "3.25")])
def test_a_document_in_a_foreign_currency_comes_with_the_rate_of_the_day(currency: str, rate: str | None) -> None:
    desk = Desk()
    given_ = {"invoice": invoice(currency=currency), "source": ref("invoice", "inv.1")}
    done = desk.carry_out("create_invoice", customer_id=desk.customer(currency), **given_)
    assert not isinstance(done, str), done
    (booked,) = next(iter(desk.twin.state.organizations.values())).invoices
    assert booked["currency_code"] == currency
    assert booked["exchange_rate"] == Decimal(rate or 1)


def test_every_action_that_sends_json_is_drawn_here() -> None:
    drawn = {"upsert_contact", "ensure_contact", "create_invoice", "update_invoice", "record_payment"}
    drawn |= {"create_credit_note", "apply_credit_note", "refund_credit_note", "upsert_item", "email_invoice"}
    assert drawn | NO_BODY == set(app.actions)
