"""The limiter against a reference count: no window, no day and no block is ever overrun."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.apps.base import DayQuota, Quota
from pipeline.schemas.records import ConnectionState, Lane
from pipeline.sinks.limiter import EDGE, Limiter

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()
MIDNIGHT = NOON + 12 * 3600


def minute(calls: int, day: int | None = None) -> Limiter:
    return Limiter(Quota(windows=((calls, 60.0),), day=day, in_flight=5))


@example(  # ten that wait for fifty seconds after their intent, and eleven seconds later ten more
    gaps=[0.0] * 10 + [20.0, 20.0, 20.0, 1.0] + [0.0] * 9,
    sizes=[1],
    unused=[0],
    delays=[50.0] * 13 + [0.0] * 10,
)
@given(
    gaps=st.lists(st.floats(0, 20), max_size=200),
    sizes=st.lists(st.integers(1, 3), min_size=1, max_size=50),
    unused=st.lists(st.integers(0, 3), min_size=1, max_size=50),
    delays=st.lists(st.floats(0, 90), min_size=1, max_size=50),
)
def test_no_window_ever_holds_more_calls_than_its_limit_however_long_after_their_intent_they_are_sent(
    gaps: list[float], sizes: list[int], unused: list[int], delays: list[float]
) -> None:
    limiter, now = minute(10), NOON
    under_way: list[tuple[float, float, int, int]] = []
    made: list[float] = []
    for number, gap in enumerate(gaps):
        now += gap
        for sent, stamp, size, used in sorted(call for call in under_way if call[0] <= now):
            limiter.settle(stamp, size, used, sent)
            made += [sent] * used
            under_way.remove((sent, stamp, size, used))
        size = sizes[number % len(sizes)]
        if limiter.wait(now, size, Lane.LIVE) == 0:
            used = max(0, size - unused[number % len(unused)])
            under_way.append((now + delays[number % len(delays)], limiter.reserve(now, size), size, used))
    made += [sent for sent, _, _, used in under_way for _ in range(used)]
    for start in made:
        assert sum(start <= at < start + 60 for at in made) <= 10


@given(gaps=st.lists(st.floats(0.01, 20), min_size=1, max_size=60))
def test_waiting_as_long_as_it_says_is_enough_once_nothing_is_under_way(gaps: list[float]) -> None:
    limiter, now = minute(5), NOON
    for gap in gaps:
        now += gap
        now += limiter.wait(now, 1, Lane.LIVE)
        assert limiter.wait(now + 1e-6, 1, Lane.LIVE) == 0
        limiter.settle(limiter.reserve(now + 1e-6, 1), 1, 1, now + 1e-6)


def take_over(limiter: Limiter, now: float) -> Limiter:
    successor = Limiter(limiter.quota, limiter.zone)
    state = ConnectionState(
        connection="c",
        calls=limiter.snapshot(),
        open_calls=limiter.open,
        day=limiter.day,
        day_calls=limiter.day_calls,
        profile={"time_zone": str(limiter.zone)},
    )
    successor.restore(state, now)
    return successor


def test_a_successor_counts_the_calls_of_its_predecessor() -> None:
    limiter = minute(10)
    limiter.settle(limiter.reserve(NOON, 10), 10, 10, NOON)
    successor = take_over(limiter, NOON + 5)
    assert successor.wait(NOON + 59.9, 1, Lane.LIVE) > 0
    assert successor.wait(NOON + 61.1, 1, Lane.LIVE) == 0


def test_calls_under_way_at_a_take_over_may_have_been_made_until_then() -> None:
    limiter = minute(10)
    limiter.reserve(NOON, 10)
    successor = take_over(limiter, NOON + 30)
    assert successor.wait(NOON + 89.9, 1, Lane.LIVE) > 0
    assert successor.wait(NOON + 90.1, 1, Lane.LIVE) == 0


def test_another_quota_counts_the_calls_made_under_the_old_one() -> None:
    limiter = minute(100)
    limiter.settle(limiter.reserve(NOON, 10), 10, 10, NOON)
    limiter.change(Quota(windows=((10, 60.0),), day=None, in_flight=2))
    assert limiter.wait(NOON + 1, 1, Lane.LIVE) > 0
    assert limiter.in_flight_limit == 2


def test_what_is_open_at_midnight_counts_for_the_new_day_until_it_is_known_not_to_have_been_made() -> None:
    limiter = Limiter(Quota(windows=(), day=100, in_flight=5))
    stamp = limiter.reserve(MIDNIGHT - 1, 8)
    limiter.reserve(MIDNIGHT + EDGE, 3)
    assert limiter.day_calls == 11
    limiter.settle(stamp, 8, 0, 0.0)
    assert limiter.day_calls == 3


def test_what_was_sent_about_midnight_counts_for_both_days() -> None:
    limiter = minute(100, day=10)
    for at in (MIDNIGHT - EDGE - 1, MIDNIGHT - 1, MIDNIGHT + 1):
        limiter.settle(limiter.reserve(at, 1), 1, 1, at)
    assert limiter.day_calls == 3
    limiter.wait(MIDNIGHT + EDGE, 1, Lane.LIVE)
    assert limiter.day_calls == 2


def test_a_clock_that_goes_back_over_midnight_and_forth_again_gives_no_day_twice() -> None:
    limiter = minute(1000, day=100)
    for at in (MIDNIGHT + 1000, MIDNIGHT + 2000, MIDNIGHT - 10, MIDNIGHT + 3000):
        assert limiter.wait(at, 3, Lane.LIVE) == 0
        limiter.settle(limiter.reserve(at, 3), 3, 3, at)
    assert limiter.day_calls == 12


def test_another_zone_begins_no_day() -> None:
    limiter = minute(1000, day=10)
    limiter.reserve(NOON, 3)
    limiter.zone = ZoneInfo("Pacific/Auckland")
    assert limiter.wait(NOON, 8, Lane.LIVE) > 0


def test_an_answer_to_what_was_asked_yesterday_tells_nothing_of_today() -> None:
    limiter = Limiter(Quota(windows=(), day=2000, in_flight=5))
    assert not limiter.learn(MIDNIGHT + EDGE, DayQuota(limit=2000, left=0), MIDNIGHT)
    assert limiter.wait(MIDNIGHT + EDGE, 1, Lane.LIVE) == 0


def test_the_day_ends_at_midnight_of_the_organisation() -> None:
    limiter = Limiter(Quota(windows=(), day=2, in_flight=5, live_reserve=0), ZoneInfo("Asia/Kolkata"))
    limiter.settle(limiter.reserve(NOON, 2), 2, 2, NOON)
    wait = limiter.wait(NOON, 1, Lane.LIVE)
    assert datetime.fromtimestamp(NOON + wait, ZoneInfo("Asia/Kolkata")).isoformat() == "2026-03-02T00:00:02+05:30"
    assert limiter.wait(NOON + wait, 1, Lane.LIVE) == 0


def test_bulk_commands_leave_a_reserve_of_the_day_to_live_ones() -> None:
    limiter = minute(1000, day=100)
    limiter.reserve(NOON, 90)
    assert limiter.wait(NOON, 1, Lane.REPLAY) > 0
    assert limiter.wait(NOON, 1, Lane.LIVE) == 0


def test_a_block_holds_until_its_end() -> None:
    limiter = minute(10)
    limiter.block(NOON + 30)
    limiter.block(NOON + 10)
    assert limiter.wait(NOON, 1, Lane.LIVE) == 30
    assert limiter.wait(NOON + 30, 1, Lane.LIVE) == 0


def test_calls_of_others_and_a_smaller_plan_are_learnt_from_the_answers_and_outlive_an_owner() -> None:
    limiter = Limiter(Quota(windows=(), day=2000, in_flight=5, live_reserve=0))
    limiter.reserve(NOON, 1)
    assert limiter.learn(NOON, DayQuota(limit=1000, left=2))
    limiter.settle(NOON, 1, 1, NOON)
    assert limiter.wait(NOON, 1, Lane.LIVE) == 0
    limiter.reserve(NOON, 1)
    assert limiter.wait(NOON, 1, Lane.LIVE) > 0
    state = ConnectionState(
        connection="c", day=limiter.day, day_calls=limiter.day_calls, day_limit=limiter.day_limit,
    )  # fmt: skip
    successor = Limiter(Quota(windows=(), day=2000, in_flight=5))
    successor.restore(state, NOON)
    assert successor.calls_a_day == 1000
    assert successor.wait(NOON, 1, Lane.LIVE) > 0


def test_what_an_answer_says_never_takes_calls_back() -> None:
    limiter = Limiter(Quota(windows=(), day=2000, in_flight=5))
    for _ in range(10):
        limiter.reserve(NOON, 1)
    limiter.learn(NOON, DayQuota(limit=2000, left=2000))
    assert limiter.day_calls == 10


def test_bulk_lanes_leave_calls_of_a_window_to_live_ones() -> None:
    limiter = Limiter(Quota(windows=((10, 60.0),), day=None, in_flight=5, live_reserve=0.1))
    for _ in range(9):
        limiter.reserve(NOON, 1)
    assert limiter.wait(NOON, 1, Lane.REPLAY) > 0
    assert limiter.wait(NOON, 1, Lane.DEPENDENCY) == 0


def test_it_says_when_a_backlog_will_be_done() -> None:
    minute = Limiter(Quota(windows=((100, 60.0),), day=None, in_flight=5))
    assert minute.forecast(NOON, 1000, Lane.LIVE) == 600
    day = Limiter(Quota(windows=((100, 60.0),), day=1000, in_flight=5, live_reserve=0))
    half_a_day = 12 * 3600 + EDGE
    assert day.forecast(NOON, 1000, Lane.LIVE) == 600
    assert day.forecast(NOON, 1001, Lane.LIVE) == half_a_day + 0.6
    assert day.forecast(NOON, 3000, Lane.LIVE) == half_a_day + 24 * 3600 + 600
    assert Limiter(Quota(windows=(), day=None, in_flight=5)).forecast(NOON, 5, Lane.LIVE) is None


def test_a_call_that_may_be_under_way_counts_in_every_window() -> None:
    limiter = minute(10)
    limiter.reserve(NOON, 10)
    assert limiter.wait(NOON + 1, 1, Lane.LIVE) > 0
    assert limiter.wait(NOON + 3600, 1, Lane.LIVE) > 0
