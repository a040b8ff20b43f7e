"""Invoices of an organisation without the unique field: one a number, however answers are lost and lists lag."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.apps.base import Applied, Session
from pipeline.apps.zohobooks import app
from pipeline.apps.zohobooks.actions.by_number import MOST, own_number, own_reference
from pipeline.apps.zohobooks.lookup import PER_PAGE
from pipeline.errors import InDoubt, Refused, Retry
from pipeline.sandbox.config import CustomField
from pipeline.sandbox.faults import Fault
from pipeline.sandbox.wire import Json
from pipeline.schemas.records import ObjectRef
from tests.apps.zohobooks.support import (
    ACCOUNT,
    PROFILE,
    SOURCE,
    Known,
    Zoho,
    body,
    called,
    carried_out,
    invoice,
    line,
    party,
)

WEAKER = {**PROFILE, "ways": {"invoice": "number"}, "fields": {"invoice": False}}
CREATE = app.actions["create_invoice"]


@pytest.fixture
async def keyless(zoho: Zoho) -> Keyless:
    """A customer in an organisation without the fields, and a connection that takes the weaker way."""
    session = zoho.open(await zoho.connect(), unique_field="preferred")
    zoho.remove_fields()
    view = await zoho.view(session, unique_field="preferred")
    done = await carried_out("ensure_contact", view, session, party=party(), source=ACCOUNT)
    return Keyless(zoho, session, view, done.output["contact_id"])


class Keyless:
    """Books one invoice, as often as it is asked to."""

    def __init__(self, zoho: Zoho, session: Session, view: Known, customer: str) -> None:
        self.zoho, self.session, self.view, self.customer = zoho, session, view, customer

    @property
    def booked(self) -> list[Json]:
        return list(self.zoho.books.invoices)

    async def book(self, source: ObjectRef = SOURCE, of: Any = None, **options: Any) -> Applied:
        """One attempt; nothing is remembered, as after a lost answer."""
        given: dict[str, Any] = {"invoice": of or invoice(), "source": source, "customer_id": self.customer, **options}
        return await CREATE.apply(called("create_invoice", self.view, **given), self.session)

    def fault(self, effect: Any, method: str = "POST", **given: Any) -> None:
        self.zoho.served.place(Fault(effect=effect, method=method, path="*/invoices", **given))

    def by_hand(self, **changed: Any) -> None:
        """The first invoice, as a person changes it in Zoho; or another like it, by another `invoice_id`."""
        self.zoho.served.call(lambda: self.zoho.books.invoices.put({**self.booked[0], **changed}))


def planned(view: Known | None = None, **changes: Any) -> Any:
    options = changes.pop("options", {})
    document = invoice(**changes)
    return called(
        "create_invoice", view or Known(profile=WEAKER), invoice=document, source=SOURCE, customer_id="9", **options
    )


def test_a_create_goes_under_our_number_with_the_flag_and_without_the_field() -> None:
    call = planned()
    assert (call.operation, call.most) == ("create", MOST)
    assert (call.request.method, call.request.path) == ("POST", "/books/v3/invoices")
    assert call.request.query == {"organization_id": "10234695", "ignore_auto_number_generation": "true"}
    assert call.request.headers == {}
    assert body(call)["invoice_number"] == "2024-07-2958"
    assert body(call)["reference_number"] == "inv.1"
    assert "custom_fields" not in body(call)


@pytest.mark.parametrize("change", [{"options": {"number": "auto"}}, {"number": ""}], ids=["auto", "no number"])
def test_where_zoho_would_number_it_gets_a_number_made_from_its_id(change: dict[str, Any]) -> None:
    assert body(planned(**change))["invoice_number"] == "TG-inv.1"


def test_a_field_that_allows_duplicates_is_written_all_the_same() -> None:
    view = Known(profile={**WEAKER, "fields": {"invoice": True}})
    assert body(planned(view))["custom_fields"] == [{"api_name": "cf_togai_invoice_id", "value": "inv.1"}]


@given(st.lists(st.text(min_size=1, max_size=300), min_size=2, max_size=5, unique=True))
def test_numbers_and_references_made_from_ids_fit_and_never_become_one(ids: list[str]) -> None:
    for made, length in (([own_number("", id_) for id_ in ids], 100), ([own_reference(id_) for id_ in ids], 50)):
        assert len(set(made)) == len(ids)
        assert all(len(each) <= length for each in made)


async def test_a_fresh_invoice_costs_a_look_and_a_create_and_is_certain_by_its_answer(keyless: Keyless) -> None:
    before = len(keyless.zoho.calls())
    done = await keyless.book()
    assert keyless.zoho.calls()[before:] == ["invoices.list", "invoices.create"]
    assert (done.operation, done.settled) == ("created", "")
    (held,) = keyless.booked
    assert (held["invoice_number"], held["reference_number"]) == ("2024-07-2958", "inv.1")
    assert done.pair
    assert done.pair.destination.id == held["invoice_id"]


@pytest.mark.parametrize("effect", ["lose_answer", "cut"])
async def test_after_a_lost_answer_the_invoice_is_looked_up_and_not_posted_again(keyless: Keyless, effect: str) -> None:
    keyless.fault(effect)
    with pytest.raises(InDoubt):
        await keyless.book()
    done = await keyless.book()
    assert done.settled == "lookup"
    assert [each["invoice_id"] for each in keyless.booked] == [done.output["invoice_id"]]
    assert len(keyless.zoho.calls("invoices.create")) == 1


async def test_after_a_lost_request_it_is_created_by_the_next_attempt(keyless: Keyless) -> None:
    keyless.fault("lose_request")
    with pytest.raises(InDoubt):
        await keyless.book()
    assert (await keyless.book()).settled == ""
    assert len(keyless.booked) == 1


async def test_a_list_that_lags_makes_the_attempt_wait_and_never_a_second_invoice(keyless: Keyless) -> None:
    keyless.zoho.change(list_lag_seconds=5)
    keyless.fault("lose_answer")
    with pytest.raises(InDoubt):
        await keyless.book()
    with pytest.raises(Retry, match="does not show it yet"):
        await keyless.book()
    keyless.zoho.served.clock.advance(6)
    assert (await keyless.book()).settled == "lookup"
    assert len(keyless.booked) == 1


async def test_a_taken_number_is_found_out_by_the_list_whatever_code_zoho_answers_with(keyless: Keyless) -> None:
    keyless.fault("answer", status=400, body='{"code":4711,"message":"Nummer vergeben"}', apply=True)
    done = await keyless.book()
    assert done.settled == "lookup"
    assert len(keyless.booked) == 1


async def test_any_other_refusal_stands_when_the_list_knows_no_such_number(keyless: Keyless) -> None:
    keyless.fault("answer", status=400, body='{"code":4711,"message":"no"}')
    with pytest.raises(Refused, match="code 4711"):
        await keyless.book()
    assert keyless.booked == []


@pytest.mark.parametrize(
    "other", [{"reference_number": "somebody's"}, {"customer_id": "1"}, {"invoice_number": "2024-07-2958 "}]
)
async def test_a_number_that_is_another_documents_is_refused_as_a_conflict(
    keyless: Keyless, other: dict[str, Any]
) -> None:
    await keyless.book()
    keyless.by_hand(**other)
    if "invoice_number" in other:
        assert (await keyless.book()).settled == ""
        return
    with pytest.raises(Refused, match="is that of invoice") as caught:
        await keyless.book()
    assert (caught.value.cause, caught.value.code) == ("conflict", "number_taken")
    assert len(keyless.booked) == 1


async def test_two_that_look_like_ours_are_refused_as_a_conflict(keyless: Keyless) -> None:
    await keyless.book()
    keyless.by_hand(invoice_id="77")
    with pytest.raises(Refused, match="is that of invoice") as caught:
        await keyless.book()
    assert caught.value.cause == "conflict"


async def test_rows_that_a_loose_filter_lets_through_are_not_taken_for_ours(keyless: Keyless) -> None:
    keyless.zoho.change(loose_filters=True)
    other = ObjectRef(app="togai", type="invoice", id="inv.2")
    await keyless.book(other, invoice(id="inv.2", number="2024-07-29581"))
    assert (await keyless.book()).settled == ""
    assert sorted(each["invoice_number"] for each in keyless.booked) == ["2024-07-2958", "2024-07-29581"]
    assert (await keyless.book()).settled == "lookup"


async def test_a_filter_that_zoho_ignores_finds_ours_among_all(keyless: Keyless) -> None:
    keyless.zoho.change(ignored_filters=["invoice_number"])
    for number in range(3):
        await keyless.book(ObjectRef(app="togai", type="invoice", id=f"x{number}"), invoice(id=f"x{number}", number=""))
    made = await keyless.book()
    assert (await keyless.book()).output == made.output
    assert len(keyless.booked) == 4


async def test_an_invoice_on_a_later_page_is_found(keyless: Keyless) -> None:
    keyless.zoho.change(ignored_filters=["invoice_number"])
    await keyless.book(ObjectRef(app="togai", type="invoice", id="x"), invoice(id="x", number=""))
    for number in range(PER_PAGE - 1):
        keyless.by_hand(invoice_id=f"x{number}", invoice_number=f"X-{number}")
    await keyless.book()
    assert (await keyless.book()).settled == "lookup"
    assert len(keyless.booked) == PER_PAGE + 1


async def test_a_list_too_long_to_look_through_is_refused_and_nothing_is_created(keyless: Keyless) -> None:
    page = '{"code":0,"invoices":[],"page_context":{"has_more_page":true}}'
    keyless.fault("answer", method="GET", status=200, body=page, times=None)
    with pytest.raises(Refused, match="cannot be told") as caught:
        await keyless.book()
    assert caught.value.code == "look_up"
    assert keyless.booked == []


async def test_a_draft_of_another_total_is_brought_up_to_date(keyless: Keyless) -> None:
    await keyless.book()
    done = await keyless.book(of=invoice(line("99.00")))
    assert (done.operation, done.settled, done.output["total"]) == ("updated", "lookup", "99.00")
    assert [each["total"] for each in keyless.booked] == [Decimal("99.00")]


async def test_an_invoice_that_is_no_draft_any_more_is_taken_as_it_is(keyless: Keyless) -> None:
    made = await keyless.book()
    keyless.by_hand(status="sent")
    done = await keyless.book(of=invoice(line("99.00")))
    assert done.output["invoice_id"] == made.output["invoice_id"]
    assert done.output["difference"] == "-86.66"
    assert keyless.booked[0]["total"] == Decimal("12.34")


async def test_a_late_twin_of_a_create_is_refused_by_zoho_itself(keyless: Keyless) -> None:
    keyless.fault("late", seconds=5.0, status=504)
    with pytest.raises(InDoubt):
        await keyless.book()
    await keyless.book()
    keyless.zoho.served.clock.advance(6)
    (late,) = [entry for entry in keyless.zoho.served.ledger.entries if "late" in entry.faults]
    while not late.notes:  # noqa: ASYNC110 - a twin has no event for it
        await asyncio.sleep(0.01)
    assert late.notes == ["applied late"]
    assert len(keyless.booked) == 1


async def test_of_a_field_that_allows_duplicates_another_key_decides_against_a_row(zoho: Zoho) -> None:
    session = zoho.open(await zoho.connect(), unique_field="preferred")
    field = CustomField(entity="invoice", api_name="cf_togai_invoice_id", unique=False)
    zoho.served.call(lambda: zoho.books.define(field))
    view = await zoho.view(session, unique_field="preferred")
    contact = await carried_out("ensure_contact", view, session, party=party(), source=ACCOUNT)
    keyless = Keyless(zoho, session, view, contact.output["contact_id"])
    await keyless.book()
    assert (await keyless.book()).settled == "lookup"
    with pytest.raises(Refused) as caught:
        await keyless.book(ObjectRef(app="togai", type="invoice", id="inv.2"), reference="inv.1")
    assert caught.value.code == "number_taken"
