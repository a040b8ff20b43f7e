"""What comes of a call, as the event loop hands it back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.apps.base import Applied
from pipeline.sinks.tick import Start


class NotStarted(Exception):
    """The call was handed back before anything was sent: the lease ended or the connection closed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a `Start`: `value` or `error`, and the calls really made."""

    start: Start
    value: Applied | Mapping[str, Any] | None
    error: Exception | None
    made: int
