"""Togai's rate limit: 10 requests in any second a token (quotas page, test tier); a throttled call answers 429."""

from __future__ import annotations

from pipeline.sandbox.togai.errors import Refusal
from pipeline.sandbox.window import Window


class Limits:
    """Counts by token. `per_second` may be changed while it runs; None is no limit."""

    def __init__(self, per_second: int | None) -> None:
        self.per_second = per_second
        self._windows: dict[str, Window] = {}

    def spend(self, token: str, now: float) -> None:
        """Count a call. Raises Refusal where it is one too many; a refused call isn't counted."""
        if self.per_second is None:
            return
        window = self._windows.setdefault(token, Window(1.0))
        if window.count(now) >= self.per_second:
            raise Refusal(429, "Too many requests")
        window.add(now)
