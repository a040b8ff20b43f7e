"""A customer without a unique field: found by its name and known by our mark, else created. See `ways`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.apps.base import Session
from pipeline.apps.zohobooks import faults
from pipeline.apps.zohobooks.actions.common import object_of
from pipeline.apps.zohobooks.connection import ZohoBooksSettings
from pipeline.apps.zohobooks.lookup import PAGES, ids_of, listed, same_name
from pipeline.apps.zohobooks.ways import Way, carries, mark
from pipeline.apps.zohobooks.wire import request, text
from pipeline.errors import Refused, Retry

CANDIDATES = 4
"""Customers of one name that are read whole to see whose they are."""
MOST = PAGES + CANDIDATES + 1
"""Calls a name: the list, the candidates, one write."""
CURRENCY = ("currency_id", "currency_code")


@dataclass(frozen=True, slots=True)
class Held:
    """A customer that is certain to be ours. `how`: ``created`` | ``found`` | ``updated``, the last two by look-up."""

    contact: Mapping[str, Any]
    how: str
    name: str


def marked(body: Mapping[str, Any], way: Way, field: str, key: str) -> dict[str, Any]:
    """The body of a customer that can be told to be ours: by the field, or without one by a line of its notes."""
    if way.field:
        return dict(body)
    return {name: value for name, value in body.items() if name != "custom_fields"} | {"notes": mark(field, key)}


async def hold(
    session: Session,
    settings: ZohoBooksSettings,
    bodies: Sequence[Mapping[str, Any]],
    key: str,
    *,
    update: bool,
) -> Held:
    """The customer under our key: found, and by `update` brought up to date, or created.

    `bodies` differ in their name: the next is for when another customer has the one before. Raises `Refused` where
    several are ours, or no name is free; `Retry` where a name is taken by what the list does not show yet.
    """
    refused: Refused | None = None
    for body in bodies:
        name = body["contact_name"]
        rows = await listed(session, settings, "contacts", "contact_name", name)
        rows = [row for row in rows if same_name(text(row, "contact_name"), name)]
        ours = [found for row in rows if (found := await _ours(session, settings, row, key, rows))]
        if len(ours) > 1:
            raise Refused(
                f"Zoho Books has {len(ours)} customers {name!r} that carry our key {key!r} "
                f"({ids_of(ours, 'contact_id')}): merge them there, then redrive",
                cause="conflict",
                code="several",
            )
        if ours:
            return await _found(session, settings, ours[0], body, update=update)
        try:
            answer = await session.send(request(settings, "POST", "contacts", body=body))
        except Refused as error:
            if error.code != faults.NAME_EXISTS:
                raise
            if not rows:
                raise Retry(
                    f"Zoho Books has a customer {name!r} that its list does not show yet", code="not_listed"
                ) from None
            refused = error
            continue
        return Held(object_of(answer, "contact", "contact_id")[1], "created", name)
    assert refused is not None
    raise refused


async def _ours(
    session: Session,
    settings: ZohoBooksSettings,
    row: Mapping[str, Any],
    key: str,
    rows: Sequence[Mapping[str, Any]],
) -> Mapping[str, Any] | None:
    """The customer of a row, if it is ours. A row may show the field, never the notes: then it is read whole."""
    field = settings.account_field
    if text(row, field):
        return row if text(row, field) == key else None
    unread = [each for each in rows if not text(each, field)]
    if len(unread) > CANDIDATES:
        raise Refused(
            f"Zoho Books has {len(unread)} customers of the name {text(row, 'contact_name')!r} "
            f"({ids_of(list(unread), 'contact_id')}, ...): it cannot be told which is ours; rename them",
            cause="conflict",
            code="look_up",
        )
    answer = await session.send(request(settings, "GET", "contacts", text(row, "contact_id")))
    _, contact = object_of(answer, "contact", "contact_id", lost=Retry)
    return contact if carries(contact, field, key) else None


async def _found(
    session: Session,
    settings: ZohoBooksSettings,
    contact: Mapping[str, Any],
    body: Mapping[str, Any],
    *,
    update: bool,
) -> Held:
    """What people wrote beside our mark stays; the currency is not touched."""
    if not update:
        return Held(contact, "found", body["contact_name"])
    changed = {name: value for name, value in body.items() if name not in CURRENCY}
    if text(contact, "notes"):
        changed["notes"] = text(contact, "notes")
    answer = await session.send(request(settings, "PUT", "contacts", text(contact, "contact_id"), body=changed))
    return Held(object_of(answer, "contact", "contact_id")[1], "updated", body["contact_name"])
