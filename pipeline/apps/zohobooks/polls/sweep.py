"""What the polls share: the cursor of a sweep, one page of a list, and reading what was found changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from pipeline.apps.base import Found, Polled, Polling, Session
from pipeline.apps.zohobooks.actions.common import read
from pipeline.apps.zohobooks.connection import ZohoBooksSettings
from pipeline.apps.zohobooks.lookup import PER_PAGE, has_more, rows_of
from pipeline.apps.zohobooks.modules import Module
from pipeline.apps.zohobooks.versions import changed, utc_text
from pipeline.apps.zohobooks.wire import request, text
from pipeline.errors import Refused

READS = 4
"""Objects that one step reads."""
MOST = 1 + READS
NEVER = 86_400.0
"""Seconds until a poll that is switched off looks again whether it still is."""
UNHEEDED = 3_600.0
"""The least between sweeps of a list that heeds neither filter nor order, and so has to be read whole."""


class Pending(msgspec.Struct, frozen=True, array_like=True):
    """A row that is to be read: its id, and whether it is new since the sweep before."""

    id: str
    new: bool = False


class Cursor(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Of one module. `since`: the last change seen; `page`: the next page of the sweep under way, 0 between sweeps;
    `begun`: when that began.

    `top` is the newest change of that sweep. `seen` are the versions of rows that changed within the overlap, so that
    going back reads nothing twice; `pending` is what a page gave and is not read. `whole`: the list heeds no bounds.
    """

    since: str = ""
    begun: str = ""
    page: int = 0
    top: str = ""
    seen: dict[str, str] = {}
    pending: list[Pending] = []
    whole: bool = False


def cursor_of(look: Polling) -> Cursor:
    """Where to go on; a cursor of another form, of an earlier release, begins anew."""
    try:
        return msgspec.convert(look.cursor, Cursor)
    except msgspec.ValidationError:
        return Cursor()


def settings_of(look: Polling) -> ZohoBooksSettings:
    return ZohoBooksSettings.model_validate(look.settings)


def at(seconds: float) -> str:
    """POSIX seconds as the versions have them."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def before(time: str, seconds: float) -> str:
    """So long before `time`."""
    return (datetime.fromisoformat(time) - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def as_filter(time: str) -> str:
    """As a list's filter wants it: an offset without a colon."""
    return time.replace("Z", "+0000")


async def page_of(
    session: Session, settings: ZohoBooksSettings, module: Module, page: int, query: Mapping[str, str]
) -> tuple[list[Mapping[str, Any]], bool]:
    """One page of a list, and whether there are more."""
    asked = {**query, "page": str(page), "per_page": str(PER_PAGE)}
    answer = await session.send(request(settings, "GET", module.path, query=asked))
    return rows_of(answer, module.path), has_more(answer)


async def read_pending(
    session: Session, settings: ZohoBooksSettings, module: Module, cursor: Cursor
) -> Sequence[tuple[Pending, Mapping[str, Any]]]:
    """Read the next of what is pending, and take it off. What was deleted meanwhile is left out."""
    done: list[tuple[Pending, Mapping[str, Any]]] = []
    for each in cursor.pending[:READS]:
        try:
            record = await read(session, settings, module, each.id)
        except Refused as error:
            if error.cause != "not_found":
                raise
            continue
        done.append((each, record))
    cursor.pending = cursor.pending[READS:]
    return done


def polled(found: Sequence[Found], cursor: Cursor, settings: ZohoBooksSettings) -> Polled:
    """The step's end: more at once while a sweep is under way."""
    more = bool(cursor.page or cursor.pending)
    pause = max(settings.poll_seconds, UNHEEDED) if cursor.whole else settings.poll_seconds
    return Polled(found, msgspec.to_builtins(cursor), 0.0 if more else pause)


def time_of(record: Mapping[str, Any]) -> str:
    """When a record was changed, "" where that is no time."""
    return _time(changed(record))


def created(record: Mapping[str, Any]) -> str:
    """When it was made."""
    return _time(utc_text(text(record, "created_time")))


def _time(found: str) -> str:
    return found if len(found) == len("2024-08-03T00:05:12Z") and found.endswith("Z") else ""
