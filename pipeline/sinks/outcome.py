"""What comes of a call, as the event loop hands it back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.apps.base import Applied, DayQuota, Polled
from pipeline.errors import Retry
from pipeline.schemas.records import Connection
from pipeline.sinks.tick import Start


class NotStarted(Exception):
    """The call was handed back before anything was sent: the lease ended or the connection closed."""


class Interrupted(Retry):
    """Between two calls of one action, by us: it says nothing about the app."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a `Start`: `value` or `error`, the calls really made, and when the last one was sent.

    `connection` is what the call was made with: it may have been replaced meanwhile. `day` is what the answers said of
    the app's quota.
    """

    start: Start
    value: Applied | Polled | Mapping[str, Any] | None
    error: Exception | None
    made: int
    sent: float = 0.0
    connection: Connection | None = None
    day: DayQuota | None = None
