"""The version of an object: Zoho's time of its last change in UTC, and what may change without that time.

Times are whole seconds, and an invoice becomes overdue without being changed; so the status and what is open belong to
the version. The same state has the same version whether a write, a read or a list gave it:
``2024-08-03T00:05:12Z;partially_paid;60``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from pipeline.apps.zohobooks.amounts import plain
from pipeline.apps.zohobooks.wire import text

TIMES = ("last_modified_time", "updated_time", "created_time")
"""Of payments Zoho's pages show `updated_time` only."""
OPEN = ("balance", "amount")
"""What is open of an invoice or credit note, what a payment came to."""
DELETED = "deleted"
"""The version of an object that is no more: it ends once."""


def version_of(data: Any) -> str:
    """ "" for what has no time."""
    if not isinstance(data, dict):
        return ""
    time = changed(data)
    if not time:
        return ""
    return ";".join(part for part in (time, text(data, "status"), _open(data)) if part)


def changed(record: Mapping[str, Any]) -> str:
    """When a record was changed last, ``2024-08-03T00:05:12Z``, which sorts; what is no time as it is."""
    return utc_text(next((value for name in TIMES if (value := text(record, name))), ""))


def utc_text(time: str) -> str:
    """A time of Zoho's, with an offset like ``+0530``, in UTC."""
    try:
        found = datetime.fromisoformat(time)
    except ValueError:
        return time
    if found.tzinfo is None:
        return time
    try:
        return found.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except OverflowError:
        return time


def _open(record: Mapping[str, Any]) -> str:
    found = next((value for name in OPEN if (value := text(record, name))), "")
    try:
        amount = Decimal(found)
    except InvalidOperation:
        return ""
    return plain(amount) if amount.is_finite() and amount.adjusted() < 30 else ""
