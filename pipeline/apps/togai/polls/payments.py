"""Payments that were recorded. Their list begins with the newest and holds them whole; nobody but the UI edits them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar

import msgspec

from pipeline.apps.base import Found, Polled, Polling, Session
from pipeline.apps.togai.connection import TogaiSettings
from pipeline.apps.togai.documents import PAYMENT, version
from pipeline.apps.togai.lists import page
from pipeline.apps.togai.polls.sweep import NEVER
from pipeline.apps.togai.versions import version_of
from pipeline.clock import utc

RECORDED = "payment.recorded"
OVERLAP = timedelta(minutes=10)
"""How far a sweep goes back behind the newest payment seen: lists may lag behind writes."""
MOST_SEEN = 500


class Cursor(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`since`: payments made before are not new. `token`: the next page of the sweep under way, "" between sweeps.

    `newest` is the newest of that sweep. `seen` are the payments within the overlap, at the most `MOST_SEEN` of them,
    with the times that they were made.
    """

    since: str = ""
    token: str = ""
    newest: str = ""
    seen: dict[str, str] = {}


class PaymentPoll:
    """One page a step. The first sweep begins with what is made from now on."""

    name: ClassVar[str] = "payments"
    triggers: ClassVar[frozenset[str]] = frozenset((RECORDED,))
    most: ClassVar[int] = 1

    async def step(self, session: Session, look: Polling) -> Polled:
        pause = TogaiSettings.model_validate(look.settings).poll_seconds
        if not pause:
            return Polled((), look.cursor, NEVER)
        try:
            cursor = msgspec.convert(look.cursor, Cursor)
        except msgspec.ValidationError:
            cursor = Cursor()
        cursor.since = cursor.since or version(utc(look.now))
        rows, token = await page(session, "payments", {}, cursor.token)
        found: list[Found] = []
        older = False
        for row in rows:
            id_, made = row.get("id"), _made(row)
            if not isinstance(id_, str) or not made:
                continue
            if made < cursor.since:
                older = True
            elif id_ not in cursor.seen:
                cursor.seen[id_] = made
                found.append(Found(RECORDED, id_, row, version_of(PAYMENT, row)))
            cursor.newest = max(cursor.newest, made)
        cursor.token = "" if older else token
        if not cursor.token:
            _finish(cursor)
        return Polled(found, msgspec.to_builtins(cursor), 0.0 if cursor.token else pause)


def _finish(cursor: Cursor) -> None:
    """The sweep is over: the next one goes back as far as the overlap."""
    if cursor.newest:
        back = version(datetime.fromisoformat(cursor.newest) - OVERLAP)
        cursor.since = max(cursor.since, back)
    kept = sorted(((made, id_) for id_, made in cursor.seen.items() if made >= cursor.since), reverse=True)
    cursor.seen = {id_: made for made, id_ in kept[:MOST_SEEN]}
    cursor.newest = ""


def _made(row: Any) -> str:
    """When it was recorded, in a form that sorts; "" where that is no time."""
    return version_of("payment", {"createdAt": row.get("createdAt")})
