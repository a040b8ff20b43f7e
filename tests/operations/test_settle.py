"""Nothing counts as settled while anything is left to decide, to take up or to end; and the audit counts right."""

from __future__ import annotations

import uuid

import pytest
from confluent_kafka import TopicPartition

from pipeline.kafka.clients import KafkaAccess
from pipeline.operations.audit import audit
from pipeline.operations.settle import AGENTS, SINKS, NotSettled
from pipeline.schemas.records import Decision, LedgerRow, LedgerState, Verdict
from tests.operations.conftest import House, command, event, result


def commit_ends(house: House, group: str, topics: tuple[str, ...]) -> None:
    """As a worker of the group that has done all there is."""
    consumer = house.access.consumer(house.topics.prefix + group)
    places = [TopicPartition(topic, part) for topic in topics for part in range(house.topics.partitions)]
    ends = [
        TopicPartition(place.topic, place.partition, consumer.get_watermark_offsets(place, timeout=10)[1])
        for place in places
    ]
    consumer.commit(offsets=ends, asynchronous=False)
    consumer.close()


def transactionally(access: KafkaAccess, topic: str, value: bytes) -> None:
    """A record followed by a transaction's marker, which has an offset too."""
    producer = access.transactional_producer(str(uuid.uuid4()))
    producer.begin_transaction()
    producer.produce(topic, key=b"books-main", value=value)
    producer.commit_transaction(20)


def test_nothing_at_all_is_settled(house: House) -> None:
    assert house.watchman.look().settled()


def test_each_kind_of_left_work_is_counted_and_the_wait_says_which(house: House) -> None:
    house.send([event("1")])
    house.put(house.topics.commands("zohobooks"), [("books-main", command("c-1"))])
    parked = LedgerRow(state=LedgerState.PARKED, command=command("c-2"), topic="t", offset=0)
    house.put(house.topics.ledger, [("books-main/c-2", parked)])

    progress = house.watchman.look()

    assert (progress.undecided, progress.waiting, progress.open) == (1, 1, {"parked": 1})
    with pytest.raises(NotSettled, match="1 records to decide, 1 commands to take up, open commands: 1 parked"):
        house.watchman.settled(timeout=0)


def test_it_settles_when_all_is_committed_and_the_ledger_is_empty_markers_notwithstanding(house: House) -> None:
    house.send([event("1")])
    transactionally(house.access, house.topics.commands("zohobooks"), house.codec.encode(command("c-1")))
    commit_ends(house, AGENTS, house.topics.decided())
    assert not house.watchman.look().settled()

    commit_ends(house, SINKS, house.topics.carried_out())
    transactionally(house.access, house.topics.commands("zohobooks"), house.codec.encode(command("c-2")))
    assert house.watchman.look().waiting == 1

    commit_ends(house, SINKS, house.topics.carried_out())
    row = LedgerRow(state=LedgerState.PARKED, command=command("c-2"), topic="t", offset=0)
    house.put(house.topics.ledger, [("books-main/c-2", row)])
    assert not house.watchman.look().settled()
    assert house.watchman.look().settled(parked=True)

    house.put(house.topics.ledger, [("books-main/c-2", None)])
    assert house.watchman.settled(timeout=20).open == {}


def test_the_audit_names_commands_without_a_result_or_with_two(house: House) -> None:
    one, two, three, replayed = command("c-1"), command("c-2"), command("c-3"), command("c-4", replay="r-1")
    house.put(house.topics.commands("zohobooks"), [("books-main", each) for each in (one, two, three)])
    house.put(house.topics.commands("zohobooks", bulk=True), [("books-main", replayed)])
    house.put(house.topics.results, [("acc-1", result(each)) for each in (one, two, two, replayed)])

    def decision(verdict: Verdict) -> Decision:
        return Decision(
            event_id="1", event_type="togai.account.created", connection="c", party="p", subject="s", verdict=verdict
        )

    house.put(
        house.topics.decisions, [("p", decision(v)) for v in (Verdict.MATCHED, Verdict.DUPLICATE, Verdict.MATCHED)]
    )

    seen = audit(house.access, house.topics, house.codec)

    assert (seen.commands, seen.results, seen.calls, seen.whole) == (4, 4, 4, False)
    assert (seen.without_result, seen.repeated_results) == (["c-3"], ["c-2"])
    assert (seen.decided_twice, seen.verdicts) == ([("1", "")], {"duplicate": 1, "matched": 2})
    assert audit(house.access, house.topics, house.codec, replay="r-1").whole
