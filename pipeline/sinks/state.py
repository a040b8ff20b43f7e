"""What an owner knows of its connection: settings, quota, token, profile, and whether it may run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pipeline.apps.base import App, Token
from pipeline.clock import utc
from pipeline.control.secrets import SecretBox, secret_name
from pipeline.control.snapshot import credentials_hash
from pipeline.errors import ConfigurationError
from pipeline.flows.wanted import NOTHING
from pipeline.schemas.records import Behind, Connection, ConnectionState
from pipeline.sinks.breaker import Breaker
from pipeline.sinks.limiter import Limiter, zone_of
from pipeline.sinks.tokens import Tokens

CHECK_EVERY = 24 * 3600.0
LOOK_AGAIN = 900.0
"""Seconds until a stopped connection is checked again: its remedy may lie where we do not hear of it."""
TOKEN = "access_token"  # noqa: S105 - the name that a sealed token is bound to


class OwnerState:
    """Owned by the Kafka thread, which writes it down when `dirty`; the event loop reads it, and changes `tokens`."""

    def __init__(self, connection: Connection, app: App, box: SecretBox, now: Callable[[], float]) -> None:
        self.id = connection.id
        self.now = now
        self.dirty = False
        self.profile: Mapping[str, Any] | None = None
        self.stopped = ""
        self.wanted = NOTHING
        self.cursors: dict[str, dict[str, Any]] = {}
        self.behind: Callable[[], list[Behind]] = list
        """Its commands that were passed over."""
        self._app = app
        self._box = box
        self._checked_at = 0.0
        self._recheck_at = 0.0
        self.limiter = Limiter(app.quota(connection.settings))
        self.breaker = Breaker()
        self.tokens = Tokens(now, self._touch)
        self.credentials = credentials_hash(connection)
        self.connection = connection
        self.configure(connection)

    def configure(self, connection: Connection) -> None:
        """Take over what `control` says now: whoever wrote it has looked at the connection, so it runs again.

        Other credentials start anew: unchecked, without a token, and without what the old ones had to wait for, be it
        for token requests. Other settings are checked at once, and the profile serves until then. Calls made before
        count on. Raises ValueError where the app does not take the settings.
        """
        credentials = credentials_hash(connection)
        quota, quiet_period = self._app.quota(connection.settings), self._app.quiet_period(connection.settings)
        if credentials != self.credentials:
            self.tokens = Tokens(self.now, self._touch)
            self.limiter.blocked_until = 0.0
            self.profile, self._checked_at = None, 0.0
        elif connection.settings != self.connection.settings:
            self._checked_at = 0.0
        self.credentials = credentials
        self.connection = connection
        self.settings = connection.settings
        self.paused = connection.paused
        self.limiter.change(quota)
        self.counted = bool(self.limiter.quota.windows) or self.limiter.quota.day is not None
        self.quiet_period = quiet_period
        self.stopped = ""
        self._recheck_at = 0.0
        self.dirty = True

    def restore(self, state: ConnectionState) -> None:
        """Go on from the predecessor's row."""
        self.limiter.restore(state, self.now())
        self.cursors = dict(state.cursors)
        self.breaker.restore(state.failures, state.breaker_until.timestamp() if state.breaker_until else 0.0)
        if state.credentials != self.credentials:
            self.limiter.blocked_until = 0.0
            return
        self.tokens = Tokens(self.now, self._touch, refreshes=state.refreshes)
        if state.stopped:
            self.stop(state.stopped)
        if state.profile:
            self._take_profile(state.profile)
            self._checked_at = state.checked.timestamp() if state.checked else 0.0
        if state.token and state.token_expires:
            try:
                value = self._box.open(secret_name(self.id, TOKEN), state.token)
            except ConfigurationError:
                return
            token = Token(value, state.token_expires.timestamp())
            self.tokens = Tokens(self.now, self._touch, token, state.refreshes)

    def record(self) -> ConnectionState:
        token = self.tokens.load()
        return ConnectionState(
            connection=self.id,
            calls=self.limiter.snapshot(),
            open_calls=self.limiter.open,
            day=self.limiter.day,
            day_calls=self.limiter.day_calls,
            day_limit=self.limiter.day_limit,
            blocked_until=utc(self.limiter.blocked_until) if self.limiter.blocked_until else None,
            token=self._box.seal(secret_name(self.id, TOKEN), token.value) if token else "",
            token_expires=utc(token.expires) if token else None,
            refreshes=list(self.tokens.refreshes()),
            profile=dict(self.profile or {}),
            checked=utc(self._checked_at) if self._checked_at else None,
            stopped=self.stopped,
            in_flight=self.limiter.learnt_in_flight,
            failures=self.breaker.failures,
            breaker_until=utc(self.breaker.until) if self.breaker.until else None,
            behind=self.behind(),
            cursors=self.cursors,
            credentials=self.credentials,
        )

    @property
    def running(self) -> bool:
        return not self.paused and not self.stopped

    def must_check(self, now: float) -> bool:
        """Whether the start-up checks are due. A profile that has grown old serves until the new one is there."""
        due = self._recheck_at if self.stopped else max(self._checked_at + CHECK_EVERY, self._recheck_at)
        return not self.paused and now >= due

    def checked(self, profile: Mapping[str, Any]) -> None:
        self._take_profile(profile)
        self._checked_at = self.now()
        self.stopped = ""
        self.dirty = True

    def recheck(self, at: float) -> None:
        """The checks could not be carried out: again, not before `at`."""
        self._recheck_at = at

    def stop(self, reason: str) -> None:
        """No call until a person has touched the connection, or a later check finds it mended."""
        self.stopped = reason
        self._recheck_at = self.now() + LOOK_AGAIN
        self.dirty = True

    def _take_profile(self, profile: Mapping[str, Any]) -> None:
        self.profile = profile
        self.limiter.zone = zone_of(profile)

    def _touch(self) -> None:
        self.dirty = True
