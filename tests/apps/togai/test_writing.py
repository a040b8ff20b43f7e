"""What the actions refuse, leave alone and settle, over real HTTP against the twin; its ledger judges."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pipeline.apps.base import Call, Park, Refuse, Skip, Unchanged
from pipeline.errors import Refused
from pipeline.sandbox.togai.documents import InvoiceSpec, draft, generate, set_status
from pipeline.schemas.records import ObjectRef
from tests.apps.togai.world import HUNDRED, World, payment_of

CONTACT = {"app": "zohobooks", "type": "contact", "id": "7001"}
INVOICE = {"app": "zohobooks", "type": "invoice", "id": "8001"}
PAYMENT = {"app": "zohobooks", "type": "payment", "id": "6001"}
PARTY = {"type": "contact", "id": "7001", "name": "Acme Production", "email": "ap@acme.example", "currency": "USD"}
STATUSES = ("mark_invoice_paid", "void_invoice", "mark_invoice_uncollectible", "mark_invoice_refund_initiated")


def refusal(world: World, name: str, **input: Any) -> str:
    """What a plan is refused with, be it raised or given."""
    try:
        plan = world.plan(name, **input)
    except Refused as error:
        return str(error)
    assert isinstance(plan, Refuse)
    return plan.message


def paid(amount: str, **parts: str) -> dict[str, Any]:
    """A payment of Zoho's; `parts` are by the number that follows ``i`` (``i8001="40"``)."""
    allocations = [{"invoice": name[1:], "amount": part} for name, part in parts.items()]
    return {"id": "6001", "party": PARTY, "currency": "USD", "amount": amount, "paid": "2026-01-01T00:00:00Z"} | {
        "allocations": allocations,
        "method": "cash",
        "version": "2026-01-01T00:00:00Z",
    }


# --- the life of an invoice -------------------------------------------------------------------------------------------

REACHED = {
    "DRAFT": {"void_invoice"},
    "DUE": {"mark_invoice_paid", "void_invoice", "mark_invoice_uncollectible"},
    "PARTIALLY_PAID": {"mark_invoice_paid"},
    "PAID": {"mark_invoice_paid", "mark_invoice_refund_initiated"},
    "VOID": {"void_invoice"},
    "UN_COLLECTIBLE": {"mark_invoice_paid", "void_invoice", "mark_invoice_uncollectible"},
    "REFUND_INITIATED": {"mark_invoice_paid", "mark_invoice_refund_initiated"},
    "REFUND_COMPLETED": {"mark_invoice_paid", "mark_invoice_refund_initiated"},
}
"""From each status, what can be asked for: what Togai's table allows, what is so already, and what it has passed."""


def stand(world: World, status: str) -> None:
    """An invoice of this status."""
    if status == "DRAFT":
        world.add("draft")
        return
    world.add("due")
    before = {"REFUND_INITIATED": ["PAID"], "REFUND_COMPLETED": ["PAID", "REFUND_INITIATED"]}.get(status, [])
    if status == "PARTIALLY_PAID":
        world.add("payment")
    for each in [*before, status] if status not in ("DUE", "PARTIALLY_PAID") else []:
        world.togai.call(lambda each=each: set_status(world.state, world.ids["invoice"], each))  # type: ignore[misc]


@pytest.mark.parametrize("name", STATUSES)
@pytest.mark.parametrize("status", REACHED)
async def test_an_invoice_goes_only_where_its_life_cycle_leads(world: World, status: str, name: str) -> None:
    stand(world, status)
    since = len(world.togai.ledger.entries)
    if name in REACHED[status]:
        assert (await world.carry_out(name, source=INVOICE)).output["invoice_id"] == world.ids["invoice"]
        return
    with pytest.raises(Refused, match=f"is {status} and cannot become") as caught:
        await world.carry_out(name, source=INVOICE)
    assert caught.value.cause == "conflict"
    assert world.kinds(since, writes=True) == []


async def test_an_invoice_that_was_paid_is_not_made_void_and_the_message_says_what_to_do(world: World) -> None:
    world.add("paid")
    with pytest.raises(Refused, match="it was paid: refund it in Togai instead"):
        await world.carry_out("void_invoice", source=INVOICE)


@pytest.mark.parametrize(("missing", "kind"), [("park", Park), ("skip", Skip), ("refuse", Refuse)])
def test_an_invoice_that_is_not_mapped_is_waited_for_left_or_refused(world: World, missing: str, kind: type) -> None:
    plan = world.plan("void_invoice", source=INVOICE, missing=missing)
    assert isinstance(plan, kind)


async def test_a_write_of_ours_keeps_what_the_other_direction_knows_of_the_pair(world: World) -> None:
    world.add("due")
    done = await world.carry_out("void_invoice", source=INVOICE, version="2026-02-01T00:00:00Z")
    assert done.pair is not None
    assert (done.pair.hash, done.pair.version) == ("before.sent", "2026-02-01T00:00:00Z")


# --- payments ---------------------------------------------------------------------------------------------------------


async def record(world: World, payment: dict[str, Any], **more: Any) -> Any:
    return await world.carry_out("record_payment", payment=payment, source=PAYMENT, **more)


async def test_a_payment_over_two_invoices_and_a_rest_is_wholly_allocated(world: World) -> None:
    world.add("due")
    done = await record(world, paid("70", i8001="60"), source_name="Zoho Books")
    (payment,) = world.state.payments.values()
    assert done.output == {"payment_id": payment["id"], "amount": "70"}
    assert sum(record["amount"] for record in payment["lineItemRecords"]) == 70
    assert [record["order"] for record in payment["lineItemRecords"]] == [1, 2]
    assert world.state.invoices[world.ids["invoice"]]["status"] == "PARTIALLY_PAID"


@pytest.mark.parametrize(
    ("settled", "amount", "says"),
    [("leave_out", "60", "were not recorded"), ("wallet", "80", "went to the account's wallet")],
)
async def test_what_is_not_open_any_more_is_left_out_or_goes_to_the_wallet(
    world: World, settled: str, amount: str, says: str
) -> None:
    world.add("payment")
    done = await record(world, paid("80", i8001="80"), settled=settled)
    assert done.output["amount"] == amount
    assert says in done.warnings[0]
    assert world.state.invoices[world.ids["invoice"]]["paidAmount"] == Decimal(100)


async def test_what_is_not_open_any_more_is_refused_where_that_is_wanted(world: World) -> None:
    world.add("payment")
    with pytest.raises(Refused, match="20 USD of payment 6001 is not open any more"):
        await record(world, paid("80", i8001="80"), settled="refuse")
    assert len(world.state.payments) == 1


async def test_a_payment_of_what_is_paid_already_records_nothing(world: World) -> None:
    world.add("paid")
    done = await record(world, paid("40", i8001="40"))
    assert (done.operation, done.output, done.pair) == ("unchanged", {"payment_id": "", "amount": "0"}, None)
    assert world.state.payments == {}


async def test_an_ongoing_invoice_takes_no_payment(world: World) -> None:
    world.add("draft")
    with pytest.raises(Refused, match="is DRAFT and takes no payment"):
        await record(world, paid("40", i8001="40"))


@pytest.mark.parametrize(("amount", "status"), [("100", "PAID"), ("40", "")])
async def test_an_uncollectible_invoice_is_paid_in_full_or_not_at_all(world: World, amount: str, status: str) -> None:
    world.add("un_collectible")
    if status:
        await record(world, paid(amount, i8001=amount))
        assert world.state.invoices[world.ids["invoice"]]["status"] == status
        return
    with pytest.raises(Refused, match="takes no payment of 40 of 100"):
        await record(world, paid(amount, i8001=amount))


@pytest.mark.parametrize(
    ("payment", "says"),
    [
        (paid("0"), "not above zero"),
        (paid("-5"), "not above zero"),
        (paid("30", i8001="40"), "more than it came to"),
        (paid("40", i8001="-40"), "not above zero"),
        ({**paid("40"), "currency": ""}, "names no currency"),
        (paid("60", **{f"i{number}": "1" for number in range(51)}), "more than 50 invoices"),
    ],
)
def test_a_payment_of_wrong_amounts_is_refused_before_any_call(
    world: World, payment: dict[str, Any], says: str
) -> None:
    plan = world.plan("record_payment", payment=payment, source=PAYMENT)
    assert isinstance(plan, Refuse)
    assert says in plan.message


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "1e40"])
def test_what_is_no_amount_is_refused(world: World, amount: str) -> None:
    with pytest.raises(Refused, match="no amount"):
        world.plan("record_payment", payment=paid(amount), source=PAYMENT)


async def test_a_payment_in_another_currency_than_its_invoice_is_refused(world: World) -> None:
    world.add("due")
    with pytest.raises(Refused, match="in USD, the payment in EUR"):
        await record(world, {**paid("40", i8001="40"), "currency": "EUR"})


def test_a_payment_waits_for_its_account_and_for_its_invoices(world: World) -> None:
    plan = world.plan("record_payment", payment=paid("40", i8001="40"), source=PAYMENT)
    assert isinstance(plan, Park)
    assert plan.ref == ObjectRef(**CONTACT)
    world.add("account")
    plan = world.plan("record_payment", payment=paid("40", i8001="40"), source=PAYMENT)
    assert isinstance(plan, Park)
    assert plan.ref == ObjectRef(**INVOICE)
    plan = world.plan("record_payment", payment=paid("40", i8001="40"), source=PAYMENT, unmapped="wallet")
    assert isinstance(plan, Call)
    assert b"WALLET_CREDIT" in (plan.request.body or b"")


async def test_a_payment_that_is_recorded_and_changed_since_is_refused(world: World) -> None:
    world.add("due")
    done = await record(world, paid("40", i8001="40"))
    world.view.learn(done.pair)
    assert isinstance(world.plan("record_payment", payment=paid("40", i8001="40"), source=PAYMENT), Unchanged)
    plan = world.plan("record_payment", payment=paid("50", i8001="50"), source=PAYMENT)
    assert isinstance(plan, Refuse)
    assert "has changed since" in plan.message


async def test_a_payment_over_many_invoices_looks_them_up_in_the_accounts_list(world: World) -> None:
    world.add("account")
    parts: dict[str, str] = {}
    for number in range(8100, 8106):
        spec = InvoiceSpec(account_id="acme-prod", parts=HUNDRED)
        invoice = world.togai.call(lambda spec=spec: generate(world.state, draft(world.state, spec)["id"]))  # type: ignore[misc]
        world.known("invoice", invoice["id"], "invoice", str(number))
        parts[f"i{number}"] = "100"
    since = len(world.togai.ledger.entries)
    await record(world, paid("600", **parts))
    assert world.kinds(since) == ["payments.list", "invoices.list", "payments.create"]
    assert {invoice["status"] for invoice in world.state.invoices.values()} == {"PAID"}


async def test_our_payment_is_found_among_many_of_the_account(world: World) -> None:
    world.add("account")
    first = await record(world, paid("40"), source_name="Zoho Books")
    for number in range(60):
        wallet = payment_of("", 1, number=f"HB-{number}") | {
            "lineItemRecords": [{"type": "WALLET_CREDIT", "amount": 1, "order": 1}]
        }
        world.by_api("POST", "payments", wallet)
    second = await record(world, paid("40"), source_name="Zoho Books")
    assert (second.object, second.settled) == (first.object, "lookup")
    assert sum(payment["totalAmount"] == 40 for payment in world.state.payments.values()) == 1


async def test_a_payment_of_another_source_with_our_number_is_another_one(world: World) -> None:
    world.add("due")
    world.by_api("POST", "payments", payment_of(world.ids["invoice"], 10, number="6001"))
    await record(world, paid("40", i8001="40"), source_name="Zoho Books")
    assert len(world.state.payments) == 2


# --- custom invoices and credits --------------------------------------------------------------------------------------


def billed(total: str, *amounts: str) -> dict[str, Any]:
    lines = [{"kind": "charge", "source_type": "line_item", "description": "Work", "amount": each} for each in amounts]
    return {"id": "8100", "party": PARTY, "currency": "USD", "total": total, "issued": "2025-12-31T00:00:00Z"} | {
        "lines": lines
    }


OF_BILLED = {"app": "zohobooks", "type": "invoice", "id": "8100"}


@pytest.mark.parametrize(
    ("invoice", "says"),
    [
        (billed("30", "10", "10"), "add up to 20, not to its total 30"),
        (billed("-5", "-5"), "below zero"),
        (billed("51", *["1"] * 51), "line_mode"),
        (billed("0"), "line_mode"),
    ],
)
def test_an_invoice_that_does_not_add_up_or_fit_is_refused(world: World, invoice: dict[str, Any], says: str) -> None:
    world.add("account")
    plan = world.plan("create_invoice", invoice=invoice, source=OF_BILLED)
    assert isinstance(plan, Refuse)
    assert says in plan.message


async def test_an_invoice_of_many_lines_is_billed_as_one_line_where_that_is_wanted(world: World) -> None:
    world.add("account")
    done = await world.carry_out(
        "create_invoice", invoice=billed("51", *["1"] * 51), source=OF_BILLED, line_mode="single", status="PAID"
    )
    assert (done.output["total"], done.output["status"]) == ("51", "PAID")


async def test_a_document_in_another_currency_than_the_account_is_refused(world: World) -> None:
    world.add("account")
    with pytest.raises(Refused, match="billed in USD, not in EUR"):
        await world.carry_out("create_invoice", invoice={**billed("1", "1"), "currency": "EUR"}, source=OF_BILLED)
    assert world.state.invoices == {}


async def test_a_credit_that_is_used_up_is_not_voided(world: World) -> None:
    world.add("credit")
    world.togai.call(lambda: world.state.credits[world.ids["credit"]].update(status="CONSUMED"))
    with pytest.raises(Refused, match="is CONSUMED"):
        await world.carry_out("void_credit", credit_id=world.ids["credit"])


@pytest.mark.parametrize(
    ("more", "says"),
    [({"priority": 0}, "1 to 100"), ({"effective_until": "soon"}, "2026-12-31"), ({}, "not above zero")],
)
def test_a_credit_that_togai_would_not_take_is_refused(world: World, more: dict[str, Any], says: str) -> None:
    world.add("account")
    note = {"id": "9100", "party": PARTY, "currency": "USD", "total": "5" if more else "0", "lines": []}
    note["issued"] = "2026-01-01T00:00:00Z"
    source = {"app": "zohobooks", "type": "credit_note", "id": "9100"}
    plan = world.plan("grant_credit", credit_note=note, source=source, **more)
    assert isinstance(plan, Refuse)
    assert says in plan.message
