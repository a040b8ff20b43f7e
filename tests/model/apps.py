"""Two apps and two flows for the model: a shop whose accounts and invoices are kept in books, under our keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec
from pydantic import BaseModel

from pipeline.apps.base import (
    Applied,
    Call,
    Direction,
    Hook,
    Pair,
    Park,
    Plan,
    Poll,
    Quota,
    Refuse,
    Request,
    Superseded,
    Transport,
    Trigger,
    Unchanged,
    View,
)
from pipeline.flows.compile import load_flow
from pipeline.flows.rules import RuleSet
from pipeline.schemas.envelope import Event
from pipeline.schemas.records import Connection, FlowVersion, Link, ObjectRef

SHOP, BOOKS = "shop-1", "books-1"
QUIET = 10.0
"""Seconds after which a lost call has no effect any more."""
KEY = "key"
"""Header of a writing call: what the destination holds unique."""


class Account(msgspec.Struct, frozen=True):
    id: str
    version: str
    value: str = ""
    active: bool = True


class Invoice(msgspec.Struct, frozen=True):
    id: str
    account: str
    version: str
    value: str


class Put(msgspec.Struct, frozen=True):
    id: str
    version: str
    value: str


class PutInvoice(Put, frozen=True):
    account: str


class Mark(msgspec.Struct, frozen=True):
    account: str
    contact: str


class Get(msgspec.Struct, frozen=True):
    id: str


class Session:
    """Sends, and lets the answer or the error through; whatever serves as its transport sorts errors itself."""

    def __init__(self, api: Transport) -> None:
        self._api = api

    async def send(self, request: Request) -> Any:
        return msgspec.json.decode((await self._api.send("", request)).body)

    async def check(self) -> Mapping[str, Any]:
        await self.send(Request("GET", "/check"))
        return {"time_zone": "UTC"}

    async def close(self) -> None:
        return


def account(id_: str) -> ObjectRef:
    return ObjectRef(app="shop", type="account", id=id_)


def _put(path: str, key: str, **fields: str) -> Request:
    return Request("PUT", path, headers={KEY: key}, body=msgspec.json.encode(fields))


class PutContact:
    """Creates the contact of an account, or brings it up to date; what is older than what was applied is superseded."""

    name: ClassVar[str] = "put_contact"
    title: ClassVar[str] = "Put contact"
    repeat: ClassVar[str] = "keyed"
    safe: ClassVar[str] = ""
    calls: ClassVar[str] = "1"
    input = Put

    def plan(self, input: Put, view: View) -> Plan:
        source, known = account(input.id), view.mapped(account(input.id))
        if input.value == "bad":
            return Refuse("a bad value", code="bad")
        if known is not None:
            output = {"id": known.other.id}
            if known.version and int(input.version) < int(known.version):
                return Superseded(output, known.other)
            if known.hash == input.value:
                return Unchanged(output, known.other, Pair(source, known.other, input.value, input.version))
        request = _put("/contact", input.id, version=input.version, value=input.value)
        operation = "create" if known is None else "update"
        return Call(operation, request, source=source, hash=input.value, version=input.version)

    async def apply(self, call: Call, session: Any) -> Applied:
        made = await session.send(call.request)
        there = ObjectRef(app="books", type="contact", id=made["id"])
        assert call.source is not None
        return Applied("updated", made, there, Pair(call.source, there, call.hash, call.version))


class BookInvoice:
    """Books an invoice once, for a contact that is there: two calls. One that was booked is never rewritten."""

    name: ClassVar[str] = "book_invoice"
    title: ClassVar[str] = "Book invoice"
    repeat: ClassVar[str] = "keyed"
    safe: ClassVar[str] = ""
    calls: ClassVar[str] = "2"
    input = PutInvoice

    def plan(self, input: PutInvoice, view: View) -> Plan:
        source = ObjectRef(app="shop", type="invoice", id=input.id)
        known, contact = view.mapped(source), view.mapped(account(input.account))
        if known is not None and known.hash == input.value:
            return Unchanged({"id": known.other.id}, known.other)
        if known is not None:
            return Refuse("booked already", cause="conflict", code="already_booked")
        if contact is None:
            return Park(account(input.account), "no contact yet")
        request = _put("/invoice", input.id, version=input.version, value=input.value)
        return Call("create", request, 2, source, input.value, input.version, state=contact.other.id)

    async def apply(self, call: Call, session: Any) -> Applied:
        await session.send(Request("GET", "/contact", query={"id": call.state}))
        made = await session.send(call.request)
        there = ObjectRef(app="books", type="invoice", id=made["id"])
        assert call.source is not None
        return Applied("created", made, there, Pair(call.source, there, call.hash, call.version))


class MarkAccount:
    """Keeps the contact's id with the account, as it is."""

    name: ClassVar[str] = "mark"
    title: ClassVar[str] = "Mark account"
    repeat: ClassVar[str] = "idempotent"
    safe: ClassVar[str] = ""
    calls: ClassVar[str] = "1"
    input = Mark

    def plan(self, input: Mark, view: View) -> Plan:
        source = ObjectRef(app="books", type="contact_id", id=input.contact)
        known = view.mapped(source)
        if known is not None and known.hash == input.contact:
            return Unchanged({}, known.other)
        request = _put("/mark", input.account, version="0", value=input.contact)
        return Call("write", request, source=source, hash=input.contact, state=input.account)

    async def apply(self, call: Call, session: Any) -> Applied:
        await session.send(call.request)
        there = ObjectRef(app="shop", type="mark", id=call.state)
        assert call.source is not None
        return Applied("written", {}, there, Pair(call.source, there, call.hash))


class GetAccount:
    """Fetches an account that a hint named."""

    name: ClassVar[str] = "get_account"
    title: ClassVar[str] = "Get account"
    repeat: ClassVar[str] = "read"
    safe: ClassVar[str] = ""
    calls: ClassVar[str] = "1"
    input = Get

    def plan(self, input: Get, view: View) -> Plan:
        return Call("read", Request("GET", "/account", query={"id": input.id}))

    async def apply(self, call: Call, session: Any) -> Applied:
        found = await session.send(call.request)
        return Applied("read", {}, data=found, sourceversion=found["version"])


class ModelApp:
    """`quota` is what the connection may use."""

    direction: Direction = "outbound"
    settings = BaseModel
    secrets: Mapping[str, str] = {}

    def __init__(self, name: str, quota: Quota, actions: Sequence[Any], triggers: Sequence[Trigger] = ()) -> None:
        self.name = self.title = name
        self.actions: Mapping[str, Any] = {action.name: action for action in actions}
        self.triggers: Mapping[str, Trigger] = {trigger.name: trigger for trigger in triggers}
        self.polls: Mapping[str, Poll] = {}
        self._quota = quota

    def quota(self, settings: Mapping[str, Any]) -> Quota:
        return self._quota

    def quiet_period(self, settings: Mapping[str, Any]) -> float:
        return QUIET

    def day_quota(self, headers: Mapping[str, str]) -> None:
        return None

    def party(self, trigger: str, data: Any) -> str:
        return str(data.get("account") or data.get("id") or "")

    def version(self, trigger: str, data: Any) -> str:
        return str(data.get("version") or "")

    def document(self, trigger: str, event: Event) -> None:
        return None

    def hooks(self, kind: str, body: bytes) -> Sequence[Hook]:
        return []

    async def connect(self, settings: Any, secrets: Any, transport: Any) -> Mapping[str, str]:
        return {}

    def session(self, *, api: Transport, **_: Any) -> Session:
        return Session(api)


ACCOUNTS = """\
id: accounts
name: Accounts to contacts
type: outbound
trigger: {app: shop, event: account.changed}
when:
  - data.active
actions:
  - id: contact
    app: books
    action: put_contact
    input: {id: "${trigger.data.id}", version: "${trigger.data.version}", value: "${trigger.data.value}"}
  - id: mark
    app: shop
    action: mark
    input: {account: "${trigger.data.id}", contact: "${steps.contact.id}"}
"""
INVOICES = """\
id: invoices
name: Invoices to invoices
type: outbound
trigger: {app: shop, event: invoice.issued}
actions:
  - id: invoice
    app: books
    action: book_invoice
    input:
      id: ${trigger.data.id}
      account: ${trigger.data.account}
      version: ${trigger.data.version}
      value: ${trigger.data.value}
"""
SAMPLE = {"id": "a", "account": "a", "version": "1", "value": "v", "active": True}
CONNECTIONS = (Connection(id=SHOP, app="shop"), Connection(id=BOOKS, app="books"))


def apps(quota: Quota) -> Mapping[str, ModelApp]:
    """`quota` is that of the books; the shop's is wide."""
    changed = Trigger("account.changed", "Account changed", "account", Account, SAMPLE, fetch="get_account")
    issued = Trigger("invoice.issued", "Invoice issued", "invoice", Invoice, SAMPLE)
    wide = Quota(windows=((1000, 60.0),), day=None, in_flight=3)
    shop = ModelApp("shop", wide, [MarkAccount(), GetAccount()], [changed, issued])
    return {"books": ModelApp("books", quota, [PutContact(), BookInvoice()]), "shop": shop}


def rules(installed: Mapping[str, Any]) -> RuleSet:
    """Both flows switched on."""
    flows = [load_flow(text, installed) for text in (ACCOUNTS, INVOICES)]
    return RuleSet(
        installed,
        CONNECTIONS,
        [
            FlowVersion(id=flow.id, version=flow.version, text=text)
            for flow, text in zip(flows, (ACCOUNTS, INVOICES), strict=True)
        ],
        [
            Link(
                id=flow.id,
                flow=flow.id,
                flow_version=flow.version,
                connections=dict(zip(flow.apps, ids(flow.apps), strict=True)),
            )
            for flow in flows
        ],
    )


def ids(names: Any) -> list[str]:
    return [{"shop": SHOP, "books": BOOKS}[name] for name in names]
