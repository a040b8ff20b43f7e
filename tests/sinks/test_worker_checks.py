"""Start-up checks that the destination answers with "not now"."""

from __future__ import annotations

import time
from datetime import timedelta

from pipeline.errors import Wait
from pipeline.sinks.entry import Entry
from pipeline.sinks.outcome import Outcome
from pipeline.sinks.tick import Tick
from tests.sinks.toy import command, owner


def test_a_block_met_by_the_checks_is_written_down_and_holds_for_the_time_it_was_given() -> None:
    each, now = owner(checked=False), time.time()
    each.add(Entry(command("a"), "t", 0, now))
    tick = Tick(now)
    each.advance(tick)
    each.settle(Outcome(tick.starts[0], None, Wait("44", delay=timedelta(seconds=300)), 1), tick)

    blocked = each.state.record().blocked_until
    assert blocked is not None
    assert blocked.timestamp() >= now + 300
    assert each.state.dirty
    assert not each.state.must_check(now + 299)
