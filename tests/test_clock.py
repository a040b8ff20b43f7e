"""A clock that is set makes no time: what happened in a minute stays in it."""

from __future__ import annotations

import pytest

from pipeline.clock import FOLLOWED, SystemClock


class Machine:
    """Its wall clock may be set by hand; time passes all the same."""

    def __init__(self) -> None:
        self.passed, self.set_by = 100.0, 0.0
        self.clock = SystemClock(lambda: 1_000_000.0 + self.passed + self.set_by, lambda: self.passed)


@pytest.mark.parametrize("seconds", [-3600.0, -61.0, 61.0, 3600.0])
def test_a_minute_stays_a_minute_when_the_wall_clock_is_set(seconds: float) -> None:
    machine = Machine()
    began = machine.clock.now()
    machine.set_by = seconds
    machine.passed += 60
    assert machine.clock.now() - began == pytest.approx(60, abs=61 * FOLLOWED)


@pytest.mark.parametrize("seconds", [-2.0, 2.0])
def test_a_wall_clock_that_was_set_is_reached_in_the_end_and_never_passed(seconds: float) -> None:
    machine = Machine()
    machine.set_by = seconds
    for _ in range(1000):
        before = machine.clock.now()
        machine.passed += 1
        assert machine.clock.now() > before
    assert machine.clock.now() == pytest.approx(1_000_000.0 + machine.passed + seconds)
