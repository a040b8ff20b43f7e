"""Deciding a batch without Kafka: what comes of each message, and that no message spoils another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from confluent_kafka import Message

from pipeline.agents.batch import MAX_RECORD_BYTES, DecideBatch
from pipeline.agents.dedupe import Dedupe
from pipeline.agents.evaluate import Held
from pipeline.agents.outgoing import ANY_PARTITION, Outgoing
from pipeline.apps.registry import load_apps
from pipeline.clock import SystemClock
from pipeline.errors import Retry
from pipeline.flows import decide as flows
from pipeline.flows.rules import RuleSet
from pipeline.schemas.codec import Codec
from pipeline.schemas.envelope import Event
from pipeline.schemas.records import Command, Connection, DeadLetter, Decision, FlowVersion, Link, Run, Step, Verdict
from pipeline.schemas.topics import Topics
from tests.agents.house import FLOW as FLOW_ID
from tests.agents.house import TOGAI, ZOHO, account, account_flow

APPS = load_apps()
TOPICS = Topics("t.", 4, tuple(APPS))
CODEC = Codec()
VERSION, TEXT = account_flow()
FLOW = FlowVersion(id=FLOW_ID, version=VERSION, text=TEXT)
CONNECTIONS = [Connection(id=TOGAI, app="togai"), Connection(id=ZOHO, app="zohobooks")]
LINK = Link(id="accounts", flow=FLOW.id, flow_version=VERSION, connections={"togai": TOGAI, "zohobooks": ZOHO})


def decider(*links: Link, restored: Sequence[str] = ()) -> DecideBatch:
    rules = RuleSet(APPS, CONNECTIONS, [FLOW], links)
    return DecideBatch(
        topics=TOPICS,
        apps=APPS,
        codec=CODEC,
        rules=lambda: rules,
        dedupe=Dedupe(),
        restore=lambda partition: restored,
        clock=SystemClock(),
    )


def message(event: Event | bytes, *, topic: str = TOPICS.events("togai"), partition: int = 3, **parts: Any) -> Message:
    value = event if isinstance(event, bytes) else CODEC.encode(event)
    key = None if isinstance(event, bytes) else event.key
    return Message(**{"topic": topic, "partition": partition, "offset": 7, "key": key, "value": value, **parts})


def sort(outgoing: Sequence[Outgoing]) -> tuple[list[Decision], list[Command], list[DeadLetter]]:
    def of(kind: type[Any], *topics: str) -> list[Any]:
        return [CODEC.decode(kind, one.value) for one in outgoing if one.topic in topics]

    commands = {TOPICS.commands(app, bulk=bulk) for app in APPS for bulk in (True, False)}
    return of(Decision, TOPICS.decisions), of(Command, *commands), of(DeadLetter, TOPICS.dead_letters)


def test_a_decision_keeps_the_partition_of_its_event_and_a_command_goes_by_its_connection() -> None:
    decision, command = decider(LINK).evaluate([message(account(1), partition=2)])

    assert (decision.topic, decision.partition, decision.key) == (TOPICS.decisions, 2, b"togai-main/account-1")
    assert (command.topic, command.partition, command.key) == (
        TOPICS.commands("zohobooks"),
        ANY_PARTITION,
        b"zoho-main",
    )


def test_a_command_of_a_replay_takes_the_bulk_lane() -> None:
    _, command = decider(LINK).evaluate([message(account(1, replay="replay-1"))])

    assert command.topic == TOPICS.commands("zohobooks", bulk=True)


def test_the_trace_goes_on_with_the_command() -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    _, command = decider(LINK).evaluate([message(account(1, traceparent=trace))])

    assert command.headers == [("traceparent", trace)]


def test_a_repeated_id_gives_the_decision_duplicate_and_no_command() -> None:
    decisions, commands, _ = sort(list(decider(LINK).evaluate([message(account(1)), message(account(1))])))

    assert [decision.verdict for decision in decisions] == [Verdict.MATCHED, Verdict.DUPLICATE]
    assert len(commands) == 1


def test_an_id_restored_from_the_topic_is_a_repeat() -> None:
    first = decider(LINK)
    list(first.evaluate([message(account(1))]))
    second = decider(LINK, restored=[f"{TOGAI}\nevent-1\n"])
    second.take_over({3})

    decisions, commands, _ = sort(list(second.evaluate([message(account(1))])))

    assert [decision.verdict for decision in decisions] == [Verdict.DUPLICATE]
    assert not commands


def test_what_an_aborted_batch_saw_is_no_repeat_when_it_comes_again() -> None:
    evaluator = decider(LINK)
    list(evaluator.evaluate([message(account(1))]))
    evaluator.let_go({3})
    evaluator.take_over({3})

    decisions, _, _ = sort(list(evaluator.evaluate([message(account(1))])))

    assert [decision.verdict for decision in decisions] == [Verdict.MATCHED]


def test_an_event_without_a_link_can_be_sent_again_once_there_is_one() -> None:
    evaluator = decider()

    decisions, _, _ = sort(list(evaluator.evaluate([message(account(1)), message(account(1))])))

    assert [decision.verdict for decision in decisions] == [Verdict.NO_LINK, Verdict.NO_LINK]


def test_a_hint_becomes_a_fetch_at_its_own_connection() -> None:
    hint = account(1, hint=True, data=None)

    decisions, commands, letters = sort(list(decider(LINK).evaluate([message(hint)])))

    assert [decision.verdict for decision in decisions] == [Verdict.FETCHING]
    assert [(one.connection, one.app, one.input) for one in commands] == [(TOGAI, "togai", {"id": "account-1"})]
    assert commands[0].emit is not None
    assert not letters


def test_a_dead_letter_holds_the_record_as_it_was() -> None:
    record = message(
        b"{broken", key=b"\xffkey", headers=[("a", b"1"), ("a", b"\xfe"), ("b", None)], timestamp=(1, 1500)
    )

    (outgoing,) = decider(LINK).evaluate([record])
    letter = CODEC.decode(DeadLetter, outgoing.value)

    assert (outgoing.topic, outgoing.key, outgoing.partition) == (TOPICS.dead_letters, b"\xffkey", 3)
    assert (letter.topic, letter.partition, letter.offset) == (TOPICS.events("togai"), 3, 7)
    assert (letter.key, letter.value) == (b"\xffkey", b"{broken")
    assert letter.headers == [("a", b"1"), ("a", b"\xfe"), ("b", None)]
    assert letter.timestamp is not None
    assert letter.timestamp.timestamp() == 1.5
    assert (letter.cause.kind, letter.cause.code, letter.stage) == ("undecodable", "not_json", "decode")


def test_an_event_of_an_unknown_connection_fails_and_leaves_a_way_back() -> None:
    decisions, commands, letters = sort(
        list(decider(LINK).evaluate([message(account(1, connection="nobody", source="togai/nobody"))]))
    )

    assert [decision.verdict for decision in decisions] == [Verdict.FAILED]
    assert [letter.cause.kind for letter in letters] == ["failed"]
    assert not commands


def test_a_bug_in_one_event_fails_that_event_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def decide(event: Event, *rest: Any) -> flows.Decided:
        if event.id == "event-2":
            raise ZeroDivisionError("a bug")
        return flows.decide(event, *rest)

    monkeypatch.setattr("pipeline.agents.batch.decide", decide)
    evaluator = decider(LINK)

    decisions, commands, letters = sort(list(evaluator.evaluate([message(account(number)) for number in (1, 2, 3)])))

    assert [decision.verdict for decision in decisions] == [Verdict.MATCHED, Verdict.FAILED, Verdict.MATCHED]
    assert len(commands) == 2
    assert [(letter.cause.kind, letter.cause.code) for letter in letters] == [("internal", "ZeroDivisionError")]


def test_an_event_whose_command_fits_into_no_record_fails_alone() -> None:
    data = {"id": "account-1", "name": "x" * (MAX_RECORD_BYTES - 400), "status": "ACTIVE", "invoiceCurrency": "USD"}

    decisions, commands, letters = sort(list(decider(LINK).evaluate([message(account(1, data=data))])))

    assert [decision.verdict for decision in decisions] == [Verdict.FAILED]
    assert [letter.cause.code for letter in letters] == ["TooLarge"]
    assert not commands


def test_an_event_whose_schema_cannot_be_asked_for_waits_with_those_behind_it_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decode = CODEC.decode_event

    def away(value: bytes, *parts: Any) -> Event:
        if value[:1] == b"\0":
            raise Retry("the registry does not answer")
        return decode(value, *parts)

    monkeypatch.setattr(CODEC, "decode_event", away)
    messages = [
        message(account(1), partition=3, offset=6),
        message(b"\0\0\0\0\1", partition=3, offset=7),
        message(account(2), partition=3, offset=8),
        message(account(3), partition=2, offset=1),
    ]
    outgoing: list[Outgoing] = []

    with pytest.raises(Held) as held:
        outgoing.extend(decider(LINK).evaluate(messages))

    assert held.value.first == {(TOPICS.events("togai"), 3): 7}
    decisions, _, letters = sort(outgoing)
    assert [decision.event_id for decision in decisions] == ["event-1", "event-3"]
    assert not letters


def step(outputs: dict[str, dict[str, Any]], **run: Any) -> Step:
    fields = {
        "id": "run-1",
        "link": LINK.id,
        "flow": FLOW.id,
        "flow_version": VERSION,
        "event_id": "event-1",
        "event_type": "togai.account.created",
        "source_connection": TOGAI,
        "subject": "account-1",
        "party": "account-1",
        "trigger": {"document.id": "account-1"},
        "outputs": outputs,
    }
    return Step(id="command-1", run=Run(**{**fields, **run}), step="contact", index=0)


def step_message(value: Step | bytes) -> Message:
    return message(value if isinstance(value, bytes) else CODEC.encode(value), topic=TOPICS.steps)


def test_a_step_becomes_the_next_command_of_its_run() -> None:
    decisions, commands, letters = sort(
        list(decider(LINK).evaluate([step_message(step({"contact": {"contact_id": "4600"}}))]))
    )

    assert [(one.app, one.action, one.input["value"]) for one in commands] == [("togai", "put_setting", "4600")]
    assert not decisions
    assert not letters


def test_a_step_that_cannot_go_on_leaves_a_decision_and_a_dead_letter() -> None:
    decisions, commands, letters = sort(
        list(decider(LINK).evaluate([step_message(step({"contact": {"contact_id": "4600"}}, flow_version="gone"))]))
    )

    assert [(one.verdict, one.event_id) for one in decisions] == [(Verdict.FAILED, "event-1")]
    assert [letter.stage for letter in letters] == ["advance"]
    assert not commands


def test_a_step_that_cannot_be_read_is_a_dead_letter() -> None:
    _, _, letters = sort(list(decider(LINK).evaluate([step_message(msgspec.json.encode({"id": 1}))])))

    assert [letter.cause.kind for letter in letters] == ["undecodable"]
