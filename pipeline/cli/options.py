"""Options that several commands share, and how their values are read."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from pipeline.errors import ConfigurationError

Json = Annotated[bool, typer.Option("--json", help="JSON lines on standard output, for programs.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it. Without this it is a dry run.")]
Since = Annotated[str, typer.Option("--since", help="From this time on: 2026-01-31, 2026-01-31T12:00Z, or 2h, 7d ago.")]
Until = Annotated[str, typer.Option("--until", help="Before this time; written as for --since.")]

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def read_time(text: str, option: str, now: datetime | None = None) -> datetime | None:
    """None for "". A time without a zone is UTC. Raises `ConfigurationError`."""
    if not text:
        return None
    number, unit = text[:-1], text[-1]
    if number.isdecimal() and unit in _UNITS:
        return (now or datetime.now(UTC)) - timedelta(**{_UNITS[unit]: int(number)})
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        message = f"{option} {text!r} is no time: write 2026-01-31, 2026-01-31T12:00Z, or 2h, 7d"
        raise ConfigurationError(message) from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
