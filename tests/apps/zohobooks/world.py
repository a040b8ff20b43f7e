"""What is there before an action is carried out: a customer, documents, and the mappings that a sink would know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.apps.base import Mapped, Session
from pipeline.apps.zohobooks.modules import MODULES
from pipeline.sandbox.wire import encode
from pipeline.schemas.records import ObjectRef
from tests.apps.zohobooks.support import ORGANIZATION, Known, Zoho

LINES = [{"name": "API calls", "rate": 100, "quantity": 1}]
DAY = "2026-01-01"
TODAY = {"date": DAY, "line_items": LINES}


@dataclass
class World:
    """A twin with things in it. `ids` are Zoho's, by the names that fixtures call them (``${invoice}``)."""

    zoho: Zoho
    session: Session
    view: Known
    ids: dict[str, str] = field(default_factory=dict)

    def by_hand(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """What a person does in the UI."""
        twin, path = self.zoho.served.twin, self.filled(path)
        query = {"organization_id": ORGANIZATION}
        sent = b"" if body is None else encode(self.filled(body))
        reply = self.zoho.served.call(lambda: twin.by_hand(method, path, query, sent))
        assert reply.status < 300, reply.body
        body_: dict[str, Any] = reply.body
        return body_

    def filled(self, value: Any) -> Any:
        """With Zoho's ids for ``${name}``."""
        if isinstance(value, str):
            for name, id_ in self.ids.items():
                value = value.replace("${" + name + "}", id_)
            return value
        if isinstance(value, Mapping):
            return {name: self.filled(part) for name, part in value.items()}
        return [self.filled(part) for part in value] if isinstance(value, list) else value

    def add(self, what: str) -> None:
        """One of the things below, once, and what it needs."""
        if what in self.ids:
            return
        getattr(self, f"_{what}")()

    def known(self, noun: str, name: str, type_: str, id_: str, mark: str = "") -> None:
        """Map an object of Togai's to the one in Zoho that is called `name`."""
        source = ObjectRef(app="togai", type=type_, id=id_)
        there = MODULES[noun].ref(self.ids[name])
        hash_ = f"before.{mark}" if mark else "before"
        self.view.pairs[source] = Mapped(there, hash_, "2024-01-01T00:00:00Z")
        self.view.pairs[there] = Mapped(source, hash_, "")

    def _contact(self) -> None:
        fields = [{"api_name": "cf_togai_account_id", "value": "acme-prod"}]
        made = self.by_hand("POST", "contacts", {"contact_name": "ACME", "custom_fields": fields})
        self.ids["contact"] = made["contact"]["contact_id"]
        self.known("contact", "contact", "account", "acme-prod")

    def _inactive(self) -> None:
        self.add("contact")
        self.by_hand("POST", "contacts/${contact}/inactive")
        self.ids["inactive"] = self.ids["contact"]

    def _invoice(self) -> None:
        """A draft over 100."""
        self.add("contact")
        fields = [{"api_name": "cf_togai_invoice_id", "value": "inv.1"}]
        body = {"customer_id": "${contact}", **TODAY, "custom_fields": fields}
        self.ids["invoice"] = self.by_hand("POST", "invoices", body)["invoice"]["invoice_id"]
        self.known("invoice", "invoice", "invoice", "inv.1")

    def _sent(self) -> None:
        self.add("invoice")
        self.by_hand("POST", "invoices/${invoice}/status/sent")
        self.ids["sent"] = self.ids["invoice"]

    def _payment(self) -> None:
        """40 of the 100."""
        self.add("sent")
        body = {"customer_id": "${contact}", "payment_mode": "cash", "amount": 40, "date": DAY}
        body["invoices"] = [{"invoice_id": "${invoice}", "amount_applied": 40}]
        self.ids["payment"] = self.by_hand("POST", "customerpayments", body)["payment"]["payment_id"]
        self.known("payment", "payment", "payment", "payment.1")

    def _credit_note(self) -> None:
        """Over 100, open."""
        self.add("contact")
        made = self.by_hand("POST", "creditnotes", {"customer_id": "${contact}", **TODAY})
        self.ids["credit_note"] = made["creditnote"]["creditnote_id"]
        self.known("credit_note", "credit_note", "credit", "cred.1")

    def _item(self) -> None:
        self.ids["item"] = self.by_hand("POST", "items", {"name": "API calls", "rate": 1})["item"]["item_id"]


async def a_world(zoho: Zoho, *things: str, **settings: Any) -> World:
    session = zoho.open(await zoho.connect(), **settings)
    made = World(zoho, session, await zoho.view(session, **settings))
    for thing in things:
        made.add(thing)
    return made
