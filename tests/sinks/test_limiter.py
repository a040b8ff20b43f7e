"""The limiter against a reference count: no window, no day and no block is ever overrun."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from pipeline.apps.base import Quota
from pipeline.schemas.records import Lane
from pipeline.sinks.limiter import Limiter

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()


def minute(calls: int, day: int | None = None) -> Limiter:
    return Limiter(Quota(windows=((calls, 60.0),), day=day, in_flight=5))


@given(
    gaps=st.lists(st.floats(0, 20), max_size=200),
    sizes=st.lists(st.integers(1, 3), min_size=1, max_size=200),
    unused=st.lists(st.integers(0, 3), min_size=1, max_size=200),
)
def test_no_window_ever_holds_more_calls_than_its_limit(gaps: list[float], sizes: list[int], unused: list[int]) -> None:
    limiter, now, made = minute(10), NOON, []
    for number, gap in enumerate(gaps):
        now += gap
        size = sizes[number % len(sizes)]
        if limiter.wait(now, size, Lane.LIVE) == 0:
            stamp = limiter.reserve(now, size)
            used = max(0, size - unused[number % len(unused)])
            limiter.settle(stamp, size, used)
            made += [now] * used
    for start in made:
        assert sum(start <= at < start + 60 for at in made) <= 10


@given(gaps=st.lists(st.floats(0.01, 20), min_size=1, max_size=60))
def test_waiting_as_long_as_it_says_is_enough(gaps: list[float]) -> None:
    limiter, now = minute(5), NOON
    for gap in gaps:
        now += gap
        wait = limiter.wait(now, 1, Lane.LIVE)
        now += wait
        assert limiter.wait(now + 1e-6, 1, Lane.LIVE) == 0
        limiter.reserve(now + 1e-6, 1)


def test_a_successor_counts_the_calls_of_its_predecessor() -> None:
    limiter = minute(10)
    limiter.reserve(NOON, 10)
    successor = minute(10)
    successor.restore(limiter.snapshot(), limiter.day, limiter.day_calls, limiter.blocked_until)
    assert successor.wait(NOON + 59.9, 1, Lane.LIVE) > 0
    assert successor.wait(NOON + 61, 1, Lane.LIVE) == 0


def test_the_day_ends_at_midnight_of_the_organisation() -> None:
    limiter = Limiter(Quota(windows=(), day=2, in_flight=5, live_reserve=0), ZoneInfo("Asia/Kolkata"))
    limiter.reserve(NOON, 2)
    wait = limiter.wait(NOON, 1, Lane.LIVE)
    assert datetime.fromtimestamp(NOON + wait, ZoneInfo("Asia/Kolkata")).isoformat() == "2026-03-02T00:00:00+05:30"
    assert limiter.wait(NOON + wait, 1, Lane.LIVE) == 0


def test_bulk_commands_leave_a_reserve_of_the_day_to_live_ones() -> None:
    limiter = minute(1000, day=100)
    limiter.reserve(NOON, 90)
    assert limiter.wait(NOON, 1, Lane.BULK) > 0
    assert limiter.wait(NOON, 1, Lane.LIVE) == 0


def test_a_block_holds_until_its_end() -> None:
    limiter = minute(10)
    limiter.block(NOON + 30)
    limiter.block(NOON + 10)
    assert limiter.wait(NOON, 1, Lane.LIVE) == 30
    assert limiter.wait(NOON + 30, 1, Lane.LIVE) == 0
