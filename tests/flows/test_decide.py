"""Deciding: verdicts, runs and commands."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.flows.decide import decide
from pipeline.schemas.documents import Party
from pipeline.schemas.envelope import Event, derive_id
from pipeline.schemas.records import Connection, Emit, Lane, Link, Verdict
from tests.flows.toy import CONNECTIONS, FLOW, NOW, order, ruleset, toy_apps

PLAIN = (
    FLOW.replace("${document}", "{type: a, id: b, name: c}")
    .replace("${document.type}", "a")
    .replace("${document.id}", "b")
)


def test_a_matching_event_begins_a_run_with_the_first_action() -> None:
    decided = decide(order(), ruleset(FLOW), NOW)
    (command,) = decided.commands
    (link,) = decided.decision.links
    assert decided.decision.verdict is link.verdict is Verdict.MATCHED
    assert (command.app, command.action, command.connection, command.party) == ("book", "put_party", "book-1", "ann")
    assert command.input == {
        "party": Party(type="customer", id="ann", name="Ann"),
        "source": {"app": "togai", "type": "customer", "id": "ann"},
        "missing": "create",
    }
    assert (command.step, command.index, command.last, command.lane) == ("contact", 0, False, Lane.LIVE)
    assert command.scope == "book-1+shop-1"
    assert (command.run.id, command.id) == (link.run, link.command)
    assert decided.decision.decided == command.created == NOW


def test_ids_are_derived_from_event_link_replay_and_step() -> None:
    (command,) = decide(order(event={"replay": "r1"}), ruleset(FLOW), NOW).commands
    assert command.run.id == derive_id("e1", "link-1", "r1")
    assert command.id == derive_id(command.run.id, "contact")


def test_deciding_twice_gives_the_same_records() -> None:
    assert decide(order(), ruleset(FLOW), NOW) == decide(order(), ruleset(FLOW), NOW)


def test_a_replay_goes_to_the_bulk_lane_with_ids_of_its_own() -> None:
    rules = ruleset(FLOW)
    (live,) = decide(order(), rules, NOW).commands
    replayed = decide(order(event={"replay": "r1"}), rules, NOW)
    (bulk,) = replayed.commands
    assert (live.lane, bulk.lane) == (Lane.LIVE, Lane.REPLAY)
    assert live.id != bulk.id
    assert (bulk.run.replay, replayed.decision.replay) == ("r1", "r1")


def test_a_run_carries_only_what_later_actions_read() -> None:
    (command,) = decide(order(), ruleset(FLOW), NOW).commands
    assert command.run.trigger == {
        "trigger.data.total": Decimal("12.50"),
        "trigger.data.buyer": "ann",
        "trigger.data.id": "o1",
    }


@pytest.mark.parametrize(
    ("changes", "clause", "read", "message"),
    [
        ({"status": "closed"}, 'data.status == "open"', {"data.status": "closed"}, ""),
        ({"total": Decimal("0.00")}, "data.total > 0", {"data.total": Decimal("0.00")}, ""),
        ({"total": ...}, "data.total > 0", {"data.total": None}, "missing: data.total"),
        ({"total": None}, "data.total > 0", {"data.total": None}, "missing: data.total"),
        ({"status": ..., "total": -1}, 'data.status == "open"', {"data.status": None}, "missing: data.status"),
    ],
)
def test_a_non_match_names_the_first_false_clause_and_what_it_read(
    changes: dict[str, Any], clause: str, read: dict[str, Any], message: str
) -> None:
    decided = decide(order(**changes), ruleset(FLOW), NOW)
    (link,) = decided.decision.links
    assert decided.commands == []
    assert decided.decision.verdict is link.verdict is Verdict.NOT_MATCHED
    assert (link.clause, link.read, link.message) == (clause, read, message)


@given(amount=st.decimals(min_value=-(10**12), max_value=10**12, places=3))
def test_an_amount_is_compared_with_zero_exactly(amount: Decimal) -> None:
    decided = decide(order(total=amount), RULES, NOW)
    assert (decided.decision.verdict is Verdict.MATCHED) == (amount > 0)


RULES = ruleset(FLOW)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False) | st.text(),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=6), below, max_size=3),
    max_leaves=8,
)


@given(data=JSON | st.fixed_dictionaries({"status": JSON, "total": JSON, "buyer": JSON, "lines": JSON, "id": JSON}))
def test_nothing_that_data_may_hold_makes_deciding_raise(data: Any) -> None:
    decided = decide(order(event={"data": data}), RULES, NOW)
    assert decided.decision.verdict in (Verdict.MATCHED, Verdict.NOT_MATCHED, Verdict.FAILED)
    assert (decided.decision.verdict is Verdict.MATCHED) == bool(decided.commands)
    msgspec.json.encode(decided.decision)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"buyer": "refuse"}, "no such buyer"),
        ({"buyer": "crash"}, "the event cannot be read: KeyError: 'buyer'"),
        ({"id": ...}, "the event has no trigger.data.id, which the flow needs"),
        ({"id": None}, "the event has no trigger.data.id, which the flow needs"),
    ],
)
def test_an_event_that_a_matching_flow_cannot_use_fails_before_anything_is_done(
    changes: dict[str, Any], said: str
) -> None:
    decided = decide(order(**changes), ruleset(FLOW), NOW)
    (link,) = decided.decision.links
    assert decided.decision.verdict is link.verdict is Verdict.FAILED
    assert (link.message, decided.commands) == (said, [])


def test_an_input_of_the_wrong_type_fails_with_its_place() -> None:
    flow = FLOW.replace("party: ${document}", "party: ${document}\n      missing: ${trigger.data.note}").replace(
        "      missing: ${options.missing}\n", ""
    )
    (link,) = decide(order(note="later"), ruleset(flow), NOW).decision.links
    assert link.verdict is Verdict.FAILED
    assert link.message.startswith("action 'contact' cannot take its input: Invalid enum value 'later'")


def test_an_optional_reference_leaves_its_entry_out() -> None:
    flow = FLOW.replace("missing: ${options.missing}", "missing: ${trigger.data.note?}")
    (without,) = decide(order(), ruleset(flow), NOW).commands
    (given_,) = decide(order(note="skip"), ruleset(flow), NOW).commands
    assert "missing" not in without.input
    assert given_.input["missing"] == "skip"


def test_each_link_decides_for_itself_and_a_failure_shows_on_the_event() -> None:
    failing = PLAIN.replace("id: orders", "id: failing").replace("${trigger.data.buyer}", "${trigger.data.note}")
    closed = PLAIN.replace("id: orders", "id: closed").replace('== "open"', '== "closed"')
    decided = decide(order(), ruleset(FLOW, failing, closed), NOW)
    assert [link.verdict for link in decided.decision.links] == [
        Verdict.MATCHED,
        Verdict.FAILED,
        Verdict.NOT_MATCHED,
    ]
    assert decided.decision.verdict is Verdict.FAILED
    assert [command.run.link for command in decided.commands] == ["link-1"]


def test_the_document_is_made_once_an_event_and_only_if_a_link_asks() -> None:
    apps = toy_apps()
    made: list[str] = []
    original = apps["togai"].document

    def document(trigger: str, event: Event) -> msgspec.Struct | None:
        made.append(event.id)
        found: msgspec.Struct | None = original(trigger, event)
        return found

    apps["togai"].document = document
    rules = ruleset(FLOW, FLOW.replace("id: orders", "id: again"), PLAIN.replace("id: orders", "id: plain"), apps=apps)
    made.clear()
    decide(order(), rules, NOW)
    assert made == ["e1"]
    decide(order(status="closed"), rules, NOW)
    assert made == ["e1"]


def test_a_match_where_no_action_applies_ends_well_without_a_command() -> None:
    flow = FLOW[: FLOW.index("actions:")] + (
        "actions:\n  - {id: label, app: togai, action: label, when: [data.paid], input: {id: a, value: b}}\n"
    )
    (idle,) = decide(order(), ruleset(flow), NOW).decision.links
    assert (idle.verdict, idle.message, idle.command) == (Verdict.MATCHED, "no action applies", "")
    (command,) = decide(order(paid=True), ruleset(flow), NOW).commands
    assert (command.connection, command.scope) == ("shop-1", "shop-1+shop-1")


def test_an_event_that_no_link_is_for_is_no_failure() -> None:
    decided = decide(order(event={"type": "togai.order.paid"}), ruleset(FLOW), NOW)
    assert (decided.decision.verdict, decided.decision.links, decided.commands) == (Verdict.NO_LINK, [], [])


def test_a_disabled_link_meets_nothing() -> None:
    rules = ruleset(FLOW)
    off = [msgspec.structs.replace(link, enabled=False) for link in rules.links.values()]
    assert decide(order(), ruleset(FLOW, links=off), NOW).decision.verdict is Verdict.NO_LINK


@pytest.mark.parametrize(
    ("envelope", "said"),
    [
        ({"type": "toga.order.created"}, "there is no app 'toga'"),
        ({"type": "nonsense"}, "there is no app 'nonsense'"),
        ({"type": "togai.order.made"}, "togai has no trigger 'order.made'"),
        ({"connection": "shop-9"}, "there is no connection 'shop-9'"),
        ({"connection": "book-1"}, "connection 'book-1' is of book"),
        ({"connection": ""}, "there is no connection ''"),
    ],
)
def test_an_event_of_an_unknown_kind_or_connection_fails_with_the_reason(envelope: dict[str, Any], said: str) -> None:
    decided = decide(order(event=envelope), ruleset(FLOW), NOW)
    assert decided.decision.verdict is Verdict.FAILED
    assert said in decided.decision.message


def test_a_hint_is_fetched_and_its_data_not_looked_at() -> None:
    decided = decide(order(event={"hint": True, "data": {"status": "closed"}}), ruleset(FLOW), NOW)
    (command,) = decided.commands
    assert (decided.decision.verdict, decided.decision.links) == (Verdict.FETCHING, [])
    assert (command.app, command.connection, command.action, command.input) == (
        "togai",
        "shop-1",
        "get_order",
        {"id": "o1"},
    )
    assert command.emit == Emit(type="togai.order.created", source_connection="shop-1")
    assert (command.last, command.run.link, command.run.flow) == (True, "", "")
    assert decide(order(event={"hint": True}), ruleset(FLOW), NOW).commands[0].id == command.id


def test_a_hint_that_no_link_is_for_costs_no_call() -> None:
    rules = ruleset(FLOW, links=[])
    assert decide(order(event={"hint": True}), rules, NOW).decision.verdict is Verdict.NO_LINK


@pytest.mark.parametrize(
    ("envelope", "said"),
    [({"subject": ""}, "without a subject"), ({"type": "togai.order.paid"}, "cannot fetch the object")],
)
def test_a_hint_that_cannot_be_fetched_fails(envelope: dict[str, Any], said: str) -> None:
    paid = PLAIN.replace("id: orders", "id: paid").replace("order.created", "order.paid")
    decided = decide(order(event={"hint": True, **envelope}), ruleset(FLOW, paid), NOW)
    assert decided.decision.verdict is Verdict.FAILED
    assert said in decided.decision.message


def test_a_link_that_does_not_work_fails_its_events_instead_of_passing_them_over() -> None:
    rules = ruleset(FLOW)
    gone = ruleset(FLOW, connections=[connection for connection in CONNECTIONS if connection.app == "togai"])
    assert gone.faults == {
        "link-1": "link 'link-1' of flow 'orders': there is no connection 'book-1'; there are shop-1"
    }
    (link,) = decide(order(), gone, NOW).decision.links
    assert (link.verdict, link.message) == (Verdict.FAILED, gone.faults["link-1"])
    moved = [msgspec.structs.replace(link, flow_version="gone") for link in rules.links.values()]
    assert "version gone of flow 'orders' is gone" in ruleset(FLOW, links=moved).faults["link-1"]


@pytest.mark.parametrize(
    ("connections", "said"),
    [
        ({"togai": "shop-1"}, "it needs a connection of book"),
        ({"togai": "book-1", "book": "book-1"}, "connection 'book-1' is of book, not of togai"),
        ({"togai": "shop-1", "book": "book-1", "shelf": "s"}, "the flow has nothing to do with 'shelf'"),
    ],
)
def test_connections_must_be_of_the_apps_of_the_flow(connections: dict[str, str], said: str) -> None:
    (link,) = ruleset(FLOW).links.values()
    rules = ruleset(FLOW, links=[msgspec.structs.replace(link, connections=connections)])
    assert said in rules.faults["link-1"]


def test_two_connections_of_one_app_do_not_meet_each_others_links() -> None:
    second = Connection(id="shop-2", app="togai")
    (first,) = ruleset(FLOW).links.values()
    other = Link(
        id="other",
        flow=first.flow,
        flow_version=first.flow_version,
        connections={"togai": "shop-2", "book": "book-1"},
    )
    rules = ruleset(FLOW, connections=[*CONNECTIONS, second], links=[first, other])
    decided = decide(order(event={"connection": "shop-2"}), rules, NOW)
    assert [link.link for link in decided.decision.links] == ["other"]
    assert decided.commands[0].scope == "book-1+shop-2"
