"""Polls: nothing that changed is left out, nothing is read twice, and no list is trusted."""

from __future__ import annotations

import pytest

from pipeline.apps.zohobooks import app
from pipeline.errors import Wait
from pipeline.sandbox.faults import blocked
from tests.apps.zohobooks.poller import Poller
from tests.apps.zohobooks.support import Zoho
from tests.apps.zohobooks.world import DAY, World, a_world


async def begun(zoho: Zoho, name: str, *things: str, wanted: tuple[str, ...] = ()) -> tuple[World, Poller]:
    """A poll whose first sweep is over."""
    world = await a_world(zoho, *things)
    poller = Poller(name, world, wanted)
    await poller.sweep()
    poller.calls.clear()
    zoho.served.clock.advance(120)
    return world, poller


def contact(world: World, name: str, **fields: object) -> str:
    made = world.by_hand("POST", "contacts", {"contact_name": name, **fields})
    return str(made["contact"]["contact_id"])


def pay(world: World, amount: int) -> str:
    body = {"customer_id": "${contact}", "payment_mode": "cash", "amount": amount, "date": DAY, "invoices": []}
    return str(world.by_hand("POST", "customerpayments", body)["payment"]["payment_id"])


def hold_unlimited(zoho: Zoho) -> None:
    limits = zoho.books.limits
    limits.config = type(limits.config)(per_minute=None, per_day=None, in_flight=None)


async def test_more_than_a_page_of_changes_is_found_whole_a_few_reads_a_step(zoho: Zoho) -> None:
    hold_unlimited(zoho)
    world, poller = await begun(zoho, "contacts")
    made = {contact(world, f"Customer {number}") for number in range(230)}
    found = await poller.sweep()
    assert {each.subject for each in found} == made
    assert {each.trigger for each in found} == {"contact.created"}
    assert len(found) == 230
    assert sum(poller.calls) <= 230 + 2


async def test_what_a_lagging_list_shows_late_is_found_within_the_overlap(zoho: Zoho) -> None:
    world, poller = await begun(zoho, "invoices", "contact")
    zoho.change(list_lag_seconds=60.0)
    body = {"customer_id": "${contact}", "date": DAY, "line_items": [{"name": "x", "rate": 1}]}
    late = world.by_hand("POST", "invoices", body)["invoice"]["invoice_id"]
    assert await poller.sweep() == []
    zoho.served.clock.advance(70)
    (found,) = await poller.sweep()
    assert (found.trigger, found.subject) == ("invoice.created", late)


async def test_going_back_behind_the_last_change_reads_nothing_twice(zoho: Zoho) -> None:
    world, poller = await begun(zoho, "contacts")
    contact(world, "Seen once")
    assert len(await poller.sweep()) == 1
    poller.calls.clear()
    zoho.served.clock.advance(60)
    assert await poller.sweep() == []
    assert poller.calls == [1]


async def test_a_filter_that_is_not_heeded_is_made_good_by_comparing_each_row(zoho: Zoho) -> None:
    hold_unlimited(zoho)
    world, poller = await begun(zoho, "invoices", "contact")
    line = [{"name": "x", "rate": 1}]
    for _ in range(205):
        world.by_hand("POST", "invoices", {"customer_id": "${contact}", "date": DAY, "line_items": line})
    zoho.served.clock.advance(4_000)
    zoho.change(ignored_filters=["last_modified_time"])
    await poller.sweep()
    zoho.served.clock.advance(4_000)
    last = list(zoho.books.invoices)[-1]["invoice_id"]
    world.by_hand("POST", f"invoices/{last}/status/sent")
    found = await poller.sweep()
    assert {each.subject for each in found} == {last}
    assert poller.after == 3_600.0, "a list that has to be read whole is read seldom"


async def test_only_what_flows_want_is_read(zoho: Zoho) -> None:
    world, poller = await begun(zoho, "contacts", "contact", wanted=("contact.inactive",))
    world.by_hand("PUT", "contacts/${contact}", {"contact_name": "Renamed"})
    assert await poller.sweep() == []
    assert poller.calls == [1]


async def test_a_contact_made_and_edited_between_two_sweeps_is_told_as_both(zoho: Zoho) -> None:
    world, poller = await begun(zoho, "contacts")
    id_ = contact(world, "New")
    zoho.served.clock.advance(30)
    world.by_hand("PUT", f"contacts/{id_}", {"contact_name": "New and edited"})
    assert [each.trigger for each in await poller.sweep()] == ["contact.created", "contact.updated"]


async def test_vendors_are_passed_over(zoho: Zoho) -> None:
    world, poller = await begun(zoho, "contacts")
    contact(world, "A vendor", contact_type="vendor")
    assert await poller.sweep() == []


async def test_what_is_deleted_between_the_list_and_the_read_is_left_out(zoho: Zoho) -> None:
    world, poller = await begun(zoho, "contacts")
    ids = [contact(world, f"Customer {number}") for number in range(6)]
    look = poller.cursor
    hold_unlimited(zoho)
    world.by_hand("DELETE", f"contacts/{ids[0]}")
    poller.cursor = {**look, "pending": [[id_, True] for id_ in ids]}
    assert {each.subject for each in await poller.sweep()} == set(ids[1:])


async def test_a_poll_that_is_switched_off_makes_no_call(zoho: Zoho) -> None:
    world = await a_world(zoho)
    for name in app.polls:
        poller = Poller(name, world)
        assert await poller.sweep(poll_seconds=0) == []
        assert (poller.calls, poller.after) == ([0], 86_400.0)


async def test_a_cursor_of_another_form_begins_anew(zoho: Zoho) -> None:
    world = await a_world(zoho, "contact")
    for name in app.polls:
        poller = Poller(name, world, cursor={"page": "seven", "known": 3, "seen": []})
        await poller.sweep()
        assert poller.after > 0


async def test_a_block_of_the_organization_is_told_and_the_sweep_goes_on_where_it_was(zoho: Zoho) -> None:
    world, poller = await begun(zoho, "contacts")
    id_ = contact(world, "New")
    zoho.served.place(blocked(method="GET", path="*/contacts"))
    with pytest.raises(Wait):
        await poller.sweep()
    assert [each.subject for each in await poller.sweep()] == [id_]


async def test_payments_beyond_a_page_are_found_and_never_again(zoho: Zoho) -> None:
    hold_unlimited(zoho)
    world, poller = await begun(zoho, "payments", "contact")
    made = {pay(world, number + 1) for number in range(230)}
    found = await poller.sweep()
    assert {each.subject for each in found} == made
    assert len(found) == 230
    for _ in range(3):
        zoho.served.clock.advance(400)
        assert await poller.sweep() == []


async def test_a_payment_that_a_list_misses_but_that_can_be_read_was_not_deleted(zoho: Zoho) -> None:
    world, poller = await begun(zoho, "payments", "contact")
    id_ = pay(world, 5)
    assert [each.subject for each in await poller.sweep()] == [id_]
    zoho.change(list_lag_seconds=100_000.0)
    for _ in range(4):
        assert await poller.sweep() == []
    zoho.change(list_lag_seconds=0.0)
    world.by_hand("DELETE", f"customerpayments/{id_}")
    found = [*await poller.sweep(), *await poller.sweep(), *await poller.sweep()]
    assert [(each.trigger, each.subject) for each in found] == [("payment.deleted", id_)]


async def test_an_invoice_is_told_as_overdue_once_though_it_is_looked_at_every_hour(zoho: Zoho) -> None:
    world, poller = await begun(zoho, "overdue", "sent")
    zoho.served.clock.advance(86_400)
    (found,) = await poller.sweep()
    assert (found.trigger, found.subject) == ("invoice.overdue", world.ids["invoice"])
    for _ in range(30):
        zoho.served.clock.advance(3_600)
        assert await poller.sweep() == []
