"""Batches settle in the order in which they were handed out, or not at all."""

from __future__ import annotations

import threading

import pytest
from confluent_kafka import TopicPartition

from pipeline.kafka.batch import Batch, InWork
from pipeline.kafka.errors import StaleBatch

AT_ONCE = 0.0
LONG = 30.0


def hand_out(in_work: InWork, number: int, *partitions: int) -> Batch:
    offsets = [TopicPartition("t", partition, 1) for partition in partitions or (0,)]
    batch = Batch(number, [], offsets, None, in_work)
    assert in_work.add(batch)
    return batch


def test_a_batch_waits_until_the_one_before_it_has_committed() -> None:
    in_work = InWork()
    first, second = hand_out(in_work, 1), hand_out(in_work, 2)
    order: list[int] = []

    def commit_second() -> None:
        second.await_turn(LONG)
        order.append(2)
        second.done()

    thread = threading.Thread(target=commit_second)
    thread.start()
    first.await_turn(LONG)
    order.append(1)
    first.done()
    thread.join(LONG)

    assert order == [1, 2]
    assert not in_work.rewind_needed


def test_a_batch_whose_turn_does_not_come_in_time_is_not_committed() -> None:
    in_work = InWork()
    hand_out(in_work, 1)

    with pytest.raises(StaleBatch, match="the batch before 2 did not end"):
        hand_out(in_work, 2).await_turn(AT_ONCE)


def test_after_a_failure_all_that_follow_are_stale_and_reading_goes_back() -> None:
    in_work = InWork()
    before, failed, after = (hand_out(in_work, number) for number in (1, 2, 3))

    failed.failed()

    assert in_work.rewind_needed
    assert (before.stale, after.stale) == (False, True)
    before.await_turn(AT_ONCE)
    before.done()
    with pytest.raises(StaleBatch, match="batch 3 is no longer ours"):
        after.await_turn(AT_ONCE)


def test_what_was_fetched_while_the_batch_before_failed_is_not_handed_out() -> None:
    in_work = InWork()
    hand_out(in_work, 1).failed()
    fetched = Batch(2, [], [TopicPartition("t", 0, 2)], None, in_work)

    assert not in_work.add(fetched)

    in_work.rewound()
    assert in_work.add(fetched)


def test_a_lost_partition_takes_its_batches_and_the_ones_behind_them() -> None:
    in_work = InWork()
    other, lost, behind = hand_out(in_work, 1, 1), hand_out(in_work, 2, 0, 1), hand_out(in_work, 3, 1)

    in_work.void({("t", 0)})

    assert [batch.stale for batch in (other, lost, behind)] == [False, True, True]
    assert in_work.rewind_needed


def test_draining_waits_for_the_batches_of_the_partition_only() -> None:
    in_work = InWork()
    other = hand_out(in_work, 1, 1)

    assert in_work.drain({("t", 0)}, AT_ONCE)
    assert not in_work.drain({("t", 1)}, AT_ONCE)
    assert other.stale


def test_failures_are_counted_until_a_batch_commits() -> None:
    in_work = InWork()
    for number in (1, 2):
        hand_out(in_work, number).failed()
        in_work.rewound()
    assert in_work.failures_in_a_row == 2

    hand_out(in_work, 3).done()

    assert in_work.failures_in_a_row == 0


def test_settling_twice_is_the_same_as_once() -> None:
    in_work = InWork()
    batch = hand_out(in_work, 1)

    batch.done()
    batch.failed()

    assert not in_work.rewind_needed
    assert in_work.wait_for_room(1, AT_ONCE)


def test_what_is_held_is_not_committed_and_later_batches_leave_its_place_alone() -> None:
    in_work = InWork()
    first, second = hand_out(in_work, 1, 0, 1), hand_out(in_work, 2, 0, 1)

    first.hold({("t", 0): 0})
    held = second.readable()

    assert [(each.partition, each.offset) for each in first.offsets] == [(0, 0), (1, 1)]
    assert [(each.partition, each.offset) for each in second.offsets] == [(0, 0), (1, 1)]
    assert held == []


def test_a_hold_ends_when_no_batch_is_out_that_read_beyond_it() -> None:
    in_work = InWork()
    first, second = hand_out(in_work, 1), hand_out(in_work, 2)
    first.hold({("t", 0): 0})
    first.done()

    assert not in_work.lift(("t", 0))
    second.done()
    assert in_work.lift(("t", 0))
    assert in_work.holds == {}


def test_a_batch_that_is_no_longer_ours_holds_nothing() -> None:
    in_work = InWork()
    batch = hand_out(in_work, 1)
    in_work.void(None)

    batch.hold({("t", 0): 0})

    assert in_work.holds == {}
