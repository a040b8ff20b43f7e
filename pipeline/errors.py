"""Every error of the pipeline, sorted by what the caller does about it.

    PipelineError
    ├── ConfigurationError   a person mends a file, an argument or the environment; nothing was started
    │   ├── NotThere         what was named is not there: name another
    │   └── Conflict         what is there stands in the way: change that first
    ├── Undecodable          dead-letter the record with its bytes and go on
    ├── Unverified           a webhook is not from whom it should be: turn it away, keep nothing
    └── EffectError          an action could not be carried out now
        ├── Retry            nothing was applied: try again after a back-off
        ├── InDoubt          the answer was lost: settle after the quiet period, never blindly
        ├── Wait             nothing was applied: the destination names a time, or its quota does
        ├── Refused          final for this command: a person decides; the result says why
        └── Stopped          the connection cannot work: its commands wait until it is mended

What waits for a mapping (*park*) is no error: planning finds it before any call is made (`apps.base.Park`).
"""

from __future__ import annotations

from datetime import datetime, timedelta


class PipelineError(Exception):
    """Base of all errors raised here. `str(error)` is one line a person can act on; it never holds a secret."""


class ConfigurationError(PipelineError):
    """Something a person wrote or set is wrong. The message names the place and the remedy."""


class NotThere(ConfigurationError):
    """A connection, flow, link or run of this name does not exist. The message lists those that do."""


class Conflict(ConfigurationError):
    """It cannot be done as things are: the name is taken, or something uses what is to go. The message names it."""


class Undecodable(PipelineError):
    """A record's bytes are not what its topic holds. `code` is stable; the record goes to the dead letters."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Unverified(PipelineError):
    """A webhook is forged, or of another organisation. `code` is stable; the message holds no secret."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class EffectError(PipelineError):
    """An action was not carried out. `code` is the destination's own code where it gave one (``3062``, ``429``)."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class Retry(EffectError):
    """The call surely had no effect and may have one later (connection refused, 503 before the application)."""


class InDoubt(EffectError):
    """The call may have had its effect: it was sent, and no usable answer came back."""


class Wait(EffectError):
    """The destination asks to wait. `until` is when it may go on, or `delay` for how long.

    `scope` says who waits: ``connection`` (a block, a quota) or ``call`` (one call too many in flight).
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        until: datetime | None = None,
        delay: timedelta | None = None,
        scope: str = "connection",
    ) -> None:
        super().__init__(message, code=code)
        self.until = until
        self.delay = delay
        self.scope = scope


class Refused(EffectError):
    """Final for this command. `cause` is a class an operator can group by (``conflict``, ``invalid``, …)."""

    def __init__(self, message: str, *, code: str = "", cause: str = "invalid") -> None:
        super().__init__(message, code=code)
        self.cause = cause


class Stopped(EffectError):
    """The connection as a whole cannot work (dead token, missing scope, lost field); the remedy is in the message."""
