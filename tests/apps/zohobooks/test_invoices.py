"""Invoices: what is planned, and what the twin then holds."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pipeline.apps.base import Applied, Mapped, Refuse, Session, Superseded, Unchanged
from pipeline.apps.zohobooks import app
from pipeline.errors import InDoubt, Refused
from pipeline.sandbox.faults import Fault
from pipeline.schemas.documents import Invoice, LineKind
from pipeline.schemas.records import ObjectRef
from tests.apps.zohobooks.support import (
    ACCOUNT,
    SOURCE,
    Known,
    Zoho,
    body,
    called,
    carried_out,
    invoice,
    line,
    party,
    plan,
)

BOOKED = ObjectRef(app="zohobooks", type="invoice", id="982000000567114")


def planned(document: Invoice, view: Known | None = None, **options: Any) -> Any:
    return plan("create_invoice", view or Known(), invoice=document, source=SOURCE, customer_id="9", **options)


def test_an_invoice_is_upserted_by_its_key_with_our_number_and_the_flag_in_the_query() -> None:
    call = called("create_invoice", Known(), invoice=invoice(), source=SOURCE, customer_id="9")
    assert (call.operation, call.most) == ("create", 1)
    assert (call.request.method, call.request.path) == ("PUT", "/books/v3/invoices")
    assert call.request.query == {"organization_id": "10234695", "ignore_auto_number_generation": "true"}
    assert call.request.headers["X-Unique-Identifier-Key"] == "cf_togai_invoice_id"
    assert call.request.headers["X-Unique-Identifier-Value"] == "inv.1"
    assert b'"rate":12.34,"quantity":1' in (call.request.body or b"")
    assert body(call)["currency_id"] == "11"


@pytest.mark.parametrize("change", [{"options": {"number": "auto"}}, {"number": ""}], ids=["auto", "no number"])
def test_without_a_number_of_ours_zoho_gives_one_and_the_flag_is_not_sent(change: dict[str, Any]) -> None:
    options = change.pop("options", {})
    call = called("create_invoice", Known(), invoice=invoice(**change), source=SOURCE, customer_id="9", **options)
    assert "ignore_auto_number_generation" not in call.request.query
    assert "invoice_number" not in body(call)
    assert body(call)["reference_number"] == "inv.1"


def test_an_amount_is_written_digit_by_digit() -> None:
    document = invoice(line("12345678901234.567"), currency="KWD")
    call = called("create_invoice", Known(), invoice=document, source=SOURCE, customer_id="9")
    assert b'"rate":12345678901234.567' in (call.request.body or b"")


def test_a_booked_invoice_with_the_same_content_needs_no_call() -> None:
    digest = called("create_invoice", Known(), invoice=invoice(), source=SOURCE, customer_id="9").hash
    made = planned(invoice(status="PAID"), Known(pairs={SOURCE: Mapped(BOOKED, digest)}))
    assert isinstance(made, Unchanged)
    assert made.output == {
        "invoice_id": BOOKED.id,
        "invoice_number": "2024-07-2958",
        "total": "12.34",
        "status": "",
    }


def test_a_booked_invoice_that_has_changed_is_refused_and_never_rewritten() -> None:
    made = planned(invoice(), Known(pairs={SOURCE: Mapped(BOOKED, "other", "2024-08-03T00:00:00Z")}))
    assert isinstance(made, Refuse)
    assert (made.cause, made.code) == ("conflict", "already_booked")


def test_an_older_state_of_a_booked_invoice_is_superseded() -> None:
    made = planned(invoice(), Known(pairs={SOURCE: Mapped(BOOKED, "other", "2025-01-01T00:00:00Z")}))
    assert isinstance(made, Superseded)


def test_what_cannot_be_booked_is_refused_before_any_call() -> None:
    with pytest.raises(Refused, match="currency XTS is not enabled"):
        planned(invoice(currency="XTS"))
    assert isinstance(planned(invoice(currency="")), Refuse)
    assert isinstance(plan("create_invoice", Known(), invoice=invoice(), source=SOURCE, customer_id=""), Refuse)


@pytest.mark.parametrize(("settings", "rate"), [({}, "11"), ({"decimals": {"JPY": 2}}, "10.50")])
def test_the_decimals_of_a_currency_are_zohos_unless_the_connection_says_otherwise(
    settings: dict[str, Any], rate: str
) -> None:
    view = Known(settings={"organization_id": "1", **settings})
    call = called("create_invoice", view, invoice=invoice(line("10.5"), currency="JPY"), source=SOURCE, customer_id="9")
    assert body(call)["line_items"][0]["rate"] == Decimal(rate)


async def customer(zoho: Zoho, currency: str = "USD") -> tuple[Session, Known, str]:
    session = await zoho.session()
    view = await zoho.view(session)
    done = await carried_out("ensure_contact", view, session, party=party(currency=currency), source=ACCOUNT)
    return session, view, done.output["contact_id"]


async def booked(zoho: Zoho, document: Invoice, **options: Any) -> Applied:
    session, view, id_ = await customer(zoho, document.currency)
    return await carried_out(
        "create_invoice", view, session, invoice=document, source=SOURCE, customer_id=id_, **options
    )


@pytest.mark.parametrize(
    ("currency", "amounts", "total"),
    [("USD", ["10.005", "2.333"], "12.34"), ("JPY", ["10.5", "2.5"], "13"), ("KWD", ["10.0005", "0.0004"], "10.001")],
)
async def test_zoho_holds_the_total_of_the_document_in_any_currency(
    zoho: Zoho, currency: str, amounts: list[str], total: str
) -> None:
    done = await booked(zoho, invoice(*(line(amount) for amount in amounts), currency=currency))
    (held,) = zoho.books.invoices
    assert done.output["total"] == total
    assert held["total"] == Decimal(total)
    assert held["currency_code"] == currency
    assert (held["status"], held["invoice_number"], held["date"]) == ("draft", "2024-07-2958", "2024-08-03")
    assert done.warnings == []
    assert "difference" not in done.output


async def test_credits_discounts_and_tax_are_booked_to_the_cent(zoho: Zoho) -> None:
    document = invoice(
        line("1000.00"),
        line("-50.00", LineKind.CREDIT, "Referral credit"),
        line("-25.00", LineKind.DISCOUNT, "Launch discount"),
        line("173.70", LineKind.TAX, "GST 18%"),
    )
    await booked(zoho, document)
    (held,) = zoho.books.invoices
    assert held["total"] == Decimal("1098.70")
    assert held["adjustment"] == Decimal("-75.00")
    assert held["adjustment_description"] == "Referral credit -50.00; Launch discount -25.00"


async def test_the_same_upsert_again_makes_no_second_invoice(zoho: Zoho) -> None:
    session, view, id_ = await customer(zoho)
    call = called("create_invoice", view, invoice=invoice(), source=SOURCE, customer_id=id_)
    zoho.served.place(Fault(effect="lose_answer", method="PUT", path="*/invoices"))
    action = app.actions["create_invoice"]
    with pytest.raises(InDoubt):
        await action.apply(call, session)
    await action.apply(call, session)
    assert len(zoho.books.invoices) == 1


async def test_a_total_that_zoho_computes_otherwise_is_told(zoho: Zoho) -> None:
    session, view, id_ = await customer(zoho)
    answer = (
        '{"code":0,"invoice":{"invoice_id":7,"invoice_number":"INV-1","currency_code":"USD","status":"draft",'
        '"total":"12.36"}}'
    )
    zoho.served.place(Fault(effect="answer", status=201, body=answer, method="PUT", path="*/invoices"))
    done = await carried_out("create_invoice", view, session, invoice=invoice(), source=SOURCE, customer_id=id_)
    assert done.output == {
        "invoice_id": "7",
        "invoice_number": "INV-1",
        "total": "12.36",
        "status": "draft",
        "difference": "0.02",
    }
    assert "off by 0.02" in done.warnings[0]


async def test_a_customer_in_another_currency_is_refused(zoho: Zoho) -> None:
    session, view, id_ = await customer(zoho, "EUR")
    with pytest.raises(Refused, match="not the customer's currency"):
        await carried_out("create_invoice", view, session, invoice=invoice(), source=SOURCE, customer_id=id_)
    assert len(zoho.books.invoices) == 0


async def test_an_invoice_that_zoho_booked_in_another_currency_is_refused_with_the_draft_named(zoho: Zoho) -> None:
    session, view, id_ = await customer(zoho)
    answer = '{"code":0,"invoice":{"invoice_id":7,"currency_code":"EUR","total":12.34}}'
    zoho.served.place(Fault(effect="answer", status=200, body=answer, method="PUT", path="*/invoices"))
    with pytest.raises(Refused, match="holds invoice 7 as a draft in EUR"):
        await carried_out("create_invoice", view, session, invoice=invoice(), source=SOURCE, customer_id=id_)


async def test_a_number_that_exists_is_refused_as_a_conflict(zoho: Zoho) -> None:
    session, view, id_ = await customer(zoho)
    await carried_out("create_invoice", view, session, invoice=invoice(), source=SOURCE, customer_id=id_)
    other = ObjectRef(app="togai", type="invoice", id="inv.2")
    with pytest.raises(Refused, match="already exists") as caught:
        await carried_out("create_invoice", view, session, invoice=invoice(), source=other, customer_id=id_)
    assert caught.value.cause == "conflict"


async def test_a_success_without_an_invoice_id_is_in_doubt(zoho: Zoho) -> None:
    session, view, id_ = await customer(zoho)
    zoho.served.place(Fault(effect="answer", status=200, body='{"code":0}', method="PUT", path="*/invoices"))
    with pytest.raises(InDoubt):
        await carried_out("create_invoice", view, session, invoice=invoice(), source=SOURCE, customer_id=id_)


async def test_marking_as_sent_is_done_once_and_then_known(zoho: Zoho) -> None:
    session, view, id_ = await customer(zoho)
    made = await carried_out("create_invoice", view, session, invoice=invoice(), source=SOURCE, customer_id=id_)
    given = {"invoice_id": made.output["invoice_id"], "source": SOURCE}
    done = await carried_out("mark_invoice_sent", view, session, **given)
    assert done.operation == "written"
    assert next(iter(zoho.books.invoices))["status"] == "sent"
    assert isinstance(plan("mark_invoice_sent", view, **given), Unchanged)


async def test_an_invoice_that_was_open_already_counts_as_marked(zoho: Zoho) -> None:
    session, view, id_ = await customer(zoho)
    made = await carried_out("create_invoice", view, session, invoice=invoice(), source=SOURCE, customer_id=id_)
    given = {"invoice_id": made.output["invoice_id"]}
    await app.actions["mark_invoice_sent"].apply(called("mark_invoice_sent", view, **given), session)
    refusal = Fault(effect="answer", status=400, body='{"code":9,"message":"no"}', path="*/status/sent")
    zoho.served.place(refusal)
    done = await app.actions["mark_invoice_sent"].apply(called("mark_invoice_sent", view, **given), session)
    assert (done.operation, done.pair) == ("unchanged", None)
    assert done.output["status"] in ("sent", "overdue")


async def test_a_void_invoice_is_not_marked_as_sent(zoho: Zoho) -> None:
    session, view, id_ = await customer(zoho)
    made = await carried_out("create_invoice", view, session, invoice=invoice(), source=SOURCE, customer_id=id_)
    number = made.output["invoice_id"]
    zoho.served.call(lambda: zoho.books.invoices.records[number].update(status="void"))
    with pytest.raises(Refused, match="void"):
        await app.actions["mark_invoice_sent"].apply(called("mark_invoice_sent", view, invoice_id=number), session)


async def test_reading_an_invoice_gives_its_balance(zoho: Zoho) -> None:
    session, view, id_ = await customer(zoho)
    made = await carried_out("create_invoice", view, session, invoice=invoice(), source=SOURCE, customer_id=id_)
    read = await app.actions["get_invoice"].apply(called("get_invoice", view, id=made.output["invoice_id"]), session)
    assert read.output["balance"] == "12.34"
    assert isinstance(read.data["total"], Decimal)
