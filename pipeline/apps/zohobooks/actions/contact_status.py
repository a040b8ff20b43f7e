"""Contacts in use and out of use: Zoho takes no new document for a customer that is inactive."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from pipeline.apps.base import Applied, Call, Plan, Session, Unchanged, View
from pipeline.apps.zohobooks.actions.common import older, read, settings_of
from pipeline.apps.zohobooks.actions.target import Missing, Target, find
from pipeline.apps.zohobooks.modules import CONTACT
from pipeline.schemas.records import ObjectRef


class ContactStatusInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`contact_id` is Zoho's, or `source` the object that the customer is mapped to.

    `missing` says what to do where it is mapped to none: wait until it is, leave it be, or refuse. `version` is the
    source's: what was done for it or a later one is not done again.
    """

    contact_id: str = ""
    source: ObjectRef | None = None
    version: str = ""
    missing: Missing = "skip"


class ContactStatusOutput(msgspec.Struct, frozen=True, kw_only=True):
    """The customer, and whether it is ``active`` or ``inactive`` now."""

    contact_id: str
    status: str


class _SetStatus:
    """The two differ in a word. Zoho answers without the customer, so it is read for the version it now has."""

    repeat: ClassVar[str] = "idempotent"
    safe: ClassVar[str] = "The same status set again is the same status."
    calls: ClassVar[str] = "2; 0 where we did it before"
    input: type[ContactStatusInput] = ContactStatusInput
    output: type[ContactStatusOutput] = ContactStatusOutput
    status: ClassVar[str]

    def plan(self, input: ContactStatusInput, view: View) -> Plan:
        target = find(view, CONTACT, input.contact_id, input.source, input.missing)
        if not isinstance(target, Target):
            return target
        if target.mark == self.status and not older(target.version, input.version):
            return Unchanged({"contact_id": target.id, "status": self.status}, target.ref)
        target = target.at(input.version)
        settings = settings_of(view)
        request = CONTACT.post(settings, target.id, self.status)
        return Call("write", request, most=2, source=target.source, state=(settings, target))

    async def apply(self, call: Call, session: Session) -> Applied:
        settings, target = call.state
        await session.send(call.request)
        contact = await read(session, settings, CONTACT, target.id)
        output = {"contact_id": target.id, "status": self.status}
        return Applied("written", output, target.ref, target.pair(self.status, contact))


class ActivateContact(_SetStatus):
    """Take a customer into use again."""

    name: ClassVar[str] = "activate_contact"
    title: ClassVar[str] = "Make a customer active"
    status: ClassVar[str] = "active"


class DeactivateContact(_SetStatus):
    """Take a customer out of use. What it owes stays, and nothing new can be booked for it."""

    name: ClassVar[str] = "deactivate_contact"
    title: ClassVar[str] = "Make a customer inactive"
    status: ClassVar[str] = "inactive"
