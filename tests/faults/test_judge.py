"""The judge itself: each wrong it is there for is counted, on a real broker, from records that were made for it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest

from pipeline.kafka.clients import KafkaAccess
from pipeline.schemas.codec import Codec
from pipeline.schemas.records import (
    Cause,
    Command,
    Decision,
    LedgerRow,
    LedgerState,
    Record,
    Result,
    Run,
    Status,
    Verdict,
)
from tests.e2e.conftest import running
from tests.e2e.machine import Machine
from tests.faults.fault import Row, Tally
from tests.faults.judge import Counts, Expected, count_order, judge


@pytest.fixture(scope="module")
def machine(kafka: KafkaAccess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Nothing runs and nothing is connected: all that is on its topics was put there by a test."""
    with running(kafka, tmp_path_factory.mktemp("judge")) as made:
        yield made


class Said:
    """One event with one command, as the topics tell of it; a test says what is there and how often."""

    def __init__(self, machine: Machine) -> None:
        self.event = f"event-{uuid.uuid4()}"
        self.expected = Expected(events=[self.event], commands=1)
        self._machine = machine
        self._topics = machine.here.topics
        self._codec: Codec = machine.here.codec
        run = Run(
            id=f"run-{self.event}",
            link="link",
            flow="flow",
            flow_version="1",
            event_id=self.event,
            event_type="togai.account.created",
            source_connection="togai",
            subject="a",
            party="a",
        )
        self._command = Command(
            id=f"command-{self.event}",
            connection="books",
            app="zohobooks",
            action="upsert_contact",
            party="a",
            input={},
            run=run,
            step="contact",
            index=0,
            last=True,
            scope="books+togai",
        )

    def decision(self, verdict: Verdict = Verdict.MATCHED) -> Said:
        decision = Decision(
            event_id=self.event,
            event_type="togai.account.created",
            connection="togai",
            party="a",
            subject="a",
            verdict=verdict,
        )
        return self._put(self._topics.decisions, "togai/a", decision)

    def command(self) -> Said:
        return self._put(self._topics.commands("zohobooks"), "books", self._command)

    def result(self, status: Status = Status.SUCCEEDED, *, redrive: int = 0) -> Said:
        command, run = self._command, self._command.run
        result = Result(
            command=command.id,
            run=run.id,
            link=run.link,
            flow=run.flow,
            step=command.step,
            event_id=self.event,
            event_type=run.event_type,
            subject=run.subject,
            connection=command.connection,
            app=command.app,
            action=command.action,
            party=command.party,
            status=status,
            cause=Cause(kind="invalid", message="no such thing") if status is Status.REFUSED else None,
            redrive=redrive,
        )
        return self._put(self._topics.results, "a", result)

    def open_in_the_ledger(self) -> Said:
        row = LedgerRow(state=LedgerState.DOUBT, command=self._command, topic="t", offset=1)
        return self._put(self._topics.ledger, f"books/{self._command.id}", row)

    def closed_in_the_ledger(self) -> Said:
        self._send(self._topics.ledger, f"books/{self._command.id}", None)
        return self

    def judged(self, expected: Expected | None = None) -> Tally:
        return replace(judge(self._machine, expected or self.expected), findings=())

    def _put(self, topic: str, key: str, record: Record) -> Said:
        self._send(topic, key, self._codec.encode(record))
        return self

    def _send(self, topic: str, key: str, value: bytes | None) -> None:
        producer = self._machine.here.access.producer()
        producer.produce(topic, value, key.encode())
        assert producer.flush(30) == 0


@pytest.fixture
def said(machine: Machine) -> Said:
    return Said(machine)


def test_an_event_with_one_decision_one_command_and_one_result_is_good(said: Said) -> None:
    assert said.decision().command().result().judged() == Tally(events=1)


def test_an_event_without_a_decision_is_lost(said: Said) -> None:
    assert said.command().result().judged() == Tally(events=1, lost=1)


def test_a_command_without_a_result_is_lost(said: Said) -> None:
    assert said.decision().command().judged() == Tally(events=1, lost=1)


def test_a_command_that_was_never_given_is_lost(said: Said) -> None:
    assert said.decision().judged() == Tally(events=1, lost=1)


def test_a_refusal_that_nobody_expects_is_a_loss(said: Said) -> None:
    said.decision().command().result(Status.REFUSED)
    assert said.judged() == Tally(events=1, lost=1)
    assert said.judged(replace(said.expected, refused=True)) == Tally(events=1)


def test_an_object_that_is_not_there_is_lost(said: Said) -> None:
    said.decision().command().result()
    assert said.judged(replace(said.expected, contacts=["a"], invoices=["i"])) == Tally(events=1, lost=2)


def test_two_decisions_are_a_duplicate_unless_one_says_so_itself(said: Said) -> None:
    said.decision().command().result().decision(Verdict.DUPLICATE)
    assert said.judged() == Tally(events=1)
    assert said.decision().judged() == Tally(events=1, duplicates=1)


def test_a_command_twice_is_a_duplicate(said: Said) -> None:
    assert said.decision().command().command().result().judged() == Tally(events=1, duplicates=1)


def test_two_results_in_one_round_are_a_duplicate_and_in_two_rounds_are_not(said: Said) -> None:
    said.decision().command().command().result().result(redrive=1)
    assert said.judged() == Tally(events=1)
    assert said.result(redrive=1).judged().duplicates == 1


def test_an_open_row_of_the_ledger_is_unresolved_until_its_tombstone(said: Said) -> None:
    said.decision().command().result().open_in_the_ledger()
    assert said.judged() == Tally(events=1, unresolved=1)
    assert said.closed_in_the_ledger().judged() == Tally(events=1)


def test_versions_that_overtake_each_other_are_out_of_order_and_missing_ones_lost() -> None:
    counts = Counts()
    count_order(["1", "2", "2", "3"], ["1", "2", "3"], "good", counts)
    assert not counts.of
    count_order(["1", "3", "2"], ["1", "2", "3"], "overtaken", counts)
    count_order(["1", "3"], ["1", "2", "3"], "missing", counts)
    count_order(["1", "2", "3", "1"], ["1", "2", "3"], "fallen back", counts)
    assert counts.of == {"out of order": 2, "lost": 1}


def test_a_fault_that_injected_nothing_proves_nothing() -> None:
    assert not Row(0, Tally(events=5), 0.0, {}).good
    assert Row(1, Tally(events=5), 0.0, {}).good
    assert not (Row(1, Tally(events=5), 0.0, {}) + Row(1, Tally(events=5, lost=1), 0.0, {})).good
