"""Previews: what would happen, without any effect."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pipeline.apps.base import Call, Refuse, Unchanged
from pipeline.errors import ConfigurationError
from pipeline.flows.compile import load_flow
from pipeline.flows.preview import ActionPreview, Preview, preview, preview_flow
from pipeline.flows.rules import RuleSet
from pipeline.schemas.records import ObjectRef, Verdict
from tests.flows.toy import FLOW, Known, order, ruleset, toy_apps


def seen(
    text: str = FLOW, *, view: Known | None = None, options: dict[str, Any] | None = None, **event: Any
) -> Preview:
    apps = toy_apps()
    views = {"togai": Known(), "book": view or Known()}
    return preview_flow(load_flow(text, apps), order(**event), apps, views, options)


def by_id(made: Preview) -> dict[str, ActionPreview]:
    return {action.id: action for action in made.actions}


def test_each_action_shows_its_input_its_plan_and_the_exact_request() -> None:
    contact = by_id(seen())["contact"]
    assert isinstance(contact.plan, Call)
    assert contact.request is not None
    assert (contact.request.method, contact.request.path) == ("POST", "/put_party")
    assert b'"id":"ann"' in (contact.request.body or b"")
    assert (contact.applies, contact.guessed, contact.connection) == (True, False, "book")


def test_what_a_step_will_give_stands_as_a_placeholder_and_is_marked_as_guessed() -> None:
    booking = by_id(seen())["booking"]
    assert booking.input is not None
    assert booking.input["contact_id"] == "<contact.contact_id>"
    assert booking.input["amount"] == Decimal("12.50")
    assert booking.guessed


def test_what_a_step_gives_without_a_call_is_known() -> None:
    source = ObjectRef(app="togai", type="customer", id="ann")
    view = Known({source: ObjectRef(app="book", type="contact", id="77")})
    actions = by_id(seen(view=view))
    assert isinstance(actions["contact"].plan, Unchanged)
    assert actions["booking"].input is not None
    assert actions["booking"].input["contact_id"] == "77"
    assert not actions["booking"].guessed


def test_a_refusal_ends_the_run_and_the_rest_is_not_reached() -> None:
    actions = by_id(seen(total=Decimal(2000)))
    assert actions["booking"].plan == Refuse("too much", "invalid")
    assert (actions["label"].applies, actions["label"].message) == (False, "the run ends at 'booking'")


def test_each_clause_is_told_even_where_an_earlier_one_is_false() -> None:
    made = seen(status="closed")
    assert made.verdict is Verdict.NOT_MATCHED
    assert [(outcome.holds, dict(outcome.read)) for outcome in made.clauses] == [
        (False, {"data.status": "closed"}),
        (True, {"data.total": Decimal("12.50")}),
    ]
    assert made.actions == ()


def test_an_event_that_cannot_be_used_fails_with_the_reason() -> None:
    made = seen(buyer="refuse")
    assert (made.verdict, made.message) == (Verdict.FAILED, "no such buyer")


def test_an_action_that_options_leave_out_says_so() -> None:
    label = by_id(seen(options={"mark": False}))["label"]
    assert (label.applies, label.message) == (False, "its options leave it out")


@pytest.mark.parametrize(
    ("clause", "applies"), [("data.paid", False), ("data.total > 5", True), ('steps.booking.id == "x"', None)]
)
def test_a_condition_is_told_as_far_as_it_is_known(clause: str, *, applies: bool | None) -> None:
    assert by_id(seen(FLOW.replace("- options.mark", f"- '{clause}'")))["label"].applies is applies


def test_options_that_do_not_suit_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="option 'missing' must be one of create, skip"):
        seen(options={"missing": "park"})


def test_a_link_is_previewed_with_its_own_connections() -> None:
    rules: RuleSet = ruleset(FLOW)
    (version,) = rules.flows
    made = preview(rules.resume("link-1", *version), order(), rules.apps, {"togai": Known(), "book": Known()})
    assert made.link == "link-1"
    assert [action.connection for action in made.actions] == ["book-1", "book-1", "shop-1"]
