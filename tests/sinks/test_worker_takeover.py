"""What a worker must know of its predecessor before it goes on: calls made, open commands, open transactions."""

from __future__ import annotations

import time
from pathlib import Path

from confluent_kafka import Producer

from pipeline.clock import utc
from pipeline.kafka.clients import KafkaAccess
from pipeline.sandbox.config import ZohoLimits
from pipeline.schemas.records import Command, LedgerRow, LedgerState
from pipeline.sinks.entry import ledger_key
from tests.sinks.harness import BOOKS, PATIENCE, Bench, backlog, bench, second_organization, upsert

A_MINUTE = 30
"""Calls, by the connection's settings and by the twin's quota alike."""


def test_the_quota_of_a_minute_holds_across_a_kill_9(kafka: KafkaAccess, topic_prefix: str, tmp_path: Path) -> None:
    with bench(kafka, topic_prefix, tmp_path, organizations=[second_organization()]) as sinks:
        organization = sinks.twins.books.twin.state.organizations[sinks.twins.organization]
        organization.limits.config = ZohoLimits(per_minute=A_MINUTE, per_day=None, in_flight=None, block_seconds=1)
        sinks.connect(calls_per_minute=A_MINUTE)
        sinks.connect("unlimited", organization_id=second_organization().id)
        commands = backlog(parties=60, versions=1)
        sinks.send(commands[:15])
        first = sinks.start()
        sinks.until_results(15)
        first.kill()
        sinks.send(commands[15:])
        sinks.start()
        sinks.until_results(16, BOOKS)
        # While these end one after another, whatever of the minute is left would be used.
        sinks.twins.books.twin.latency = 0.05
        sinks.send(backlog(parties=1, versions=20, connection="unlimited"))
        sinks.until_results(20, "unlimited")
        sinks.end()
        assert sinks.twins.books.twin.counts()["over_quota"] == 0
        assert 16 < _api_calls(sinks) <= A_MINUTE


def _api_calls(sinks: Bench) -> int:
    entries = sinks.twins.books.ledger.entries
    return sum(entry.organization == sinks.twins.organization for entry in entries)


def test_an_open_transaction_of_a_dead_producer_in_the_ledger_is_waited_for(
    kafka: KafkaAccess, topic_prefix: str, tmp_path: Path
) -> None:
    with bench(kafka, topic_prefix, tmp_path) as sinks:
        sinks.connect()
        behind = upsert("behind", 0)
        dead = kafka.transactional_producer(
            f"{topic_prefix}dead", overrides={"transaction.timeout.ms": 6000, "delivery.timeout.ms": 6000}
        )
        dead.begin_transaction()
        _write_ledger(sinks, dead, upsert("never", 0))
        _write_ledger(sinks, kafka.producer(), behind)
        sinks.start()
        sinks.until_results(1)
        sinks.end()
        assert [result.command for result in sinks.results()] == [behind.id]


def _write_ledger(sinks: Bench, producer: Producer, command: Command) -> None:
    """As a predecessor that had begun to carry it out."""
    row = LedgerRow(
        state=LedgerState.INTENT,
        command=command,
        topic=sinks.topics.commands("zohobooks"),
        offset=0,
        since=utc(time.time()),
    )
    producer.produce(sinks.topics.ledger, sinks.codec.encode(row), ledger_key(command), 0)
    assert producer.flush(PATIENCE) == 0
