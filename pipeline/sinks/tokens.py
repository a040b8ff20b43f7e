"""Where a session keeps its access token: with the owner, who writes it down for the next one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipeline.apps.base import Token

REFRESH_WINDOW = 600.0
"""Seconds that token requests are remembered."""


class Tokens:
    """A `TokenStore` of one set of credentials.

    The event loop saves, the Kafka thread reads; `changed` is called after each change. A session of credentials that
    were replaced meanwhile keeps the store it was made with, so its token never becomes the new ones'.
    """

    def __init__(
        self,
        now: Callable[[], float],
        changed: Callable[[], None],
        token: Token | None = None,
        refreshes: Sequence[float] = (),
    ) -> None:
        self._now = now
        self._changed = changed
        self._token = token
        self._refreshes = list(refreshes)

    def load(self) -> Token | None:
        return self._token

    def save(self, token: Token | None) -> None:
        self._token = token
        self._changed()

    def refreshes(self) -> Sequence[float]:
        since = self._now() - REFRESH_WINDOW
        return [at for at in self._refreshes if at > since]

    def refreshed(self, at: float) -> None:
        self._refreshes = [*self.refreshes(), at]
        self._changed()
