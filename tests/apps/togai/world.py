"""What is there before an action is carried out: objects of Togai, and the mappings that a sink would know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx
import msgspec

from pipeline.apps.base import Applied, Call, Mapped, Pair, Plan, Session
from pipeline.apps.togai import app
from pipeline.sandbox.clock import VirtualClock
from pipeline.sandbox.config import TogaiConfig
from pipeline.sandbox.serve import Served
from pipeline.sandbox.togai.documents import InvoiceSpec, draft, generate, set_status
from pipeline.sandbox.togai.money import Card, Parts
from pipeline.sandbox.togai.server import TogaiTwin
from pipeline.sandbox.togai.state import State
from pipeline.sandbox.wire import Json
from pipeline.schemas.records import ObjectRef
from tests.apps.togai.support import ADDRESS, TOKEN

HUNDRED = Parts(cards=(Card(description="API calls", value=Decimal(100)),))
CUSTOMER = {"id": "acme", "name": "Acme Holding", "primaryEmail": "ap@acme.example", "address": ADDRESS}
ACCOUNT = {"id": "acme-prod", "name": "Acme Production", "metadata": {"GSTN": "29ABCDE1234F1Z5"}}


def a_twin() -> TogaiTwin:
    """With one customer and its account, on a clock that only the test moves."""
    twin = TogaiTwin(TogaiConfig(tokens=[TOKEN], per_second=None), clock=VirtualClock())
    twin.state.create_customer({**CUSTOMER, "account": ACCOUNT})
    return twin


@dataclass
class Known:
    """A `View` over plain values; `learn` does what a sink does with the pair of an effect."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    profile: Mapping[str, Any] = field(default_factory=dict)
    pairs: dict[ObjectRef, Mapped] = field(default_factory=dict)

    def mapped(self, ref: ObjectRef) -> Mapped | None:
        return self.pairs.get(ref)

    def learn(self, pair: Pair | None) -> None:
        if pair is None:
            return
        for one, other in ((pair.source, pair.destination), (pair.destination, pair.source)):
            known = self.pairs.get(one)
            assert known is None or known.other == other, "a second counterpart"
        self.pairs[pair.source] = Mapped(pair.destination, pair.hash, pair.version)
        self.pairs[pair.destination] = Mapped(pair.source, pair.hash, pair.theirs, ours=True)


@dataclass
class World:
    """A twin with things in it. `ids` are Togai's, by the names that fixtures call them (``${invoice}``)."""

    togai: Served[TogaiTwin]
    session: Session
    view: Known = field(default_factory=Known)
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def state(self) -> State:
        return self.togai.twin.state

    def filled(self, value: Any) -> Any:
        """With Togai's ids for ``${name}``."""
        if isinstance(value, str):
            for name, id_ in self.ids.items():
                value = value.replace("${" + name + "}", id_)
            return value
        if isinstance(value, Mapping):
            return {name: self.filled(part) for name, part in value.items()}
        return [self.filled(part) for part in value] if isinstance(value, list) else value

    def add(self, what: str) -> None:
        """One of the things below, once, and what it needs."""
        if what not in self.ids:
            getattr(self, f"_{what}")()

    def known(self, noun: str, id_: str, type_: str, theirs: str) -> None:
        """Map an object of Zoho's to one of Togai's, as a flow that started in Togai would have."""
        there, here = ObjectRef(app="zohobooks", type=type_, id=theirs), ObjectRef(app="togai", type=noun, id=id_)
        self.view.pairs[there] = Mapped(here, "before.sent", "2024-01-01T00:00:00Z", ours=True)
        self.view.pairs[here] = Mapped(there, "before.sent", "")

    def plan(self, name: str, **input: Any) -> Plan:
        action = app.actions[name]
        return action.plan(msgspec.convert(input, action.input, strict=False), self.view)

    async def carry_out(self, name: str, **input: Any) -> Applied:
        plan = self.plan(name, **input)
        assert isinstance(plan, Call), plan
        return await app.actions[name].apply(plan, self.session)

    def kinds(self, since: int, *, writes: bool = False) -> list[str]:
        return [entry.kind for entry in self.togai.ledger.since(since, writes=writes)]

    def effects(self, since: int) -> list[list[str]]:
        found = [done for entry in self.togai.ledger.entries[since:] for done in entry.applied]
        return [[done.action, done.kind] for done in found]

    def _account(self) -> None:
        """The account is the counterpart of contact 7001."""
        self.ids["account"] = "acme-prod"
        self.known("account", "acme-prod", "contact", "7001")

    def _customer(self) -> None:
        """The customer itself is the counterpart of contact 7002."""
        self.ids["customer"] = "acme"
        self.known("customer", "acme", "contact", "7002")

    def _draft(self) -> None:
        """Ongoing, over 100."""
        self.add("account")
        spec = InvoiceSpec(account_id="acme-prod", parts=HUNDRED)
        self.ids["draft"] = self.ids["invoice"] = self.togai.call(lambda: draft(self.state, spec))["id"]
        self.known("invoice", self.ids["invoice"], "invoice", "8001")

    def _due(self) -> None:
        self.add("draft")
        self.togai.call(lambda: generate(self.state, self.ids["invoice"]))
        self.ids["due"] = self.ids["invoice"]

    def _status(self, status: str) -> None:
        self.add("due")
        self.togai.call(lambda: set_status(self.state, self.ids["invoice"], status))
        self.ids[status.lower()] = self.ids["invoice"]

    def _paid(self) -> None:
        self._status("PAID")

    def _void(self) -> None:
        self._status("VOID")

    def _un_collectible(self) -> None:
        self._status("UN_COLLECTIBLE")

    def _payment(self) -> None:
        """40 of the 100, recorded by a person."""
        self.add("due")
        self.ids["payment"] = self.by_api("POST", "payments", payment_of(self.ids["invoice"], 40))["id"]

    def _credit(self) -> None:
        """Of 50, the counterpart of credit note 9001."""
        self.add("account")
        asked = {"accountId": "acme-prod", "purpose": "Goodwill", "effectiveFrom": "2026-01-01", "priority": 10}
        made = self.by_api("POST", "credits", {"creditRequests": [{**asked, "creditAmount": 50}]})
        self.ids["credit"] = made["credits"][0]["id"]
        self.known("credit", self.ids["credit"], "credit_note", "9001")

    def _refund_initiated(self) -> None:
        self.add("paid")
        self._status("REFUND_INITIATED")

    def happen(self, what: str, *given: Any) -> None:
        """What a person or Togai itself does."""
        match what:
            case "customer":
                body = {**CUSTOMER, "id": given[0]}
                self.togai.call(lambda: self.state.create_customer(body))
            case "patch":
                self.by_api("PATCH", *given)
            case "delete":
                self.by_api("DELETE", *given)
            case "generate":
                self.add("due")
            case "order":
                spec = InvoiceSpec(account_id="acme-prod", parts=HUNDRED, invoice_class="ORDER")
                made = self.togai.call(lambda: generate(self.state, draft(self.state, spec)["id"]))
                self.ids["order"] = made["id"]
            case "status":
                self._status(*given)
            case "pay":
                self.ids["payment"] = self.by_api("POST", "payments", payment_of(self.ids["invoice"], *given))["id"]
            case "credit":
                self.add("credit")
            case "void_credit":
                self.by_api("POST", f"credits/{self.ids['credit']}/void")
            case "wait":
                self.togai.clock.advance(*given)

    def by_api(self, method: str, path: str, body: Any = None) -> Json:
        """What another user of Togai's API does; the ledger holds it too."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer = httpx.request(method, f"{self.togai.base_url}/{path}", json=body, headers=headers)
        assert answer.status_code < 300, answer.text
        made: Json = answer.json()
        return made


def payment_of(invoice_id: str, amount: int, number: str = "HB-1", source: str = "Harbour Bank") -> Json:
    """A request, as another system would send it."""
    return {
        "accountId": "acme-prod",
        "currency": "USD",
        "totalAmount": amount,
        "externalPaymentReference": {"sourceName": source, "sourceType": "CASH", "transactionNumber": number},
        "lineItemRecords": [{"type": "INVOICE", "togaiId": invoice_id, "amount": amount, "order": 1}],
    }


def a_world(togai: Served[TogaiTwin], session: Session, *things: str) -> World:
    made = World(togai, session)
    for thing in things:
        made.add(thing)
    return made
