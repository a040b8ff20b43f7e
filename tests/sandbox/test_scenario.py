"""The demo's data adds up and says what must come of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pipeline.sandbox import scenario
from pipeline.sandbox.clock import VirtualClock
from pipeline.sandbox.ledger import Ledger
from pipeline.sandbox.togai.money import DECIMALS
from pipeline.sandbox.togai.state import State
from tests.sandbox.support import sandbox_config


def fresh() -> State:
    return State(sandbox_config().togai, VirtualClock(), Ledger())


def nodes(node: dict[str, Any]) -> list[dict[str, Any]]:
    return [node, *(found for child in node.get("lineItems", []) for found in nodes(child))]


def expected_value(node: dict[str, Any]) -> Decimal:
    """What a node's value must be: its children's sum, with credits taken off in NET."""
    signs = {"TOTAL_CREDITS": -1}
    return sum(
        (child["value"] * signs.get(child["type"], 1) for child in node["lineItems"]),
        Decimal(0),
    )


def test_a_dozen_accounts_and_fifteen_invoices_of_which_ten_must_arrive() -> None:
    state = fresh()
    expected = scenario.demo(state)
    assert (expected.accounts, expected.invoices) == (12, 15)
    assert (len(expected.contacts), len(set(expected.contacts))) == (13, 13)
    assert (len(expected.arriving), len(expected.withheld)) == (10, 5)
    ids = {invoice.id for invoice in expected.arriving}
    assert ids | expected.withheld.keys() == state.invoices.keys()
    for id_ in ids:
        invoice = state.invoices[id_]
        assert (invoice["status"], invoice["invoiceClass"]) == ("DUE", "INVOICE")
        assert invoice["totalAmount"] > 0
        assert invoice["ownerId"] in expected.contacts
    assert {"JPY", "KWD", "EUR", "INR", "USD"} == {invoice.currency for invoice in expected.arriving}


def test_every_level_of_every_invoice_adds_up_in_its_currencys_decimals() -> None:
    state = fresh()
    scenario.demo(state)
    checked = 0
    for invoice in state.invoices.values():
        tree = invoice["revenueInfo"]
        assert tree["value"] == invoice["totalAmount"]
        places = DECIMALS.get(tree["units"], 2)
        for node in nodes(tree):
            assert -node["value"].as_tuple().exponent == places
            if "lineItems" in node:
                assert node["value"] == expected_value(node), node["description"]
                checked += 1
    assert checked > 80


def test_the_full_example_is_1138_70() -> None:
    state = fresh()
    first = scenario.demo(state).arriving[0]
    assert (first.owner_id, str(first.total)) == ("acme-prod", "1138.70")
    types = {node["type"] for node in nodes(state.invoices[first.id]["revenueInfo"])}
    assert {"TRUE_UP_AMOUNT", "SUB_CREDITS", "TAX_AMOUNT", "ADVANCED_FIXED_FEE", "MISCELLANEOUS_CHARGE"} <= types


def test_the_same_run_gives_the_same_ids() -> None:
    assert scenario.demo(fresh()) == scenario.demo(fresh())


@pytest.mark.parametrize(("accounts", "invoices"), [(3, 0), (4, 10)])
def test_bulk_data_must_arrive_whole(accounts: int, invoices: int) -> None:
    state = fresh()
    expected = scenario.bulk(state, accounts, invoices, seed=7)
    assert (len(state.accounts), len(state.invoices)) == (accounts, invoices)
    assert (len(expected.contacts), len(expected.arriving)) == (accounts, invoices)
    assert expected == scenario.bulk(fresh(), accounts, invoices, seed=7)
