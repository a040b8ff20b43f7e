"""Items: the goods and services of the organisation, known by their names, which are unique."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

import msgspec

from pipeline.apps.base import Applied, Call, Pair, Plan, Refuse, Session, Unchanged, View
from pipeline.apps.zohobooks import faults
from pipeline.apps.zohobooks.actions.common import amount_of, object_of, settings_of
from pipeline.apps.zohobooks.actions.target import content
from pipeline.apps.zohobooks.amounts import check_amount, plain
from pipeline.apps.zohobooks.lookup import PAGES, listed
from pipeline.apps.zohobooks.modules import ITEM
from pipeline.apps.zohobooks.versions import version_of
from pipeline.apps.zohobooks.wire import request, text
from pipeline.errors import Refused, Retry, Stopped
from pipeline.schemas.envelope import content_hash
from pipeline.schemas.records import ObjectRef

NAME_LENGTH = 100
DESCRIPTION_LENGTH = 2000
UNIT_LENGTH = 100


class UpsertItemInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The item by its `name`; `source` is the object it is mapped to, if any. `rate` is the price of one."""

    name: str
    rate: Decimal
    description: str = ""
    unit: str = ""
    source: ObjectRef | None = None


class UpsertItemOutput(msgspec.Struct, frozen=True, kw_only=True):
    """The item that is there now."""

    item_id: str
    name: str
    rate: str


class UpsertItem:
    """Create an item, or bring the one of that name up to date.

    Safe to repeat: it is looked up by its name first, and Zoho takes a name once. It needs the scopes
    ``ZohoBooks.settings.CREATE`` and ``ZohoBooks.settings.UPDATE`` besides those of the connection form.
    """

    name: ClassVar[str] = "upsert_item"
    title: ClassVar[str] = "Create or update an item"
    repeat: ClassVar[str] = "keyed"
    safe: ClassVar[str] = "Looked up by its name first, and Zoho takes a name once."
    calls: ClassVar[str] = "2; 1 where it is the same; 0 where nothing changed"
    input: type[UpsertItemInput] = UpsertItemInput
    output: type[UpsertItemOutput] = UpsertItemOutput

    def plan(self, input: UpsertItemInput, view: View) -> Plan:
        name = input.name.strip()
        if not name:
            return Refuse("an item needs a name")
        check_amount(input.rate, "the rate")
        for what, value, length in (
            ("name", name, NAME_LENGTH),
            ("description", input.description, DESCRIPTION_LENGTH),
            ("unit", input.unit, UNIT_LENGTH),
        ):
            if len(value) > length:
                return Refuse(f"the {what} of item {name[:40]!r} has more than {length} characters")
        body: dict[str, Any] = {"name": name, "rate": input.rate, "description": input.description, "unit": input.unit}
        digest = content_hash({**body, "rate": plain(input.rate)})
        mapped = view.mapped(input.source) if input.source else None
        if mapped is not None and content(mapped.hash) == digest:
            output = {"item_id": mapped.other.id, "name": name, "rate": plain(input.rate)}
            return Unchanged(output, mapped.other)
        settings = settings_of(view)
        call = request(settings, "POST", ITEM.path, body=body)
        known = mapped.other.id if mapped else ""
        return Call(
            "update" if mapped else "create",
            request(settings, "PUT", ITEM.path, known, body=body) if known else call,
            most=2 * PAGES + 2,
            source=input.source,
            hash=digest,
            state=(settings, body, known),
        )

    async def apply(self, call: Call, session: Session) -> Applied:
        try:
            return await self._apply(call, session)
        except Stopped as error:
            if error.code != faults.UNAUTHORIZED:
                raise
            raise Refused(
                "the Zoho user may not write items: make the refresh token anew with the scopes "
                "ZohoBooks.settings.CREATE and ZohoBooks.settings.UPDATE",
                cause="scope",
                code=error.code,
            ) from None

    async def _apply(self, call: Call, session: Session) -> Applied:
        settings, body, known = call.state
        done, settled = "updated", ""
        if known:
            item = object_of(await session.send(call.request), ITEM.key, ITEM.id)[1]
        else:
            found = await _named(session, settings, body["name"])
            if found is None:
                try:
                    item = object_of(await session.send(call.request), ITEM.key, ITEM.id)[1]
                    done = "created"
                except Refused as error:
                    if error.code != faults.ITEM_EXISTS:
                        raise
                    found = await _named(session, settings, body["name"])
                    if found is None:
                        raise Retry(
                            f"Zoho Books has an item {body['name']!r} that its list does not show yet",
                            code="not_listed",
                        ) from None
            if found is not None:
                settled, item = "lookup", found
                if _same(found, body):
                    done = "unchanged"
                else:
                    sent = request(settings, "PUT", ITEM.path, text(found, ITEM.id), body=body)
                    item = object_of(await session.send(sent), ITEM.key, ITEM.id)[1]
        ref = ITEM.ref(text(item, ITEM.id))
        output = {"item_id": ref.id, "name": body["name"], "rate": plain(body["rate"])}
        pair = Pair(call.source, ref, call.hash, theirs=version_of(item)) if call.source else None
        return Applied(done, output, ref, pair, settled=settled)


async def _named(session: Session, settings: Any, name: str) -> Mapping[str, Any] | None:
    rows = await listed(session, settings, ITEM.path, "name", name)
    return next((row for row in rows if text(row, "name").casefold() == name.casefold()), None)


def _same(found: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    return amount_of(found, "rate") == body["rate"] and all(
        text(found, name) == body[name] for name in ("name", "description", "unit")
    )
