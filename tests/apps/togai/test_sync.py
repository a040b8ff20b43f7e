"""Going through everything, over real HTTP against the twin, attempt by attempt as a sink makes them."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.apps.base import Applied, Found, Refuse
from pipeline.apps.togai import app
from pipeline.errors import EffectError
from pipeline.flows.compile import load_flow
from pipeline.flows.source import FlowFaults
from pipeline.sandbox.faults import Fault
from pipeline.sandbox.togai.documents import consolidate
from tests.apps.togai.test_polls import customers, invoices, to_status
from tests.apps.togai.world import World


async def gone_through(world: World, name: str, **input: Any) -> tuple[list[Found], Applied]:
    """All that it finds, and its end. An attempt that fails is made again, as it began."""
    found: list[Found] = []
    for _ in range(200):
        since = len(world.togai.ledger.entries)
        try:
            done = await world.carry_out(name, **input)
        except EffectError:
            continue
        assert len(world.togai.ledger.entries) - since <= app.actions[name].most  # type: ignore[attr-defined]
        found += done.found
        if done.go_on is None:
            return found, done
        input |= done.go_on
    raise AssertionError("it does not end")


def told(found: list[Found]) -> list[tuple[str, str]]:
    return [(each.trigger, each.subject) for each in found]


async def test_every_account_is_given_once_over_all_pages(world: World) -> None:
    customers(world, *(f"a{number}" for number in range(120)))
    world.by_api("DELETE", "accounts/a5")
    found, done = await gone_through(world, "sync_accounts")
    assert len(found) == 121
    assert set(told(found)) == {
        ("account.archived" if id_ == "a5" else "account.created", id_) for id_ in world.state.accounts
    }
    assert done.output == {"given": 121, "missing": []}
    assert all(each.sourceversion == app.version(each.trigger, each.data) != "" for each in found if not each.hint)


async def test_a_page_that_fails_is_repeated_and_nothing_is_left_out(world: World) -> None:
    customers(world, *(f"a{number}" for number in range(120)))
    world.togai.place(Fault(effect="answer", path="/accounts", nth=2, status=503))
    found, _ = await gone_through(world, "sync_accounts")
    assert {each.subject for each in found} == set(world.state.accounts)


async def test_an_account_without_mail_is_given_as_a_hint(world: World) -> None:
    world.togai.call(lambda: world.state.accounts["acme-prod"].pop("primaryEmail"))
    (found,), _ = await gone_through(world, "sync_accounts")
    assert (found.hint, found.data) == (True, {"id": "acme-prod"})
    (named,), _ = await gone_through(world, "sync_accounts", ids=["acme-prod"])
    assert named.data["customer"]["id"] == "acme"


async def test_invoices_are_given_by_what_they_have_come_to(world: World) -> None:
    world.add("draft")
    due, paid, void, lost = invoices(world, 4)
    to_status(world, paid, "PAID")
    to_status(world, void, "VOID")
    to_status(world, lost, "UN_COLLECTIBLE")
    world.happen("order")
    found, done = await gone_through(world, "sync_invoices")
    assert set(told(found)) == {
        ("invoice.generated", due),
        ("invoice.generated", paid),
        ("invoice.paid", paid),
        ("invoice.voided", void),
        ("invoice.generated", lost),
        ("invoice.uncollectible", lost),
        ("order.generated", world.ids["order"]),
    }
    assert all("revenueInfo" in each.data for each in found)
    assert done.output["given"] == 5


async def test_members_of_a_group_are_left_out_for_the_groups_own_invoice(world: World) -> None:
    world.add("draft")
    group = world.by_api("POST", "invoice_groups", {"name": "All", "accountIds": ["acme-prod"]})
    composite = world.togai.call(lambda: consolidate(world.state, group["id"], [world.ids["invoice"]]))
    found, _ = await gone_through(world, "sync_invoices")
    assert told(found) == [("invoice.generated", composite["id"])]


async def test_statuses_narrow_what_is_given(world: World) -> None:
    due, paid = invoices(world, 2)
    to_status(world, paid, "PAID")
    found, _ = await gone_through(world, "sync_invoices", statuses=["DUE"])
    assert told(found) == [("invoice.generated", due)]


async def test_ids_that_are_named_are_all_that_is_given_and_those_that_are_missing_are_said(world: World) -> None:
    customers(world, *(f"a{number}" for number in range(20)))
    ids = ["a1", "nobody", *(f"a{number}" for number in range(2, 9))]
    found, done = await gone_through(world, "sync_accounts", ids=ids)
    assert [subject for _, subject in told(found)] == [id_ for id_ in ids if id_ != "nobody"]
    assert done.output == {"given": 8, "missing": ["nobody"]}
    assert "nobody" in done.warnings[0]


@pytest.mark.parametrize("ids", [[""], ["x"] * 10_001])
def test_ids_that_cannot_be_meant_are_refused(world: World, ids: list[str]) -> None:
    assert isinstance(world.plan("sync_accounts", ids=ids), Refuse)


@pytest.mark.parametrize("event", ["account.created", "account.archived"])
def test_a_flow_that_goes_through_what_starts_it_would_never_end_and_is_refused(event: str) -> None:
    flow = f"""
id: for-ever
name: For ever
type: outbound
trigger: {{app: togai, event: {event}}}
actions:
  - {{id: all, app: togai, action: sync_accounts}}
"""
    with pytest.raises(FlowFaults, match="start itself"):
        load_flow(flow, {"togai": app})
