"""The breaker: an app that gives no usable answer is asked less and less, and one answer is enough to go on."""

from __future__ import annotations

from pipeline.errors import InDoubt, Refused, Retry
from pipeline.sinks.breaker import LIMIT, LONGEST, SHORTEST, Breaker, BreakerState
from pipeline.sinks.entry import Entry
from pipeline.sinks.outcome import Interrupted, Outcome
from pipeline.sinks.owner import Owner
from pipeline.sinks.tick import Tick
from tests.sinks.test_owner import advance, started
from tests.sinks.toy import FREE, T0, applied, command, owner, ref


def opened(at: float = T0) -> Breaker:
    breaker = Breaker()
    for _ in range(LIMIT):
        breaker.failed(at)
    return breaker


def test_it_opens_after_failures_in_a_row_and_an_answer_between_them_starts_the_count_anew() -> None:
    breaker = Breaker()
    for _ in range(LIMIT - 1):
        breaker.failed(T0)
    breaker.answered()
    for _ in range(LIMIT - 1):
        breaker.failed(T0)
    assert breaker.state(T0) is BreakerState.CLOSED
    breaker.failed(T0)
    assert breaker.state(T0) is BreakerState.OPEN
    assert not breaker.allows(T0, armed=0)


def test_half_open_it_lets_one_call_through_at_a_time() -> None:
    breaker = opened()
    assert breaker.state(T0 + SHORTEST) is BreakerState.HALF_OPEN
    assert breaker.allows(T0 + SHORTEST, armed=0)
    assert not breaker.allows(T0 + SHORTEST, armed=1)


def test_each_failed_trial_doubles_the_time_up_to_the_longest() -> None:
    breaker, now, times = opened(), T0, []
    for _ in range(9):
        times.append(breaker.until - now)
        now = breaker.until
        breaker.failed(now)
    assert times == [min(LONGEST, SHORTEST * 2**number) for number in range(9)]


def test_calls_that_were_under_way_when_it_opened_make_it_no_longer() -> None:
    breaker = opened()
    until = breaker.until
    breaker.failed(T0 + 1)
    assert breaker.until == until


def failing(each: Owner, error: Exception, at: float = 0.0) -> Tick:
    """As many calls as may go out, all failing the same way; gives what starts then."""
    tick = advance(each, at)
    while tick.starts:
        after = Tick(T0 + at)
        for start in tick.starts:
            each.settle(Outcome(start, None, error, 1), after)
        each.advance(after)
        tick = after
    return tick


def busy() -> Owner:
    each = owner()
    for number in range(40):
        each.add(Entry(command(str(number), party=str(number)), "t", number, T0))
    return each


def test_a_connection_without_answers_is_tried_with_one_call_later_and_goes_on_with_its_answer() -> None:
    each = busy()
    failing(each, InDoubt("HTTP 503"))
    assert each.state.breaker.state(T0) is BreakerState.OPEN
    trial = advance(each, SHORTEST + 1)
    assert len(trial.starts) == 1
    tick = Tick(T0 + SHORTEST + 1)
    start = trial.starts[0]
    assert start.entry is not None
    each.settle(Outcome(start, applied(ref(start.entry.command.party), "1"), None, 1), tick)
    each.advance(tick)
    assert len(started(tick)) == each.window


def test_refusals_are_answers() -> None:
    each = busy()
    failing(each, Refused("no"))
    assert each.state.breaker.failures == 0
    assert len(each.parties) == 0


def test_our_own_interruptions_say_nothing_about_the_app() -> None:
    each = busy()
    tick = advance(each)
    for start in tick.starts:
        each.settle(Outcome(start, None, Interrupted("closing"), 1), tick)
    assert each.state.breaker.failures == 0


def test_a_successor_goes_on_with_an_open_breaker() -> None:
    each = busy()
    failing(each, Retry("connection refused"))
    successor = owner(FREE)
    successor.state.restore(each.state.record())
    assert successor.state.breaker.state(T0) is BreakerState.OPEN
    assert successor.state.breaker.until == each.state.breaker.until
