"""A partition that is handed over: what was armed and never called is no doubt of the next owner's."""

from __future__ import annotations

from pipeline.schemas.records import LedgerState
from pipeline.sinks.outcome import NotStarted, Outcome
from pipeline.sinks.tick import Tick
from tests.sinks.test_owner import rows, started
from tests.sinks.test_partition import Held, of
from tests.sinks.toy import T0


def test_a_call_that_was_armed_and_never_made_is_queued_for_the_next_owner() -> None:
    part = Held("c")
    part.comes(of("c", "a"))
    armed = part.turn()
    assert rows(armed) == {"a": LedgerState.INTENT}
    part.close()
    last = Tick(T0)
    armed.starts[0].owner.settle(Outcome(armed.starts[0], None, NotStarted(), 0), last)
    part.advance(last)
    assert started(last) == []
    assert rows(last) == {"a": LedgerState.QUEUED}
