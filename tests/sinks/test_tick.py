"""A tick: what of it survives when partitions are lost before it could be committed."""

from __future__ import annotations

from pipeline.apps.base import Pair
from pipeline.sinks.entry import Entry
from pipeline.sinks.mappings import MappingTable
from pipeline.sinks.tick import Tick
from tests.sinks.toy import T0, command, owner, ref, thing


def test_what_was_said_for_lost_partitions_is_dropped_and_its_pairs_are_taken_back() -> None:
    table, tick = MappingTable(), Tick(T0)
    for index, name in enumerate(("kept", "lost")):
        tick.say(index, "results", name.encode(), b"{}")
        tick.map(index, table, "c+src", Pair(ref(name), thing(name)))
    tick.drop({1})
    assert [out.key for out in tick.outs] == [b"kept"]
    assert tick.touched == {0}
    assert table.get("c+src", ref("kept")) is not None
    assert table.get("c+src", ref("lost")) is None
    assert table.get("c+src", thing("lost")) is None


def test_calls_of_lost_partitions_do_not_start() -> None:
    each, tick = owner(), Tick(T0)
    each.add(Entry(command("a"), "t", 0, T0))
    each.advance(tick)
    assert len(tick.starts) == 1
    tick.drop({each.index})
    assert not tick
