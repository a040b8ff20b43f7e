"""A backlog that cannot start now waits in its topic: beside it others flow, and a successor finds it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from pipeline.kafka.clients import KafkaAccess
from pipeline.schemas.records import Command, Lane, Status
from pipeline.sinks.verbs import RELEASE
from tests.sinks.harness import backlog, bench, second_organization, upsert


def in_lane(lane: Lane, commands: list[Command]) -> list[Command]:
    return [msgspec.structs.replace(each, lane=lane) for each in commands]


def test_what_waits_for_one_connections_quota_holds_up_no_other_and_survives_a_kill_9(
    kafka: KafkaAccess, topic_prefix: str, tmp_path: Path
) -> None:
    with bench(kafka, topic_prefix, tmp_path, organizations=[second_organization()]) as sinks:
        sinks.connect("slow", calls_per_minute=30)
        sinks.connect("free", organization_id=second_organization().id)
        waiting = backlog(parties=2000, versions=1, connection="slow")
        sinks.send(waiting)
        sinks.send(backlog(parties=20, versions=2, connection="free"))
        first = sinks.start()
        sinks.until_results(40, "free")
        sinks.until(lambda: bool((state := sinks.state("slow")) and state.behind), "the backlog is written down")
        first.kill()
        sinks.connect("slow")
        sinks.start()
        sinks.until_results(2000, "slow")
        sinks.end()
        sinks.ended_once("slow")
        assert not (state := sinks.state("slow")) or not state.behind


def test_lanes_are_served_in_their_order_and_verbs_at_once(
    kafka: KafkaAccess, topic_prefix: str, tmp_path: Path
) -> None:
    with bench(kafka, topic_prefix, tmp_path, latency=0.01) as sinks:
        sinks.connect()
        sinks.send(in_lane(Lane.RECONCILE, backlog(parties=600, versions=1)), bulk=True)
        replayed = in_lane(Lane.REPLAY, [upsert(f"replayed-{number}", 0) for number in range(200)])
        sinks.send(replayed, bulk=True)
        verb = msgspec.structs.replace(upsert("nobody", 0), id="verb", action=RELEASE, input={}, lane=Lane.REDRIVE)
        sinks.send_raw([(verb.connection.encode(), sinks.codec.encode(verb))], bulk=True)
        sinks.start()
        sinks.until_results(801)
        sinks.end()
        order = [result.command for result in sinks.record.results]
        assert len(set(order)) == len(order) == 801
        last_replayed = max(order.index(each.id) for each in replayed)
        assert last_replayed < 400
        assert order.index("verb") < 200
        (heard,) = [result for result in sinks.record.results if result.command == "verb"]
        assert heard.status is Status.SKIPPED
