"""A flow that makes what starts it is a fault; one that may is said by lint; the way there and back is no loop."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pipeline.flows.compile import load_flow
from pipeline.flows.lint import lint
from pipeline.flows.source import FlowFaults
from tests.flows.toy import FLOW, Fetch, ToyAction, toy_apps

LOOP = """\
id: loop
name: Loop
description: An order for each order.
type: outbound
trigger: {app: togai, event: order.created}
when: ["true"]
actions:
  - {id: again, app: togai, action: create_order, input: {id: "${trigger.subject}"}}
"""


def apps() -> dict[str, Any]:
    made = toy_apps()
    for name in ("create_order", "mark_order_paid", "get_order"):
        made["togai"].actions[name] = ToyAction(name, Fetch, repeat="read" if name == "get_order" else "keyed")
    made["book"].actions["create_order"] = ToyAction("create_order", Fetch)
    return made


def test_an_action_that_makes_what_starts_the_flow_is_a_fault_with_its_place() -> None:
    with pytest.raises(FlowFaults) as caught:
        load_flow(LOOP, apps(), "loop.yaml")
    assert str(caught.value).startswith("loop.yaml:8:37: create_order makes what starts this flow (order.created)")


def test_with_a_condition_on_the_data_it_is_a_warning() -> None:
    text = LOOP.replace('["true"]', "['data.status == \"open\"']")
    assert [line for line in lint(load_flow(text, apps()), tested=True) if "again" in line] == [
        "action 'again' may start the flow again: a condition must be false for what it writes"
    ]


@pytest.mark.parametrize(
    ("app", "action"), [("book", "create_order"), ("togai", "mark_order_paid"), ("togai", "get_order")]
)
def test_what_makes_it_elsewhere_or_only_changes_or_reads_it_is_none(app: str, action: str) -> None:
    text = LOOP.replace("app: togai, action: create_order", f"app: {app}, action: {action}")
    assert not [line for line in lint(load_flow(text, apps()), tested=True) if "again" in line]


def test_a_change_of_what_was_changed_is_a_warning() -> None:
    made = apps()
    triggers = made["togai"].triggers
    triggers["order.updated"] = replace(triggers["order.created"], name="order.updated")
    text = LOOP.replace("order.created", "order.updated").replace("create_order", "mark_order_paid")
    said = list(lint(load_flow(text, made), tested=True))
    assert said == ["action 'again' may start the flow again: a condition must be false for what it writes"]
    assert not [line for line in lint(load_flow(FLOW, made), tested=True) if "start the flow again" in line]
