"""Contacts: create or update by our unique field, or make sure that one is there; without the field, see `by_name`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import msgspec

from pipeline.apps.base import (
    Applied,
    Call,
    Mapped,
    Pair,
    Park,
    Plan,
    Request,
    Session,
    Skip,
    Superseded,
    Unchanged,
    View,
)
from pipeline.apps.zohobooks import faults
from pipeline.apps.zohobooks.actions import by_name
from pipeline.apps.zohobooks.actions.common import contact_ref, object_of, older, settings_of
from pipeline.apps.zohobooks.actions.target import marked, parted
from pipeline.apps.zohobooks.connection import ZohoBooksSettings
from pipeline.apps.zohobooks.documents import NAME_LENGTH, contact_body, currency_fields
from pipeline.apps.zohobooks.versions import version_of
from pipeline.apps.zohobooks.ways import Way, way_of
from pipeline.apps.zohobooks.wire import keyed, request, text
from pipeline.errors import Refused
from pipeline.schemas.documents import Party
from pipeline.schemas.envelope import content_hash
from pipeline.schemas.records import ObjectRef


class UpsertContactInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`party` is who, `source` the object it is mapped to, `key` the value of the unique field (default: its id).

    `tax_fields` maps names of `party.tax_ids` to Zoho's fields (``gst_no``, ``vat_reg_no``, ``tax_reg_no`` …).
    `removed`: a customer that was deleted by hand is reported, or created anew.
    """

    party: Party
    source: ObjectRef
    key: str = ""
    tax_fields: dict[str, str] = {}
    removed: Literal["refuse", "recreate"] = "refuse"


class EnsureContactInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As `UpsertContactInput`; `missing` says what to do without a contact: create it, wait while one may be under way
    and then skip, park until it's there, skip.
    """

    party: Party
    source: ObjectRef
    key: str = ""
    tax_fields: dict[str, str] = {}
    missing: Literal["create", "wait", "park", "skip"] = "create"


class ContactOutput(msgspec.Struct, frozen=True, kw_only=True):
    """The customer that is there now, under Zoho's id."""

    contact_id: str
    contact_name: str
    currency_code: str


@dataclass(frozen=True, slots=True)
class _Write:
    """One contact to write: by its id (`contact_id`) or, without, by our unique field."""

    settings: ZohoBooksSettings
    body: Mapping[str, Any]
    key: str
    contact_id: str
    currency: str
    way: Way
    recreate: Mapping[str, Any] | None = None
    """What a contact that was deleted by hand is created anew with; None where that is not wanted."""

    @property
    def looked_up(self) -> bool:
        """Whether it has to be looked up first."""
        return not (self.contact_id or self.way.keyed)

    def request(self, body: Mapping[str, Any]) -> Request:
        if self.contact_id:
            return request(self.settings, "PUT", "contacts", self.contact_id, body=body)
        if self.looked_up:
            return request(self.settings, "POST", "contacts", body=body)
        return request(
            self.settings, "PUT", "contacts", headers=keyed(self.settings.account_field, self.key), body=body
        )

    def bodies(self) -> list[Mapping[str, Any]]:
        """The body, and the one for when another contact has the name."""
        renamed = self.renamed()
        return [self.body] if renamed is None else [self.body, renamed]

    def renamed(self) -> Mapping[str, Any] | None:
        """The body for when another contact has the name: a linked one keeps its own, a new one may get a suffix."""
        if self.contact_id:
            return {name: value for name, value in self.body.items() if name != "contact_name"}
        if self.settings.name_collision == "refuse":
            return None
        name = f"{self.body['contact_name']} ({self.key})"
        return {**self.body, "contact_name": name} if len(name) <= NAME_LENGTH else None


class UpsertContact:
    """Create a contact, or bring the one that is mapped up to date.

    Safe to repeat: Zoho takes one customer under our unique field, and writing the same twice is writing it once. One
    that was deleted by hand is reported, and created anew only where `removed` says so.
    """

    name: ClassVar[str] = "upsert_contact"
    title: ClassVar[str] = "Create or update a customer"
    repeat: ClassVar[str] = "keyed"
    safe: ClassVar[str] = "Zoho takes one customer under our unique field; without it, one of our name and mark."
    calls: ClassVar[str] = "1; 2 where another customer has the name; 0 where nothing changed; without the field more"
    input: type[UpsertContactInput] = UpsertContactInput
    output: type[ContactOutput] = ContactOutput

    def plan(self, input: UpsertContactInput, view: View) -> Plan:
        mapped, mark = parted(view.mapped(input.source))
        write, digest, warnings = _write(input, view, mapped)
        if mapped is None:
            return _call("create", write, input.source, digest, warnings, version=input.party.version)
        if mapped.hash == digest:
            version = input.party.version
            newer = bool(version) and (not mapped.version or older(mapped.version, version))
            theirs = back.version if newer and (back := view.mapped(mapped.other)) else ""
            pair = Pair(input.source, mapped.other, marked(digest, mark), version, theirs) if newer else None
            return Unchanged(_known(input.party, mapped.other.id, view), mapped.other, pair)
        if older(input.party.version, mapped.version):
            return Superseded(_known(input.party, mapped.other.id, view), mapped.other)
        return _call("update", write, input.source, marked(digest, mark), warnings, version=input.party.version)

    async def apply(self, call: Call, session: Session) -> Applied:
        return await _apply(call, session)


class EnsureContact:
    """Give the contact of a party, and create it if that is wanted; one that is there is left as it is.

    Safe to repeat: Zoho takes one customer under our unique field.
    """

    name: ClassVar[str] = "ensure_contact"
    title: ClassVar[str] = "Find the customer, or create it"
    repeat: ClassVar[str] = "keyed"
    safe: ClassVar[str] = "Zoho takes one customer under our unique field; without it, one of our name and mark."
    shared: ClassVar[bool] = True
    calls: ClassVar[str] = "0 where it is mapped; else 1, 2 where another has the name; without the field more"
    input: type[EnsureContactInput] = EnsureContactInput
    output: type[ContactOutput] = ContactOutput

    def plan(self, input: EnsureContactInput, view: View) -> Plan:
        mapped = view.mapped(input.source)
        if mapped is not None:
            return Unchanged(_known(input.party, mapped.other.id, view), mapped.other)
        what = f"{input.source.type} {input.source.id}"
        if input.missing in ("wait", "park"):
            return Park(
                input.source, f"waits until {what} is a customer in Zoho Books", passable=input.missing == "wait"
            )
        if input.missing == "skip":
            return Skip(f"{what} is no customer in Zoho Books")
        write, digest, warnings = _write(input, view, None)
        # A party taken from an invoice is a snapshot: with no version, any later event of the party itself wins.
        return _call("create", write, input.source, digest, warnings, version="")

    async def apply(self, call: Call, session: Session) -> Applied:
        return await _apply(call, session, update=False)


def _write(
    input: UpsertContactInput | EnsureContactInput, view: View, mapped: Mapped | None
) -> tuple[_Write, str, list[str]]:
    """What to write, the hash of it, and warnings.

    The currency is set with a new contact only, and is no part of the hash: Zoho freezes it with the first document.
    """
    settings = settings_of(view)
    way = way_of("contact", settings, view.profile)
    key = input.key or input.source.id
    body, warnings = contact_body(input.party, key=key, settings=settings, tax_fields=input.tax_fields)
    body = by_name.marked(body, way, settings.account_field, key)
    digest = content_hash(body)
    recreate = isinstance(input, UpsertContactInput) and input.removed == "recreate"
    whole = body | currency_fields(input.party.currency, view.profile) if mapped is None or recreate else body
    if mapped is None:
        return _Write(settings, whole, key, "", input.party.currency, way), digest, warnings
    again = whole if recreate else None
    return _Write(settings, body, key, mapped.other.id, input.party.currency, way, again), digest, warnings


def _call(operation: str, write: _Write, source: ObjectRef, digest: str, warnings: list[str], *, version: str) -> Call:
    names = len(write.bodies())
    looked_up = write.looked_up or (write.recreate is not None and not write.way.keyed)
    return Call(
        operation,
        write.request(write.body),
        most=names * by_name.MOST if looked_up else names + (write.recreate is not None),
        source=source,
        hash=digest,
        version=version,
        state=write,
        warnings=warnings,
    )


async def _apply(call: Call, session: Session, *, update: bool = True) -> Applied:
    """`update`: a contact that a look-up finds is brought up to date, as an upsert does."""
    write: _Write = call.state
    try:
        return await _hold(call, write, session, update=update)
    except Refused as error:
        if error.cause != "not_found" or write.recreate is None:
            raise
    gone = contact_ref(write.contact_id)
    write = replace(write, body=write.recreate, contact_id="")
    call = replace(call, operation="create", request=write.request(write.body))
    done = await _hold(call, write, session, update=update)
    assert done.pair is not None
    warnings = [*done.warnings, f"customer {gone.id} was deleted in Zoho Books, and was created anew"]
    return replace(done, pair=replace(done.pair, replaces=gone), warnings=warnings)


async def _hold(call: Call, write: _Write, session: Session, *, update: bool) -> Applied:
    warnings = list(call.warnings)
    done, settled = ("updated" if call.operation == "update" else "created"), ""
    if write.looked_up:
        held = await by_name.hold(session, write.settings, write.bodies(), write.key, update=update)
        contact, collided = held.contact, held.name != write.body["contact_name"]
        if held.how != "created":
            settled = "lookup"
            done = "updated" if held.how == "updated" else "created"
    else:
        contact, collided = await _written(call, session, write)
    if collided:
        warnings.append(f"another customer has the name {write.body['contact_name']!r}")
    id_, currency = text(contact, "contact_id"), text(contact, "currency_code")
    if write.currency and currency and currency != write.currency:
        raise Refused(
            f"customer {id_} in Zoho Books has the currency {currency}, not {write.currency}: a customer keeps its "
            "currency, use another one",
            cause="currency",
        )
    output = {
        "contact_id": id_,
        "contact_name": text(contact, "contact_name"),
        "currency_code": currency or write.currency,
    }
    assert call.source is not None
    pair = Pair(call.source, contact_ref(id_), call.hash, call.version, theirs=version_of(contact))
    return Applied(done, output, contact_ref(id_), pair, warnings, settled=settled)


async def _written(call: Call, session: Session, write: _Write) -> tuple[Mapping[str, Any], bool]:
    """The contact as Zoho holds it, and whether it had to go without the name that it was to have."""
    renamed = None
    try:
        answer = await session.send(call.request)
    except Refused as error:
        renamed = write.renamed() if error.code == faults.NAME_EXISTS else None
        if renamed is None:
            raise
        answer = await session.send(write.request(renamed))
    return object_of(answer, "contact", "contact_id")[1], renamed is not None


def _known(party: Party, id_: str, view: View) -> dict[str, Any]:
    """The output without a call: what the party says, under the id that is mapped."""
    currency = party.currency or str(view.profile.get("currency_code") or "")
    return {"contact_id": id_, "contact_name": party.name.strip(), "currency_code": currency}
