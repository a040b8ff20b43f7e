"""What an owner knows of its connection: settings, quota, token, profile, and whether it may run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipeline.apps.base import App, Token
from pipeline.clock import utc
from pipeline.control.secrets import SecretBox, secret_name
from pipeline.control.snapshot import credentials_hash
from pipeline.errors import ConfigurationError
from pipeline.schemas.records import Connection, ConnectionState
from pipeline.sinks.limiter import Limiter

CHECK_EVERY = 24 * 3600.0
REFRESH_WINDOW = 600.0
TOKEN = "access_token"  # noqa: S105 - the name that a sealed token is bound to


class OwnerState:
    """Also the session's `TokenStore`: the event loop saves tokens, the Kafka thread writes them down when `dirty`."""

    def __init__(self, connection: Connection, app: App, box: SecretBox, now: Callable[[], float]) -> None:
        self.id = connection.id
        self.now = now
        self.dirty = False
        self.check_stamp = 0.0
        self.profile: Mapping[str, Any] | None = None
        self.stopped = ""
        self._app = app
        self._box = box
        self._token: Token | None = None
        self._refreshes: list[float] = []
        self._checked_at = 0.0
        self._recheck_at = 0.0
        self.configure(connection)

    def configure(self, connection: Connection) -> None:
        """Take over what `control` says now: whoever wrote it has looked at the connection, so it runs again.

        Other credentials start anew, unchecked and without a token.
        """
        credentials = credentials_hash(connection)
        known = getattr(self, "credentials", credentials)
        fresh = credentials != known
        self.credentials = credentials
        self.connection = connection
        self.settings = connection.settings
        self.paused = connection.paused
        self.limiter = Limiter(self._app.quota(connection.settings))
        self.counted = bool(self.limiter.quota.windows) or self.limiter.quota.day is not None
        self.quiet_period = self._app.quiet_period(connection.settings)
        self.stopped = ""
        self._recheck_at = 0.0
        self.dirty = True
        if fresh:
            self._token, self.profile, self._checked_at = None, None, 0.0

    def restore(self, state: ConnectionState) -> None:
        """Go on from the predecessor's row."""
        self.limiter.restore(
            state.calls,
            state.day,
            state.day_calls,
            state.blocked_until.timestamp() if state.blocked_until else 0.0,
        )
        self._refreshes = list(state.refreshes)
        if state.credentials != self.credentials:
            return
        self.stopped = state.stopped
        if state.profile:
            self._take_profile(state.profile)
            self._checked_at = state.checked.timestamp() if state.checked else 0.0
        if state.token and state.token_expires:
            try:
                value = self._box.open(secret_name(self.id, TOKEN), state.token)
            except ConfigurationError:
                return
            self._token = Token(value, state.token_expires.timestamp())

    def record(self) -> ConnectionState:
        token = self._token
        return ConnectionState(
            connection=self.id,
            calls=self.limiter.snapshot(),
            day=self.limiter.day,
            day_calls=self.limiter.day_calls,
            blocked_until=utc(self.limiter.blocked_until) if self.limiter.blocked_until else None,
            token=self._box.seal(secret_name(self.id, TOKEN), token.value) if token else "",
            token_expires=utc(token.expires) if token else None,
            refreshes=list(self._refreshes),
            profile=dict(self.profile or {}),
            checked=utc(self._checked_at) if self._checked_at else None,
            stopped=self.stopped,
            credentials=self.credentials,
        )

    @property
    def running(self) -> bool:
        return not self.paused and not self.stopped

    def must_check(self, now: float) -> bool:
        """Whether the start-up checks are due. A profile that has grown old serves until the new one is there."""
        return now >= max(self._checked_at + CHECK_EVERY, self._recheck_at)

    def checked(self, profile: Mapping[str, Any]) -> None:
        self._take_profile(profile)
        self._checked_at = self.now()
        self.dirty = True

    def recheck(self, at: float) -> None:
        """The checks could not be carried out: again, not before `at`."""
        self._recheck_at = at

    def stop(self, reason: str) -> None:
        self.stopped = reason
        self.dirty = True

    def _take_profile(self, profile: Mapping[str, Any]) -> None:
        self.profile = profile
        try:
            self.limiter.zone = ZoneInfo(str(profile.get("time_zone") or "UTC"))
        except (ZoneInfoNotFoundError, ValueError):
            self.limiter.zone = ZoneInfo("UTC")

    # --- TokenStore ---------------------------------------------------------------------------------------------

    def load(self) -> Token | None:
        return self._token

    def save(self, token: Token | None) -> None:
        self._token = token
        self.dirty = True

    def refreshes(self) -> Sequence[float]:
        since = self.now() - REFRESH_WINDOW
        return [at for at in self._refreshes if at > since]

    def refreshed(self, at: float) -> None:
        self._refreshes = [*self.refreshes(), at]
        self.dirty = True
