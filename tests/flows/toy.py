"""Two small apps to test flows with: a shop that sells, and a book that keeps accounts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from pipeline.apps.base import Applied, Call, Direction, Mapped, Plan, Request, Trigger, Unchanged
from pipeline.errors import Refused
from pipeline.flows.compile import load_flow
from pipeline.flows.rules import RuleSet
from pipeline.schemas.documents import Party
from pipeline.schemas.envelope import Event
from pipeline.schemas.records import Connection, FlowVersion, Link, ObjectRef

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Address(msgspec.Struct, frozen=True):
    city: str = ""


class Order(msgspec.Struct, frozen=True):
    id: str
    status: str
    total: Decimal
    buyer: str
    paid: bool = False
    note: str | None = None
    lines: list[dict[str, Any]] = []
    labels: dict[str, str] = {}
    address: Address | None = None


class Missing(StrEnum):
    CREATE = "create"
    SKIP = "skip"


class PutParty(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    party: Party
    source: ObjectRef
    missing: Missing = Missing.CREATE


class Book(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    contact_id: str
    amount: Decimal
    memo: str = ""
    tags: list[str] = []
    send: bool = False


class Label(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    value: str
    namespace: str = ""


class Fetch(msgspec.Struct, frozen=True):
    id: str


@dataclass
class ToyAction:
    name: str
    input: type[msgspec.Struct]
    output: type[msgspec.Struct] | None = None
    title: str = ""
    repeat: str = "keyed"
    safe: str = ""
    calls: str = "1"

    def plan(self, input: Any, view: Any) -> Plan:
        if isinstance(input, PutParty):
            known = view.mapped(input.source)
            if known is not None:
                return Unchanged({"contact_id": known.other.id}, known.other)
        if isinstance(input, Book) and input.amount > 1000:
            raise Refused("too much", cause="invalid")
        body = msgspec.json.encode(input)
        return Call("create", Request("POST", f"/{self.name}", body=body))

    async def apply(self, call: Call, session: Any) -> Applied:
        raise NotImplementedError


@dataclass
class ToyApp:
    name: str
    triggers: Mapping[str, Trigger]
    actions: Mapping[str, ToyAction]
    title: str = ""
    direction: Direction = "outbound"

    def party(self, trigger: str, data: Any) -> str:
        return str(data.get("buyer", ""))

    def version(self, trigger: str, data: Any) -> str:
        return "1"

    def document(self, trigger: str, event: Event) -> msgspec.Struct | None:
        if trigger == "order.paid":
            return None
        if event.data.get("buyer") == "refuse":
            raise Refused("no such buyer")
        if event.data.get("buyer") == "crash":
            raise KeyError("buyer")
        return Party(type="customer", id=event.data["buyer"], name=event.data["buyer"].title())


SAMPLE = {
    "id": "o1",
    "status": "open",
    "total": 12.5,
    "buyer": "ann",
    "lines": [{"sku": "a"}],
    "labels": {"region": "eu"},
}


def _action(name: str, input: type[msgspec.Struct]) -> ToyAction:
    return ToyAction(name, input)


def toy_apps() -> dict[str, Any]:
    """`togai` is only a name here: outbound flows start there."""
    created = Trigger("order.created", "Order created", "order", Order, SAMPLE, fetch="get_order")
    paid = Trigger("order.paid", "Order paid", "order", Order, SAMPLE)
    shop = ToyApp(
        "togai",
        {"order.created": created, "order.paid": paid},
        {"label": _action("label", Label), "get_order": _action("get_order", Fetch)},
    )
    book = ToyApp("book", {}, {"put_party": _action("put_party", PutParty), "book": _action("book", Book)})
    return {"book": book, "togai": shop}


FLOW = """\
id: orders
name: Orders to the book
type: outbound
trigger: {app: togai, event: order.created}
when:
  - data.status == "open"
  - data.total > 0
options:
  send: {type: boolean, default: false}
  mark: {type: boolean, default: true}
  missing: {type: choice, choices: [create, skip], default: create}
  label: {type: string, default: BookId}
actions:
  - id: contact
    app: book
    action: put_party
    input:
      party: ${document}
      source: {app: togai, type: "${document.type}", id: "${document.id}"}
      missing: ${options.missing}
  - id: booking
    app: book
    action: book
    input:
      contact_id: ${steps.contact.contact_id}
      amount: ${trigger.data.total}
      memo: Order ${trigger.subject} of ${trigger.data.buyer}
      send: ${options.send}
  - id: label
    app: togai
    action: label
    when:
      - options.mark
    input: {id: "${trigger.data.id}", value: "${steps.booking.id}", namespace: "${options.label}"}
"""

CONNECTIONS = (Connection(id="shop-1", app="togai"), Connection(id="book-1", app="book"))


def ruleset(*texts: str, options: Mapping[str, Any] | None = None, **changes: Any) -> RuleSet:
    """Rules with one link a flow, called ``link-<n>``."""
    apps = changes.get("apps") or toy_apps()
    flows, links = [], []
    for number, text in enumerate(texts, start=1):
        flow = load_flow(text, apps)
        flows.append(FlowVersion(id=flow.id, version=flow.version, text=text))
        links.append(
            Link(
                id=f"link-{number}",
                flow=flow.id,
                flow_version=flow.version,
                connections={"togai": "shop-1", "book": "book-1"} if "app: book" in text else {"togai": "shop-1"},
                options=dict(options or {}),
            )
        )
    return RuleSet(
        apps, changes.get("connections", CONNECTIONS), changes.get("flows", flows), changes.get("links", links)
    )


def order(**changes: Any) -> Event:
    """An event of the shop; keywords change the order, `event` the envelope."""
    envelope = changes.pop("event", {})
    data = {**SAMPLE, "total": Decimal("12.50"), **changes}
    fields = {
        "id": "e1",
        "type": "togai.order.created",
        "source": "togai/shop-1",
        "connection": "shop-1",
        "subject": "o1",
        "party": "ann",
    }
    return Event(**{**fields, "data": {key: value for key, value in data.items() if value is not ...}, **envelope})


@dataclass
class Known:
    """A view that knows some pairs."""

    pairs: Mapping[ObjectRef, ObjectRef] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    profile: Mapping[str, Any] = field(default_factory=dict)

    def mapped(self, ref: ObjectRef) -> Mapped | None:
        other = self.pairs.get(ref)
        return Mapped(other) if other else None
