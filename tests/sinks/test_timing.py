"""The times of a sink worker."""

from __future__ import annotations

import pytest

from pipeline.sinks.timing import Timing


@pytest.mark.parametrize("session", [1.0, 3.0, 6.0, 45.0])
def test_the_lease_ends_before_the_session_does_however_short_that_is(session: float) -> None:
    timing = Timing(session=session)

    assert timing.lease < session
