"""The tail of the decisions, read by clients that may have lost their broker."""

from __future__ import annotations

from typing import Any, cast

import pytest
from confluent_kafka import Consumer

from pipeline.agents import tail as module
from pipeline.agents.dedupe import identity
from pipeline.agents.tail import DecisionTail
from pipeline.kafka.admin import create_topics
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.errors import KafkaUnavailable
from pipeline.schemas.codec import Codec
from pipeline.schemas.records import Decision, LinkDecision, Verdict
from pipeline.schemas.topics import TopicSpec

NOWHERE = KafkaAccess("127.0.0.1:1")


class LostAtFirst:
    """Its first reader has no broker; those after it have one."""

    def __init__(self, access: KafkaAccess) -> None:
        self._next = [access, NOWHERE]

    def reader(self, overrides: Any = None) -> Consumer:
        return (self._next.pop() if len(self._next) > 1 else self._next[0]).reader(overrides)


def test_after_a_failure_the_tail_is_read_by_new_clients(
    kafka: KafkaAccess, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_REQUEST_SECONDS", 1.0)
    topic, codec = topic_prefix + "decisions", Codec()
    create_topics(kafka, [TopicSpec(topic, 1)], 1)
    link = LinkDecision(link="l", flow="f", flow_version="1", verdict=Verdict.MATCHED, command="c")
    decision = Decision(
        event_id="e",
        event_type="togai.account.created",
        connection="togai",
        party="a",
        subject="a",
        verdict=Verdict.MATCHED,
        links=[link],
    )
    producer = kafka.producer()
    producer.produce(topic, codec.encode(decision))
    assert producer.flush(30) == 0
    tail = DecisionTail(cast(KafkaAccess, LostAtFirst(kafka)), codec, topic, 10)

    try:
        with pytest.raises(KafkaUnavailable):
            tail.identities(0)
        assert list(tail.identities(0)) == [identity("togai", "e", "")]
    finally:
        tail.close()
