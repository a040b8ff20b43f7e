"""What follows a step."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pipeline.flows.decide import Advanced, advance, decide
from pipeline.flows.rules import RuleSet
from pipeline.schemas.records import Command, FlowVersion, Lane, Step, Verdict
from tests.flows.toy import FLOW, NOW, order, ruleset


def ended(command: Command, **output: Any) -> Step:
    """The step of a command that ended, as it comes off its topic."""
    run = msgspec.structs.replace(command.run, outputs={**command.run.outputs, command.step: output})
    step = Step(id=command.id, run=run, step=command.step, index=command.index, lane=command.lane)
    return msgspec.json.decode(msgspec.json.encode(step), type=Step)


def begun(rules: RuleSet, **changes: Any) -> Command:
    return decide(order(**changes), rules, NOW).commands[0]


def only(advanced: Advanced) -> Command:
    assert advanced.decision is None
    (command,) = advanced.commands
    return command


def test_a_run_goes_through_all_actions_in_order_with_the_outputs_of_earlier_ones() -> None:
    rules = ruleset(FLOW)
    contact = begun(rules, event={"replay": "r1"})
    booking = only(advance(ended(contact, contact_id="77"), rules, NOW))
    assert booking.input == {"contact_id": "77", "amount": "12.50", "memo": "Order o1 of ann", "send": False}
    assert (booking.step, booking.index, booking.last, booking.lane) == ("booking", 1, False, Lane.REPLAY)
    assert booking.run.outputs == {"contact": {"contact_id": "77"}}
    label = only(advance(ended(booking, id="b9"), rules, NOW))
    assert label.input == {"id": "o1", "value": "b9", "namespace": "BookId"}
    assert (label.app, label.connection, label.last, label.scope) == ("togai", "shop-1", True, "book-1+shop-1")
    assert label.run.id == contact.run.id
    assert advance(ended(label), rules, NOW) == Advanced()


def test_a_run_drops_what_no_later_action_reads() -> None:
    rules = ruleset(FLOW)
    booking = only(advance(ended(begun(rules), contact_id="77"), rules, NOW))
    assert booking.run.trigger == {"trigger.data.id": "o1"}
    assert only(advance(ended(booking, id="b9"), rules, NOW)).run.trigger == {}


def test_advancing_twice_gives_the_same_command() -> None:
    rules = ruleset(FLOW)
    step = ended(begun(rules), contact_id="77")
    assert advance(step, rules, NOW) == advance(step, rules, NOW)


def test_actions_that_the_options_leave_out_do_not_keep_a_run_open() -> None:
    rules = ruleset(FLOW, options={"mark": False})
    booking = only(advance(ended(begun(rules), contact_id="77"), rules, NOW))
    assert (booking.step, booking.last) == ("booking", True)


@pytest.mark.parametrize(("total", "applies"), [("12.50", False), ("100.5", True)])
def test_a_condition_on_the_event_is_asked_when_its_action_comes(total: str, applies: bool) -> None:
    flow = FLOW.replace("- options.mark", "- options.mark && data.total > 100.4")
    rules = ruleset(flow)
    booking = only(advance(ended(begun(rules, total=total), contact_id="77"), rules, NOW))
    assert not booking.last
    advanced = advance(ended(booking, id="b9"), rules, NOW)
    assert [command.step for command in advanced.commands] == (["label"] if applies else [])


@pytest.mark.parametrize(("state", "applies"), [("new", True), ("old", False), (None, False)])
def test_a_condition_may_read_what_an_earlier_step_gave(state: str | None, applies: bool) -> None:
    rules = ruleset(FLOW.replace("- options.mark", '- steps.booking.state == "new"'))
    booking = only(advance(ended(begun(rules), contact_id="77"), rules, NOW))
    advanced = advance(ended(booking, id="b9", state=state), rules, NOW)
    assert [command.step for command in advanced.commands] == (["label"] if applies else [])


def test_a_step_that_gave_less_than_a_later_action_needs_fails_the_run_by_name() -> None:
    rules = ruleset(FLOW)
    step = ended(begun(rules))
    advanced = advance(step, rules, NOW)
    assert advanced.commands == []
    assert advanced.decision is not None
    (link,) = advanced.decision.links
    assert advanced.decision.verdict is link.verdict is Verdict.FAILED
    assert (link.run, advanced.decision.event_id) == (step.run.id, "e1")
    assert link.message == "action 'booking' needs steps.contact.contact_id, which is missing"
    assert step.run.id in advanced.decision.message


def test_a_run_keeps_the_version_it_began_with() -> None:
    before = ruleset(FLOW)
    contact = begun(before)
    newer = FLOW.replace("memo: Order", "memo: Purchase")
    after = ruleset(newer, flows=[version(before), version(ruleset(newer))])
    booking = only(advance(ended(contact, contact_id="77"), after, NOW))
    assert booking.input["memo"] == "Order o1 of ann"
    assert booking.run.flow_version == contact.run.flow_version
    assert begun(after).run.flow_version != contact.run.flow_version


def test_a_run_goes_on_when_its_link_was_switched_off() -> None:
    rules = ruleset(FLOW)
    off = ruleset(FLOW, links=[msgspec.structs.replace(link, enabled=False) for link in rules.links.values()])
    assert only(advance(ended(begun(rules), contact_id="77"), off, NOW)).step == "booking"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"links": []}, "link 'link-1' of flow 'orders' is gone"),
        ({"flows": [], "links": ...}, "of flow 'orders' is gone"),
    ],
)
def test_a_run_whose_flow_or_link_is_gone_fails_with_a_record(changes: dict[str, Any], said: str) -> None:
    rules = ruleset(FLOW)
    kept: dict[str, Any] = {
        key: list(rules.links.values()) if value is ... else value for key, value in changes.items()
    }
    advanced = advance(ended(begun(rules), contact_id="77"), ruleset(FLOW, options=None, **kept), NOW)
    assert advanced.commands == []
    assert advanced.decision is not None
    assert said in advanced.decision.message


def version(rules: RuleSet) -> FlowVersion:
    (found,) = rules.flows.values()
    return found
