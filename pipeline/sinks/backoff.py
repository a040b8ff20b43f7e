"""How long to wait before the next attempt: exponential with full jitter.

https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
"""

from __future__ import annotations

from collections.abc import Callable

BASE_SECONDS = 0.5
CAP_SECONDS = 300.0


def backoff(attempt: int, random: Callable[[], float]) -> float:
    """Seconds before attempt `attempt + 1`; `random` gives [0, 1). At least a tenth of the ceiling, so never zero."""
    ceiling: float = min(CAP_SECONDS, BASE_SECONDS * 2.0 ** min(attempt - 1, 20))
    return ceiling * (0.1 + 0.9 * random())
