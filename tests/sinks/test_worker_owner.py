"""The owner on the paths that a running worker rarely takes."""

from __future__ import annotations

from datetime import timedelta

from pipeline.errors import Wait
from pipeline.sinks.entry import Entry
from pipeline.sinks.outcome import Outcome
from pipeline.sinks.tick import Tick
from tests.sinks.toy import T0, TOPICS, applied, command, owner, ref


def test_a_block_met_by_the_checks_is_written_down_and_holds_for_the_time_it_was_given() -> None:
    each, now = owner(checked=False), T0
    each.add(Entry(command("a"), "t", 0, now))
    tick = Tick(now)
    each.advance(tick)
    each.settle(Outcome(tick.starts[0], None, Wait("44", delay=timedelta(seconds=300)), 1), tick)

    blocked = each.state.record().blocked_until
    assert blocked is not None
    assert blocked.timestamp() >= now + 300
    assert each.state.dirty
    assert not each.state.must_check(now + 299)


def test_a_command_that_came_twice_while_it_was_open_has_one_result() -> None:
    each, now = owner(), T0
    each.add(Entry(command("a"), "t", 0, now))
    each.add(Entry(command("a"), "t", 1, now))
    tick = Tick(now)
    each.advance(tick)
    each.settle(Outcome(tick.starts[0], applied(ref("p"), "1"), None, 1), tick)
    each.advance(tick)

    assert [out.topic for out in tick.outs].count(TOPICS.results) == 1
    assert len(each.parties) == 0
