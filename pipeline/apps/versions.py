"""Versions of a source's objects: which of two is the older one."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation


def older(version: str, than: str) -> bool:
    """Whether `version` is surely older. Versions are numbers or ISO 8601 times; where they can't be compared, no.

    What follows a semicolon is no part of the time: it tells states of one second apart.
    """
    version, than = version.partition(";")[0], than.partition(";")[0]
    if not version or not than:
        return False
    numbers = _number(version), _number(than)
    if numbers[0] is not None and numbers[1] is not None:
        return numbers[0] < numbers[1]
    times = _time(version), _time(than)
    return times[0] is not None and times[1] is not None and times[0] < times[1]


def _number(version: str) -> Decimal | None:
    try:
        number = Decimal(version)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _time(version: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(version)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
