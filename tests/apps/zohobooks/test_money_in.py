"""Payments, credit notes and items: no money twice, never more than is open."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from pipeline.apps.base import Applied, Mapped, Park, Refuse, Skip
from pipeline.apps.zohobooks import app
from pipeline.errors import InDoubt, Refused, Retry
from pipeline.sandbox.faults import Fault
from pipeline.schemas.documents import Allocation, CreditNote, Payment, PaymentMethod
from pipeline.schemas.records import ObjectRef
from tests.apps.zohobooks.support import ACCOUNT, SOURCE, Known, Zoho, body, called, line, party, plan
from tests.apps.zohobooks.world import World, a_world

PAYMENT = ObjectRef(app="togai", type="payment", id="payment.2")
CREDIT = ObjectRef(app="togai", type="credit", id="cred.1")
PAID = datetime(2026, 1, 1, tzinfo=UTC)


def payment(amount: str, *parts: tuple[str, str], **more: Any) -> Payment:
    allocations = [Allocation(invoice=id_, amount=Decimal(part)) for id_, part in parts]
    given: dict[str, Any] = {"id": "payment.1", "party": party(), "currency": "USD", "paid": PAID}
    return Payment(amount=Decimal(amount), allocations=allocations, **{**given, **more})


async def record(world: World, came_in: Payment, **options: Any) -> Applied:
    given = {"payment": came_in, "source": PAYMENT, "customer_id": world.ids["contact"], **options}
    return await app.actions["record_payment"].apply(called("record_payment", world.view, **given), world.session)


def total_of(zoho: Zoho) -> Decimal:
    return sum((each["amount"] for each in zoho.books.customerpayments), Decimal(0))


async def test_a_payment_settles_its_invoice_and_the_rest_stays_with_the_customer(zoho: Zoho) -> None:
    world = await a_world(zoho, "sent")
    done = await record(world, payment("120", ("inv.1", "100"), method=PaymentMethod.GATEWAY))
    (held,) = zoho.books.customerpayments
    (invoice,) = zoho.books.invoices
    assert (held["amount"], held["unused_amount"], held["payment_mode"]) == (Decimal(120), Decimal(20), "others")
    assert invoice["status"] == "paid"
    assert done.output == {"payment_id": held["payment_id"], "amount": "120"}


async def test_only_what_is_open_is_paid_and_the_difference_is_told(zoho: Zoho) -> None:
    world = await a_world(zoho, "payment")
    done = await record(world, payment("100", ("inv.1", "100")))
    assert (done.output["amount"], total_of(zoho)) == ("60", Decimal(100))
    assert "40 of the payment are settled already" in done.warnings[0]
    assert next(iter(zoho.books.invoices))["balance"] == 0


async def test_by_option_what_is_not_open_stays_with_the_customer_or_the_payment_is_refused(zoho: Zoho) -> None:
    world = await a_world(zoho, "payment")
    with pytest.raises(Refused, match="more than the balance"):
        await record(world, payment("100", ("inv.1", "100")), settled="refuse")
    done = await record(world, payment("100", ("inv.1", "100")), settled="credit")
    held = next(each for each in zoho.books.customerpayments if each["payment_id"] == done.output["payment_id"])
    assert (held["amount"], held["unused_amount"]) == (Decimal(100), Decimal(40))


async def test_where_nothing_is_open_nothing_is_paid(zoho: Zoho) -> None:
    world = await a_world(zoho, "sent")
    world.by_hand("POST", "invoices/${invoice}/writeoff")
    done = await record(world, payment("100", ("inv.1", "100")))
    assert (done.operation, done.output["payment_id"], done.pair) == ("unchanged", "", None)
    assert total_of(zoho) == 0


async def test_a_payment_of_what_is_open_whose_answer_was_lost_is_found_and_not_paid_again(zoho: Zoho) -> None:
    world = await a_world(zoho, "payment")
    zoho.served.place(Fault(effect="lose_answer", method="PUT", path="*/customerpayments", nth=2))
    with pytest.raises(InDoubt):
        await record(world, payment("100", ("inv.1", "100")))
    assert total_of(zoho) == Decimal(100)
    done = await record(world, payment("100", ("inv.1", "100")))
    assert (done.settled, done.output["amount"]) == ("lookup", "60")
    assert total_of(zoho) == Decimal(100)


async def test_a_payment_is_tried_again_where_somebody_pays_while_it_is_looked_at(zoho: Zoho) -> None:
    world = await a_world(zoho, "payment")
    refusal = '{"code": 900009, "message": "The amount applied is more than the balance of the invoice"}'
    zoho.served.place(Fault(effect="answer", method="PUT", path="*/customerpayments", nth=2, status=400, body=refusal))
    with pytest.raises(Retry):
        await record(world, payment("100", ("inv.1", "100")))
    assert (await record(world, payment("100", ("inv.1", "100")))).output["amount"] == "60"


async def test_without_the_field_nothing_is_recorded_or_by_choice_it_is_looked_up(zoho: Zoho) -> None:
    world = await a_world(zoho, "sent")
    zoho.served.call(lambda: zoho.books.customerpayments.fields.remove("cf_togai_payment_id"))
    world.view.profile = await world.session.check()
    given = {"payment": payment("50", ("inv.1", "50")), "source": PAYMENT, "customer_id": world.ids["contact"]}
    refused = plan("record_payment", world.view, **given)
    assert isinstance(refused, Refuse)
    assert (refused.cause, refused.code) == ("setup", "field_missing")
    world.view.settings = {**world.view.settings, "unique_field": "preferred"}
    zoho.served.place(Fault(effect="lose_answer", method="POST", path="*/customerpayments"))
    with pytest.raises(InDoubt):
        await record(world, payment("50", ("inv.1", "50"), reference="BACS-1"))
    done = await record(world, payment("50", ("inv.1", "50"), reference="BACS-1"))
    (held,) = zoho.books.customerpayments
    assert done.settled == "lookup"
    assert (held["reference_number"], held["description"]) == ("payment.2", "Reference BACS-1")


def test_an_invoice_that_is_not_booked_is_waited_for_or_its_part_is_a_credit() -> None:
    given = {"payment": payment("50", ("inv.9", "50")), "source": PAYMENT, "customer_id": "9"}
    parked = plan("record_payment", Known(), **given)
    assert isinstance(parked, Park)
    assert parked.ref.id == "inv.9"
    assert called("record_payment", Known(), **given, unmapped="credit").state.parts == {}


def test_a_payment_that_waits_for_its_invoice_or_customer_may_be_passed_where_the_flow_says_so() -> None:
    given = {"payment": payment("100", ("inv.1", "100")), "source": PAYMENT, "customer_id": "7"}
    parked = plan("record_payment", Known(), **given, unmapped="wait")
    assert isinstance(parked, Park)
    assert parked.passable
    parked = plan("ensure_contact", Known(), party=party(), source=ACCOUNT, missing="wait")
    assert isinstance(parked, Park)
    assert parked.passable


def test_by_option_what_is_for_invoices_that_are_not_booked_is_left_out_and_told() -> None:
    view = Known(pairs={SOURCE: Mapped(ObjectRef(app="zohobooks", type="invoice", id="22"))})
    given = {"source": PAYMENT, "customer_id": "7", "unmapped": "leave_out"}
    call = called("record_payment", view, payment=payment("100", ("inv.1", "60"), ("inv.2", "40")), **given)
    assert (body(call)["amount"], body(call)["invoices"]) == (60, [{"invoice_id": "22", "amount_applied": 60}])
    assert "40 of the payment are for invoices that are not booked" in call.warnings[0]
    assert isinstance(plan("record_payment", view, payment=payment("40", ("inv.2", "40")), **given), Skip)


@pytest.mark.parametrize(
    "came_in",
    [payment("0"), payment("-5"), payment("10", ("inv.1", "11")), payment("10", ("inv.1", "0"))],
    ids=["nothing", "negative", "more than came in", "a part of nothing"],
)
def test_a_payment_that_does_not_add_up_is_refused(came_in: Payment) -> None:
    assert isinstance(plan("record_payment", Known(), payment=came_in, source=PAYMENT, customer_id="9"), Refuse)


async def test_a_payment_that_has_changed_or_is_gone_is_not_recorded_anew(zoho: Zoho) -> None:
    world = await a_world(zoho, "sent")
    first = payment("50", ("inv.1", "50"))
    world.view.learn((await record(world, first)).pair)
    given = {"source": PAYMENT, "customer_id": world.ids["contact"]}
    assert isinstance(plan("record_payment", world.view, payment=payment("60", ("inv.1", "60")), **given), Refuse)
    call = called("delete_payment", world.view, source=PAYMENT)
    world.view.learn((await app.actions["delete_payment"].apply(call, world.session)).pair)
    assert not isinstance(plan("record_payment", world.view, payment=first, **given), Park | Refuse)
    assert total_of(zoho) == 0


async def test_deleting_a_payment_opens_its_invoice_again(zoho: Zoho) -> None:
    world = await a_world(zoho, "payment")
    await app.actions["delete_payment"].apply(
        called("delete_payment", world.view, payment_id=world.ids["payment"]), world.session
    )
    (invoice,) = zoho.books.invoices
    assert (invoice["status"], invoice["balance"]) == ("sent", Decimal("100.00"))


# --- credit notes -------------------------------------------------------------------------------------------------


def credit(amount: str = "25.00", **more: Any) -> CreditNote:
    given: dict[str, Any] = {"id": "cred.1", "party": party(), "currency": "USD", "issued": PAID}
    return CreditNote(total=Decimal(amount), lines=[line(amount, description="Credit")], **{**given, **more})


async def test_a_credit_note_that_is_booked_is_never_rewritten(zoho: Zoho) -> None:
    world = await a_world(zoho, "contact")
    given = {"source": CREDIT, "customer_id": world.ids["contact"]}
    action = app.actions["create_credit_note"]
    done = await action.apply(called("create_credit_note", world.view, credit_note=credit(), **given), world.session)
    world.view.learn(done.pair)
    changed = plan("create_credit_note", world.view, credit_note=credit("30.00"), **given)
    assert isinstance(changed, Refuse)
    assert changed.code == "already_booked"


async def test_without_the_field_a_credit_note_is_looked_up_by_choice_and_found_after_a_lost_answer(
    zoho: Zoho,
) -> None:
    world = await a_world(zoho, "contact", unique_field="preferred")
    zoho.served.call(lambda: zoho.books.creditnotes.fields.remove("cf_togai_credit_note_id"))
    world.view.profile = await world.session.check()
    given = {"credit_note": credit(), "source": CREDIT, "customer_id": world.ids["contact"]}
    action = app.actions["create_credit_note"]
    zoho.served.place(Fault(effect="lose_answer", method="POST", path="*/creditnotes"))
    with pytest.raises(InDoubt):
        await action.apply(called("create_credit_note", world.view, **given), world.session)
    done = await action.apply(called("create_credit_note", world.view, **given), world.session)
    assert done.settled == "lookup"
    assert len(zoho.books.creditnotes) == 1


async def test_a_credit_is_applied_as_far_as_the_invoice_is_open(zoho: Zoho) -> None:
    world = await a_world(zoho, "payment", "credit_note")
    given = {"credit_note_id": world.ids["credit_note"], "invoice_id": world.ids["invoice"]}
    action = app.actions["apply_credit_note"]
    done = await action.apply(called("apply_credit_note", world.view, **given), world.session)
    assert (done.output["amount"], done.output["balance"]) == ("60", "40")
    assert next(iter(zoho.books.invoices))["status"] == "paid"


async def test_a_credit_note_that_was_used_is_not_made_void_nor_refunded_beyond_what_is_left(zoho: Zoho) -> None:
    world = await a_world(zoho, "payment", "credit_note")
    given = {"credit_note_id": world.ids["credit_note"]}
    call = called("apply_credit_note", world.view, **given, invoice_id=world.ids["invoice"])
    await app.actions["apply_credit_note"].apply(call, world.session)
    with pytest.raises(Refused, match="was applied or refunded"):
        await app.actions["void_credit_note"].apply(called("void_credit_note", world.view, **given), world.session)
    refund = {**given, "key": "refund.1", "date": "2026-01-02"}
    action = app.actions["refund_credit_note"]
    with pytest.raises(Refused, match="has 40 left"):
        await action.apply(called("refund_credit_note", world.view, **refund, amount="41"), world.session)
    done = await action.apply(called("refund_credit_note", world.view, **refund), world.session)
    assert done.output["amount"] == "40"
    (note,) = zoho.books.creditnotes
    assert (note["status"], note["balance"]) == ("closed", 0)


def test_a_credit_note_that_is_not_booked_is_waited_for_or_left() -> None:
    assert isinstance(plan("apply_credit_note", Known(), source=CREDIT, invoice_id="7"), Park)
    assert isinstance(plan("void_credit_note", Known(), source=CREDIT), Skip)
    assert isinstance(plan("refund_credit_note", Known(), source=CREDIT, key="", date="", missing="refuse"), Refuse)


@pytest.mark.parametrize(
    ("date", "day"),
    [("2026-01-02", "2026-01-02"), ("2026-01-01T18:45:00.000Z", "2026-01-02"), ("2026-01-01T10:00:00", "2026-01-01")],
)
def test_a_refund_is_dated_by_a_day_or_by_the_organisations_day_of_a_time(date: str, day: str) -> None:
    call = called("refund_credit_note", Known(), credit_note_id="7", key="refund.1", date=date)
    assert body(call)["date"] == day


def test_a_refund_without_a_date_that_can_be_read_is_refused() -> None:
    refused = plan("refund_credit_note", Known(), credit_note_id="7", key="refund.1", date="yesterday")
    assert isinstance(refused, Refuse)
    assert refused.code == "date"


# --- looked up by the other side's object -------------------------------------------------------------------------


async def test_an_object_is_read_by_the_id_of_its_counterpart(zoho: Zoho) -> None:
    world = await a_world(zoho, "payment", "credit_note")
    for action, source, id_, there in (
        ("get_invoice", SOURCE, "invoice_id", world.ids["invoice"]),
        ("get_payment", ObjectRef(app="togai", type="payment", id="payment.1"), "payment_id", world.ids["payment"]),
        ("get_credit_note", CREDIT, "creditnote_id", world.ids["credit_note"]),
        ("get_contact", ACCOUNT, "contact_id", world.ids["contact"]),
    ):
        done = await app.actions[action].apply(called(action, world.view, source=source), world.session)
        assert done.output[id_] == there


def test_an_object_without_a_counterpart_is_refused_waited_for_or_ends_the_run_as_the_flow_says() -> None:
    refused = plan("get_invoice", Known(), source=SOURCE)
    assert isinstance(refused, Refuse)
    assert refused.code == "not_mapped"
    assert isinstance(plan("get_invoice", Known(), source=SOURCE, missing="park"), Park)
    assert isinstance(plan("get_invoice", Known(), source=SOURCE, missing="skip"), Skip)


# --- items --------------------------------------------------------------------------------------------------------


async def item(world: World, rate: str = "0.001") -> Applied:
    given = {"name": "API calls", "rate": rate}
    return await app.actions["upsert_item"].apply(called("upsert_item", world.view, **given), world.session)


async def test_an_item_of_the_name_is_brought_up_to_date(zoho: Zoho) -> None:
    world = await a_world(zoho, "item")
    assert (await item(world)).operation == "updated"
    assert (await item(world)).operation == "unchanged"
    (held,) = zoho.books.items
    assert held["rate"] == Decimal("0.001")


async def test_an_item_that_the_list_does_not_show_yet_is_no_second_item(zoho: Zoho) -> None:
    world = await a_world(zoho, "item")
    zoho.change(list_lag_seconds=60.0)
    with pytest.raises(Retry, match="does not show yet"):
        await item(world)
    zoho.served.clock.advance(61)
    assert (await item(world)).settled == "lookup"
    assert len(zoho.books.items) == 1


async def test_the_scopes_of_items_are_named_and_the_connection_goes_on(zoho: Zoho) -> None:
    world = await a_world(zoho)
    world.session = await zoho.session("ZohoBooks.contacts.ALL", "ZohoBooks.invoices.ALL", "ZohoBooks.settings.READ")
    with pytest.raises(Refused, match=r"ZohoBooks\.settings\.CREATE") as caught:
        await item(world)
    assert caught.value.cause == "scope"
    world.add("contact")
    call = called("get_contact", world.view, id=world.ids["contact"])
    assert (await app.actions["get_contact"].apply(call, world.session)).operation == "read"
