"""Updates keep the books safe: drafts change, what was sent does not; what a person deleted is told, not made again."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pipeline.apps.base import Applied, Park, Refuse, Skip, Superseded, Unchanged
from pipeline.apps.zohobooks import app
from pipeline.errors import InDoubt, Refused
from pipeline.sandbox.faults import Fault
from pipeline.schemas.documents import Invoice
from tests.apps.zohobooks.support import ACCOUNT, SOURCE, Known, Zoho, called, invoice, line, party, plan
from tests.apps.zohobooks.world import World, a_world

LOWER, HIGHER = invoice(line("60.00")), invoice(line("130.00"))


async def update(world: World, document: Invoice, **options: Any) -> Applied:
    given = {"invoice": document, "source": SOURCE, **options}
    return await app.actions["update_invoice"].apply(called("update_invoice", world.view, **given), world.session)


def held(zoho: Zoho) -> dict[str, Any]:
    (found,) = zoho.books.invoices
    return found


async def test_a_draft_is_brought_up_to_date_and_keeps_its_number_and_customer(zoho: Zoho) -> None:
    world = await a_world(zoho, "invoice")
    before = held(zoho)
    done = await update(world, LOWER)
    after = held(zoho)
    assert (done.operation, done.output["total"]) == ("updated", "60.00")
    assert after["total"] == Decimal("60.00")
    for field in ("invoice_id", "invoice_number", "customer_id", "currency_code"):
        assert after[field] == before[field]


async def test_what_the_new_document_has_no_more_is_cleared(zoho: Zoho) -> None:
    world = await a_world(zoho, "invoice")
    world.by_hand("PUT", "invoices/${invoice}", {"adjustment": -5, "adjustment_description": "Old", "discount": 10})
    await update(world, LOWER)
    assert held(zoho)["total"] == Decimal("60.00")
    assert held(zoho)["adjustment_description"] == ""


@pytest.mark.parametrize("document", [LOWER, HIGHER], ids=["lower", "higher"])
@pytest.mark.parametrize("thing", ["sent", "payment"])
async def test_a_document_that_was_sent_or_paid_is_refused_and_not_touched(
    zoho: Zoho, thing: str, document: Invoice
) -> None:
    world = await a_world(zoho, thing)
    before = held(zoho)
    with pytest.raises(Refused, match="never rewritten") as caught:
        await update(world, document)
    assert (caught.value.cause, caught.value.code) == ("conflict", "not_a_draft")
    assert held(zoho) == before


async def test_by_option_a_lower_total_of_a_sent_document_is_credited_once(zoho: Zoho) -> None:
    world = await a_world(zoho, "sent")
    done = await update(world, LOWER, booked="credit_note")
    (note,) = zoho.books.creditnotes
    assert (note["total"], note["status"]) == (Decimal("40.00"), "closed")
    assert done.output["credit_note_id"] == note["creditnote_id"]
    assert (held(zoho)["total"], held(zoho)["balance"]) == (Decimal("100.00"), Decimal("60.00"))
    again = await update(world, LOWER, booked="credit_note")
    assert len(zoho.books.creditnotes) == 1
    assert again.output["credit_note_id"] == note["creditnote_id"]
    assert held(zoho)["balance"] == Decimal("60.00")


@pytest.mark.parametrize("path", ["*/creditnotes", "*/creditnotes/*/invoices"])
async def test_a_correction_whose_answer_was_lost_is_made_once(zoho: Zoho, path: str) -> None:
    world = await a_world(zoho, "sent")
    method = "PUT" if path == "*/creditnotes" else "POST"
    zoho.served.place(Fault(effect="lose_answer", method=method, path=path))
    with pytest.raises(InDoubt):
        await update(world, LOWER, booked="credit_note")
    await update(world, LOWER, booked="credit_note")
    assert len(zoho.books.creditnotes) == 1
    assert held(zoho)["balance"] == Decimal("60.00")


async def test_a_corrected_document_that_changes_again_is_for_a_person(zoho: Zoho) -> None:
    world = await a_world(zoho, "sent")
    world.view.learn((await update(world, LOWER, booked="credit_note")).pair)
    assert isinstance(plan("update_invoice", world.view, invoice=LOWER, source=SOURCE), Unchanged)
    planned = plan("update_invoice", world.view, invoice=invoice(line("50.00")), source=SOURCE, booked="credit_note")
    assert isinstance(planned, Refuse)
    assert planned.code == "credited"


async def test_a_credit_note_is_not_made_of_a_higher_total_nor_without_its_field(zoho: Zoho) -> None:
    world = await a_world(zoho, "sent")
    with pytest.raises(Refused, match="credits nothing"):
        await update(world, HIGHER, booked="credit_note")
    world.view.profile = {**world.view.profile, "ways": {"credit_note": "reference"}}
    with pytest.raises(Refused, match="cf_togai_credit_note_id"):
        await update(world, LOWER, booked="credit_note")
    assert len(zoho.books.creditnotes) == 0


async def test_an_older_state_is_superseded_and_the_same_one_unchanged(zoho: Zoho) -> None:
    world = await a_world(zoho, "invoice")
    old = invoice(line("60.00"), version="2020-01-01T00:00:00Z")
    assert isinstance(plan("update_invoice", world.view, invoice=old, source=SOURCE), Superseded)
    world.view.learn((await update(world, LOWER)).pair)
    assert isinstance(plan("update_invoice", world.view, invoice=LOWER, source=SOURCE), Unchanged)


@pytest.mark.parametrize(("missing", "kind"), [("park", Park), ("skip", Skip), ("refuse", Refuse)])
def test_an_invoice_that_is_not_booked_is_waited_for_left_or_refused(missing: str, kind: type) -> None:
    assert isinstance(plan("update_invoice", Known(), invoice=LOWER, source=SOURCE, missing=missing), kind)


async def test_an_invoice_that_was_deleted_by_hand_is_told_and_not_made_again(zoho: Zoho) -> None:
    world = await a_world(zoho, "invoice")
    world.by_hand("DELETE", "invoices/${invoice}")
    with pytest.raises(Refused, match="it was deleted in Zoho Books") as caught:
        await update(world, LOWER, customer_id=world.ids["contact"])
    assert caught.value.cause == "not_found"
    assert len(zoho.books.invoices) == 0


async def test_by_option_it_is_made_again_and_takes_the_place_of_the_old_one(zoho: Zoho) -> None:
    world = await a_world(zoho, "invoice")
    world.by_hand("DELETE", "invoices/${invoice}")
    with pytest.raises(Refused, match="no customer_id"):
        await update(world, LOWER, removed="recreate")
    done = await update(world, LOWER, removed="recreate", customer_id=world.ids["contact"])
    assert done.pair is not None
    assert done.pair.replaces is not None
    assert done.pair.replaces.id == world.ids["invoice"]
    assert done.pair.destination.id == held(zoho)["invoice_id"] != world.ids["invoice"]
    assert any("deleted" in warning for warning in done.warnings)
    world.view.learn(done.pair)
    assert isinstance(plan("update_invoice", world.view, invoice=LOWER, source=SOURCE), Unchanged)


async def test_a_customer_that_was_deleted_by_hand_is_told_or_by_option_made_again(zoho: Zoho) -> None:
    world = await a_world(zoho, "contact")
    world.by_hand("DELETE", "contacts/${contact}")
    action = app.actions["upsert_contact"]
    given = {"party": party(), "source": ACCOUNT}
    with pytest.raises(Refused, match="it was deleted in Zoho Books"):
        await action.apply(called("upsert_contact", world.view, **given), world.session)
    assert len(zoho.books.contacts) == 0
    done = await action.apply(called("upsert_contact", world.view, **given, removed="recreate"), world.session)
    (made,) = zoho.books.contacts
    assert made["currency_code"] == "USD"
    assert done.pair is not None
    assert done.pair.replaces is not None
    assert (done.operation, done.pair.destination.id) == ("created", made["contact_id"])


@pytest.mark.parametrize("action", ["void_invoice", "write_off_invoice"])
async def test_what_is_to_become_of_a_deleted_invoice_is_told(zoho: Zoho, action: str) -> None:
    world = await a_world(zoho, "invoice")
    world.by_hand("DELETE", "invoices/${invoice}")
    with pytest.raises(Refused, match="it was deleted in Zoho Books"):
        await app.actions[action].apply(called(action, world.view, source=SOURCE), world.session)


async def test_an_invoice_with_payments_is_made_void_only_by_option(zoho: Zoho) -> None:
    world = await a_world(zoho, "payment")
    action = app.actions["void_invoice"]
    with pytest.raises(Refused, match="has payments or credits"):
        await action.apply(called("void_invoice", world.view, source=SOURCE), world.session)
    assert held(zoho)["status"] == "partially_paid"
    await action.apply(called("void_invoice", world.view, source=SOURCE, settled="void"), world.session)
    (payment,) = zoho.books.customerpayments
    assert (held(zoho)["status"], payment["unused_amount"]) == ("void", Decimal(40))


async def test_a_draft_is_not_written_off_and_a_paid_invoice_is_left_as_it_is(zoho: Zoho) -> None:
    world = await a_world(zoho, "invoice")
    action = app.actions["write_off_invoice"]
    with pytest.raises(Refused, match="is a draft"):
        await action.apply(called("write_off_invoice", world.view, source=SOURCE), world.session)
    world.add("sent")
    body = {"customer_id": "${contact}", "payment_mode": "cash", "amount": 100, "date": "2026-01-01"}
    parts = [{"invoice_id": "${invoice}", "amount_applied": 100}]
    world.by_hand("POST", "customerpayments", {**body, "invoices": parts})
    done = await action.apply(called("write_off_invoice", world.view, source=SOURCE), world.session)
    assert done.operation == "unchanged"
    assert held(zoho)["write_off_amount"] == 0


async def test_by_option_a_draft_is_marked_as_sent_before_it_is_written_off(zoho: Zoho) -> None:
    world = await a_world(zoho, "invoice")
    call = called("write_off_invoice", world.view, source=SOURCE, draft="send")
    done = await app.actions["write_off_invoice"].apply(call, world.session)
    assert (done.operation, held(zoho)["status"], held(zoho)["write_off_amount"]) == ("written", "paid", 100)


async def test_a_void_invoice_is_neither_mailed_nor_marked_as_sent(zoho: Zoho) -> None:
    world = await a_world(zoho, "sent")
    world.by_hand("POST", "invoices/${invoice}/status/void")
    for action, more in (("email_invoice", {"to": ["a@acme.example"]}), ("mark_invoice_sent", {})):
        given = {"source": SOURCE, **more}
        with pytest.raises(Refused, match="void"):
            await app.actions[action].apply(called(action, world.view, **given), world.session)


@pytest.mark.parametrize(("version", "planned"), [("", Unchanged), ("2023-11-30T00:00:00Z", Unchanged)])
async def test_a_customer_that_we_made_inactive_is_not_made_so_again_for_the_same_event(
    zoho: Zoho, version: str, planned: type
) -> None:
    world = await a_world(zoho, "contact")
    action = app.actions["deactivate_contact"]
    done = await action.apply(called("deactivate_contact", world.view, source=ACCOUNT), world.session)
    world.view.learn(done.pair)
    assert isinstance(plan("deactivate_contact", world.view, source=ACCOUNT, version=version), planned)
    world.by_hand("POST", "contacts/${contact}/active")
    later = called("deactivate_contact", world.view, source=ACCOUNT, version="2027-01-01T00:00:00Z")
    await action.apply(later, world.session)
    assert next(iter(zoho.books.contacts))["status"] == "inactive"
