"""Which of two versions is older: only where both can be compared for sure."""

from __future__ import annotations

import pytest

from pipeline.apps.versions import older


@pytest.mark.parametrize(
    ("version", "than", "said"),
    [
        ("9", "10", True),
        ("10", "9", False),
        ("3", "3", False),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.001Z", True),
        ("2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00Z", False),
        ("2026-01-01T00:00:00", "2026-01-01T01:00:00Z", True),
        ("2026-01-01T00:00:00Z;sent;10", "2026-01-01T00:00:00Z;paid;0", False),
        ("2026-01-01T00:00:00Z;sent;10", "2026-01-02T00:00:00Z;paid;0", True),
        ("", "2026-01-01T00:00:00Z", False),
        ("2026-01-01T00:00:00Z", "", False),
        ("3", "2026-01-01T00:00:00Z", False),
        ("abc", "abd", False),
        ("NaN", "1", False),
    ],
)
def test_numbers_and_times_are_compared_and_nothing_else(version: str, than: str, said: bool) -> None:
    assert older(version, than) is said
