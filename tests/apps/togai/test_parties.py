"""Customers and accounts, over real HTTP against the twin: what is refused, left alone and settled."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.apps.base import Refuse, Superseded, Unchanged
from pipeline.errors import InDoubt, Refused
from pipeline.sandbox.faults import Fault
from tests.apps.togai.world import World

CONTACT = {"app": "zohobooks", "type": "contact", "id": "7001"}
PARTY = {"type": "contact", "id": "7001", "name": "Acme Production", "email": "ap@acme.example", "currency": "USD"}


def refusal(world: World, name: str, **input: Any) -> str:
    """What a plan is refused with, be it raised or given."""
    try:
        plan = world.plan(name, **input)
    except Refused as error:
        return str(error)
    assert isinstance(plan, Refuse)
    return plan.message


NEW = {"type": "contact", "id": "7100", "name": "Fjord Ferries", "email": "post@fjord.example", "currency": "USD"}
OF_NEW = {"app": "zohobooks", "type": "contact", "id": "7100"}


async def test_an_id_that_another_has_is_refused_and_nothing_of_it_is_changed(world: World) -> None:
    since = len(world.togai.ledger.entries)
    for name, given in (
        ("create_customer", {"customer_id": "acme", "account_id": "acme-prod"}),
        ("create_customer", {"customer_id": "acme", "account_id": "acme-two"}),
        ("create_account", {"customer_id": "acme", "account_id": "acme-prod"}),
    ):
        with pytest.raises(Refused) as caught:
            await world.carry_out(name, party=NEW, source=OF_NEW, **given)
        assert (caught.value.cause, caught.value.code) == ("conflict", "id_taken")
    assert world.kinds(since, writes=True) == []


async def test_an_account_that_was_created_for_an_older_state_is_brought_up_to_date(world: World) -> None:
    await world.carry_out("create_customer", party=NEW, source=OF_NEW)
    done = await world.carry_out("create_customer", party={**NEW, "name": "Fjord Ferries AS"}, source=OF_NEW)
    assert done.settled == "lookup"
    assert world.state.accounts["7100"]["name"] == "Fjord Ferries AS"
    assert len(world.state.customers) == 2


@pytest.mark.parametrize(
    ("party", "says"),
    [
        ({**NEW, "email": ""}, "e-mail"),
        ({**NEW, "name": "Al"}, "names of 3 to 255"),
        ({**NEW, "email": "nobody"}, "no e-mail address"),
        ({**NEW, "id": "7100"}, "id of 1 to 50"),
    ],
)
def test_a_party_that_togai_would_not_take_is_refused_before_any_call(
    world: World, party: dict[str, Any], says: str
) -> None:
    long = {"customer_id": "x" * 51} if "id of" in says else {}
    assert says in refusal(world, "create_customer", party=party, source=OF_NEW, **long)


async def test_metadata_is_merged_and_what_the_party_does_not_say_stays(world: World) -> None:
    world.add("account")
    before = dict(world.state.accounts["acme-prod"])
    await world.carry_out("update_account", party={**PARTY, "tax_ids": {"VATN": "NO1"}}, source=CONTACT)
    after = world.state.accounts["acme-prod"]
    assert after["metadata"] == {"GSTN": "29ABCDE1234F1Z5", "VATN": "NO1"}
    assert {name for name in after if after[name] != before.get(name)} == {"metadata"}


async def test_an_account_that_holds_all_of_it_is_only_read(world: World) -> None:
    world.add("account")
    since = len(world.togai.ledger.entries)
    done = await world.carry_out("update_account", party=PARTY, source=CONTACT)
    assert done.operation == "unchanged"
    assert world.kinds(since) == ["accounts.get"]


async def test_an_account_keeps_its_currency_and_an_archived_one_is_not_changed(world: World) -> None:
    world.add("account")
    with pytest.raises(Refused, match="billed in USD, not in EUR"):
        await world.carry_out("update_account", party={**PARTY, "currency": "EUR"}, source=CONTACT)
    await world.carry_out("archive_account", source=CONTACT, confirm=True)
    with pytest.raises(Refused, match="is archived"):
        await world.carry_out("update_account", party=PARTY, source=CONTACT)


async def test_an_older_state_than_the_one_applied_is_superseded(world: World) -> None:
    world.add("account")
    party = {**PARTY, "name": "Acme Production AS", "version": "2026-03-01T00:00:00Z"}
    done = await world.carry_out("update_account", party=party, source=CONTACT)
    world.view.learn(done.pair)
    assert isinstance(world.plan("update_account", party=party, source=CONTACT), Unchanged)
    late = {**PARTY, "name": "Acme Prod", "version": "2026-02-01T00:00:00Z"}
    assert isinstance(world.plan("update_account", party=late, source=CONTACT), Superseded)
    assert isinstance(world.plan("update_customer", party=late, source=CONTACT), Superseded)


async def test_the_customer_of_a_mapped_account_is_updated(world: World) -> None:
    world.add("account")
    since = len(world.togai.ledger.entries)
    done = await world.carry_out("update_customer", party={**PARTY, "name": "Acme Group"}, source=CONTACT)
    assert world.kinds(since) == ["accounts.get", "customers.get", "customers.update"]
    assert done.output == {"customer_id": "acme", "account_id": "acme-prod"}
    assert world.state.customers["acme"]["name"] == "Acme Group"


def test_an_account_is_archived_only_where_the_flow_confirms_it(world: World) -> None:
    world.add("account")
    plan = world.plan("archive_account", source=CONTACT)
    assert isinstance(plan, Refuse)
    assert "confirm" in plan.message


async def test_an_account_with_an_ongoing_invoice_is_not_archived(world: World) -> None:
    world.add("draft")
    with pytest.raises(Refused, match="ongoing invoice"):
        await world.carry_out("archive_account", source=CONTACT, confirm=True)


async def test_a_country_that_is_no_code_is_left_out_with_a_warning(world: World) -> None:
    address = {"city": "Bergen", "country": "Norway"}
    done = await world.carry_out("create_customer", party={**NEW, "address": address}, source=OF_NEW)
    assert world.state.customers["7100"]["address"] == {"city": "Bergen"}
    assert "Norway" in done.warnings[0]


async def test_a_customer_whose_account_does_not_show_is_settled_later(world: World) -> None:
    world.togai.place(Fault(effect="answer", method="GET", path="/accounts/*", status=404, body='{"message":"no"}'))
    with pytest.raises(InDoubt):
        await world.carry_out("create_customer", party=NEW, source=OF_NEW)
    done = await world.carry_out("create_customer", party=NEW, source=OF_NEW)
    assert done.settled == "lookup"
