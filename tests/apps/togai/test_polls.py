"""Polls over real HTTP against the twin: what they find, what it costs, and that no owner's end loses anything."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from pipeline.apps.base import Found
from pipeline.apps.togai import app
from pipeline.apps.togai.polls.census import SIZE, census, read_census
from pipeline.errors import EffectError
from pipeline.sandbox.faults import Fault
from pipeline.sandbox.togai.documents import InvoiceSpec, draft, generate, set_status
from tests.apps.togai.poller import Poller
from tests.apps.togai.world import CUSTOMER, HUNDRED, World, payment_of


def customers(world: World, *ids: str) -> None:
    for id_ in ids:
        body = {**CUSTOMER, "id": id_, "account": {"id": id_, "name": f"Account {id_}"}}
        world.togai.call(lambda body=body: world.state.create_customer(body))  # type: ignore[misc]


def rename(world: World, *ids: str, to: str = "Another name") -> None:
    """By a person, in Togai's UI."""
    for id_ in ids:
        after = {**world.state.accounts[id_], "name": to}

        def change(id_: str = id_, after: dict[str, Any] = after) -> None:
            world.state.accounts[id_] = after
            world.state.touch("account", id_)

        world.togai.call(change)


def invoices(world: World, count: int) -> list[str]:
    def make() -> str:
        spec = InvoiceSpec(account_id="acme-prod", parts=HUNDRED)
        return str(generate(world.state, draft(world.state, spec)["id"])["id"])

    return [world.togai.call(make) for _ in range(count)]


def to_status(world: World, id_: str, status: str) -> None:
    world.togai.clock.advance(1)
    world.togai.call(lambda: set_status(world.state, id_, status))


def told(found: list[Found]) -> list[tuple[str, str]]:
    return sorted((each.trigger, each.subject) for each in found)


# --- accounts ---------------------------------------------------------------------------------------------------------


async def test_the_first_sweep_tells_nothing_and_later_ones_what_differs(world: World) -> None:
    poller = Poller("accounts", world)
    assert await poller.sweep() == []
    customers(world, "new")
    rename(world, "acme-prod")
    assert told(await poller.sweep()) == [("account.created", "new"), ("account.updated", "acme-prod")]
    assert await poller.sweep() == []


async def test_a_sweep_that_finds_nothing_costs_one_call_of_many_pages(world: World) -> None:
    customers(world, *(f"a{number}" for number in range(120)))
    poller = Poller("accounts", world)
    await poller.sweep()
    poller.calls.clear()
    assert await poller.sweep() == []
    assert poller.calls == [1]
    world.togai.clock.advance(3_700)
    poller.calls.clear()
    assert await poller.sweep() == []
    assert len(poller.calls) >= 3


async def test_an_account_that_is_archived_is_told_as_that(world: World) -> None:
    poller = Poller("accounts", world)
    await poller.sweep()
    world.by_api("DELETE", "accounts/acme-prod")
    assert told(await poller.sweep()) == [("account.archived", "acme-prod")]


async def test_an_account_that_was_changed_and_changed_back_is_told_each_time(world: World) -> None:
    poller = Poller("accounts", world)
    await poller.sweep()
    seen: list[Found] = []
    for name in ("Another name", "Acme Production", "Another name"):
        rename(world, "acme-prod", to=name)
        world.togai.clock.advance(300)
        seen += await poller.sweep()
    assert seen[0].sourceversion == seen[2].sourceversion != seen[1].sourceversion
    assert [each.trigger for each in seen] == ["account.updated"] * 3


async def test_a_successor_finds_what_changed_while_nobody_looked(world: World) -> None:
    customers(world, *(f"a{number}" for number in range(60)))
    poller = Poller("accounts", world)
    await poller.sweep()
    rename(world, "a7")
    customers(world, "new")
    found = told(await poller.successor().sweep())
    assert ("account.created", "new") in found
    assert ("account.updated", "a7") in found
    assert ("account.updated", "new") not in found


async def test_a_successor_after_quiet_days_tells_nothing(world: World) -> None:
    customers(world, *(f"a{number}" for number in range(60)))
    poller = Poller("accounts", world)
    await poller.sweep()
    assert await poller.successor().sweep() == []


async def test_what_a_failed_transaction_took_along_is_found_again(world: World) -> None:
    poller = Poller("accounts", world)
    await poller.sweep()
    customers(world, "one", "two")
    while not poller.memory["walk"].pending:
        assert await poller.step() == []
    await poller.step(committed=False)
    assert {subject for _, subject in told(await poller.sweep())} >= {"one", "two"}


async def test_a_fault_in_the_middle_of_telling_loses_nothing(world: World) -> None:
    poller = Poller("accounts", world)
    await poller.sweep()
    customers(world, "one", "two", "three")
    world.togai.place(Fault(effect="answer", path="/accounts/two", status=503))
    with pytest.raises(EffectError):
        await poller.sweep()
    assert {subject for _, subject in told(await poller.sweep())} == {"one", "two", "three"}


async def test_an_account_that_changes_while_a_sweep_is_under_way_is_not_passed_by(world: World) -> None:
    customers(world, *(f"a{number}" for number in range(120)))
    poller = Poller("accounts", world)
    await poller.sweep()
    world.togai.clock.advance(3_700)
    await poller.step()
    rename(world, "a0")
    assert told(await poller.sweep()) == [("account.updated", "a0")]


async def test_the_cursor_is_of_one_size_however_many_there_are(world: World) -> None:
    poller = Poller("accounts", world)
    await poller.sweep()
    small = len(poller.cursor["census"])
    customers(world, *(f"a{number}" for number in range(200)))
    poller = Poller("accounts", world)
    await poller.sweep()
    assert len(poller.cursor["census"]) == small == len(base64.b64encode(bytes(SIZE)))


async def test_a_list_that_says_less_than_the_object_does_not_tell_for_ever(world: World) -> None:
    poller = Poller("accounts", world)
    await poller.sweep()
    rename(world, "acme-prod")
    world.togai.call(lambda: world.state.accounts["acme-prod"].update(tags=["x"]))
    row = {**world.state.accounts["acme-prod"]}
    row.pop("tags")
    page = Fault(
        effect="answer",
        path="/accounts",
        status=200,
        times=None,
        body=msgspec.json.encode({"data": [row]}, enc_hook=str).decode(),
    )
    world.togai.place(page)
    assert told(await poller.sweep()) == [("account.updated", "acme-prod")]
    assert await poller.sweep() == []


async def test_customers_are_told_by_their_time_of_change(world: World) -> None:
    poller = Poller("customers", world)
    await poller.sweep()
    customers(world, "new")
    world.togai.clock.advance(5)
    world.by_api("PATCH", "customers/acme", {"name": "Acme Group"})
    found = await poller.sweep()
    assert told(found) == [("customer.created", "new"), ("customer.updated", "acme")]
    assert all(each.sourceversion == app.version(each.trigger, each.data) != "" for each in found)


# --- invoices ---------------------------------------------------------------------------------------------------------


async def test_an_invoice_is_told_when_it_is_generated_and_at_each_turn_of_its_life(world: World) -> None:
    poller = Poller("invoices", world)
    await poller.sweep()
    (id_,) = invoices(world, 1)
    seen = [told(await poller.sweep())]
    world.togai.clock.advance(1)
    world.by_api("POST", "payments", payment_of(id_, 40))
    seen.append(told(await poller.sweep()))
    world.togai.clock.advance(1)
    world.by_api("POST", "payments", payment_of(id_, 10, number="HB-2"))
    seen.append(told(await poller.sweep()))
    for status in ("PAID", "REFUND_INITIATED", "REFUND_COMPLETED"):
        to_status(world, id_, status)
        seen.append(told(await poller.sweep()))
    kinds = [[trigger.removeprefix("invoice.") for trigger, _ in each] for each in seen]
    assert kinds == [
        ["generated"],
        ["partially_paid", "updated"],
        ["partially_paid", "updated"],
        ["paid", "updated"],
        ["refund_initiated", "updated"],
        ["refund_completed", "updated"],
    ]


async def test_an_ongoing_invoice_is_never_told_of(world: World) -> None:
    poller = Poller("invoices", world)
    await poller.sweep()
    world.add("draft")
    assert await poller.sweep() == []


async def test_an_invoice_that_is_paid_at_once_is_found_by_the_next_whole_sweep(world: World) -> None:
    poller = Poller("invoices", world)
    await poller.sweep()
    (id_,) = invoices(world, 1)
    to_status(world, id_, "PAID")
    assert await poller.sweep() == []
    world.togai.clock.advance(3_700)
    assert told(await poller.sweep()) == [("invoice.generated", id_), ("invoice.paid", id_)]


async def test_a_successor_finds_an_invoice_that_was_paid_while_nobody_looked(world: World) -> None:
    ids = invoices(world, 30)
    poller = Poller("invoices", world)
    await poller.sweep()
    to_status(world, ids[3], "PAID")
    (new,) = invoices(world, 1)
    found = told(await poller.successor().sweep())
    assert ("invoice.paid", ids[3]) in found
    assert ("invoice.generated", new) in found


async def test_between_whole_sweeps_only_open_invoices_are_listed(world: World) -> None:
    for id_ in invoices(world, 60):
        to_status(world, id_, "PAID")
    poller = Poller("invoices", world)
    await poller.sweep()
    poller.calls.clear()
    await poller.sweep()
    assert poller.calls == [1, 1, 1, 1]


# --- payments and credits ---------------------------------------------------------------------------------------------


async def test_payments_are_told_once_whoever_made_them(world: World) -> None:
    (id_,) = invoices(world, 1)
    world.by_api("POST", "payments", payment_of(id_, 5, number="before"))
    world.togai.clock.advance(60)
    poller = Poller("payments", world)
    assert await poller.sweep() == []
    world.togai.clock.advance(60)
    made = {world.by_api("POST", "payments", payment_of(id_, 1, number=f"HB-{number}"))["id"] for number in range(60)}
    found = await poller.sweep()
    assert {each.subject for each in found} == made
    assert len(found) == 60
    world.togai.clock.advance(3_600)
    assert await poller.sweep() == []
    late = world.by_api("POST", "payments", payment_of(id_, 1, number="late"))["id"]
    assert [each.subject for each in await poller.successor().sweep()] == [late]


async def test_credits_are_told_when_granted_and_when_voided(world: World) -> None:
    poller = Poller("credits", world)
    await poller.sweep()
    world.add("credit")
    assert told(await poller.sweep()) == [("credit.granted", world.ids["credit"])]
    world.togai.clock.advance(3_700)
    world.by_api("POST", f"credits/{world.ids['credit']}/void")
    assert told(await poller.sweep()) == [("credit.voided", world.ids["credit"])]


@pytest.mark.parametrize("name", [name for name, poll in app.polls.items() if poll.most])
async def test_a_poll_that_is_switched_off_makes_no_call(world: World, name: str) -> None:
    poller = Poller(name, world)
    assert await poller.sweep(poll_seconds=0) == []
    assert poller.calls == [0]


@pytest.mark.parametrize("name", [name for name, poll in app.polls.items() if poll.most])
@pytest.mark.parametrize("cursor", [{"census": 7, "step": "x", "since": 5, "told": []}, {"census": "AAAA"}])
async def test_a_cursor_of_another_form_begins_anew(world: World, name: str, cursor: dict[str, Any]) -> None:
    poller = Poller(name, world, cursor=cursor)
    assert await poller.sweep() == []


# --- the census -------------------------------------------------------------------------------------------------------


def test_a_census_is_the_same_whatever_the_order_and_is_read_back() -> None:
    states = {f"id-{number}": f"v{number}" for number in range(1_000)}
    made = census(states.items())
    assert census(reversed(states.items())) == made == read_census(made.text())


def test_one_new_object_in_a_cell_is_told_from_those_that_changed() -> None:
    states = {f"id-{number}": "v1" for number in range(500)}
    differences = census(states.items()).compare({**states, "new": "v1"})
    assert (differences.new, differences.unsure) == (["new"], [])
    differences = census(states.items()).compare({**states, "id-3": "v2"})
    assert differences.new == []
    assert "id-3" in differences.unsure
    assert len(differences.unsure) < 20


@pytest.mark.parametrize("text", ["", None, 7, "AAAA", "not base64!"])
def test_what_is_no_census_is_none(text: object) -> None:
    assert read_census(text) is None


# --- schedules --------------------------------------------------------------------------------------------------------


def scheduled(world: World, *given: dict[str, str]) -> Poller:
    return Poller("schedules", world, {"schedule": given})


async def test_each_due_time_is_one_event_and_no_call(world: World) -> None:
    poller = scheduled(world, {"every": "hour"}, {"every": "hour"})
    assert await poller.step() == []
    world.togai.clock.advance(3_600)
    (found,) = await poller.step()
    assert found.subject == f"0 * * * * UTC {found.data['due']}"
    assert found.data["due"] == "2026-01-01T01:00:00Z"
    assert await poller.step() == []
    assert sum(poller.calls) == 0


async def test_of_due_times_that_were_missed_the_last_one_alone_is_told(world: World) -> None:
    poller = scheduled(world, {"cron": "0 6 * * *", "timezone": "Europe/Oslo"})
    await poller.step()
    world.togai.clock.advance(5 * 86_400)
    (found,) = await poller.successor().step()
    assert (found.data["due"], found.data["local"]) == ("2026-01-05T05:00:00Z", "2026-01-05T06:00:00+01:00")


async def test_what_was_due_before_a_flow_was_switched_on_does_not_count(world: World) -> None:
    poller = scheduled(world, {"every": "day"})
    assert await poller.step() == []
    poller.wanted = {"schedule": ({"every": "day"}, {"every": "hour"})}
    assert await poller.step() == []


async def test_the_next_look_is_when_something_is_due(world: World) -> None:
    world.togai.clock.advance(3_590)
    poller = scheduled(world, {"every": "hour"})
    await poller.step()
    assert poller.after == pytest.approx(10, abs=0.01)


async def test_a_clock_that_is_set_back_tells_nothing_twice(world: World) -> None:
    poller = scheduled(world, {"every": "hour"})
    await poller.step()
    world.togai.clock.advance(7_200)
    assert len(await poller.step()) == 1
    world.togai.clock.advance(-3_600)
    assert await poller.step() == []
    world.togai.clock.advance(3_600)
    assert await poller.step() == []


async def test_a_schedule_that_no_flow_can_have_meant_hinders_no_other(world: World) -> None:
    poller = scheduled(world, {"cron": "nonsense"}, {"every": "hour"})
    await poller.step()
    world.togai.clock.advance(3_600)
    assert len(await poller.step()) == 1
