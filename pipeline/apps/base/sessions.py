"""A connection in use: its token, its start-up checks, and what it may use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from pipeline.apps.base.http import Request


@dataclass(frozen=True, slots=True)
class Token:
    """An access token with its end (POSIX seconds)."""

    value: str = field(repr=False)
    expires: float


class TokenStore(Protocol):
    """Where a session keeps its token across restarts and owners; it is stored encrypted."""

    def load(self) -> Token | None: ...

    def save(self, token: Token | None) -> None: ...

    def refreshes(self) -> Sequence[float]:
        """POSIX times of the token requests of the last ten minutes, over all owners."""

    def refreshed(self, at: float) -> None:
        """Note a token request; called before it is sent."""


@dataclass(frozen=True, slots=True)
class StartupCheck:
    """One of the start-up checks. `title` is what is true where it passes, `remedy` what to mend where it does not.

    `warning` says what works, and less well than it could; `tried` is False where an earlier failure is in the way.
    """

    name: str
    title: str
    remedy: str = ""
    warning: str = ""
    tried: bool = True


class Session(Protocol):
    """A connection in use: authenticates, sends, and sorts answers into the error tree. One a connection and worker."""

    async def send(self, request: Request) -> Any:
        """The decoded JSON answer (money as Decimal) of a call that succeeded. Raises the `EffectError`s."""

    async def check(self) -> Mapping[str, Any]:
        """All start-up checks; gives the profile. Raises `Stopped` with the remedy in the vendor's own words."""

    async def close(self) -> None: ...


@runtime_checkable
class SurveysItself(Protocol):
    """What a session has besides where its checks can be told one by one."""

    async def survey(self) -> Sequence[StartupCheck]:
        """As `Session.check`, but it goes on after a failure and raises nothing of the `EffectError`s."""


@dataclass(frozen=True, slots=True)
class Quota:
    """What a connection may use. `windows` are (calls, seconds); `day` calls a day, None for no limit."""

    windows: Sequence[tuple[int, float]]
    day: int | None
    in_flight: int
    live_reserve: float = 0.1
    """Share of the day's calls that bulk commands leave to live ones."""
    timeout: float = 30.0
    """Seconds after which the answer of a call counts as lost."""


@dataclass(frozen=True, slots=True)
class DayQuota:
    """What an answer says of the calls of its day: the `limit`, and how many are `left` for all users together."""

    limit: int
    left: int
