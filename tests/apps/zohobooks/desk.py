"""A twin without a network: requests go straight to its routes, and it is kept what those said of shapes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from pipeline.apps.base import Applied, Call, Mapped, Request, Response, Session, Token
from pipeline.apps.zohobooks import app
from pipeline.apps.zohobooks.modules import MODULES
from pipeline.errors import Refused
from pipeline.sandbox.wire import encode
from pipeline.sandbox.zohobooks.errors import BAD_BODY, BAD_VALUE, MISSING, TOO_LONG, UNKNOWN_FIELD
from pipeline.sandbox.zohobooks.server import ZohoBooksTwin
from pipeline.schemas.records import ObjectRef
from tests.apps.zohobooks.support import ORGANIZATION, SETTINGS, Known, Tokens, plan, sandbox

OF_SHAPE = frozenset((BAD_BODY, BAD_VALUE, MISSING, TOO_LONG, UNKNOWN_FIELD))
OF_BALANCE = ("more than", "More is applied", "less than what was paid")
"""What the twin says, under the code of a bad value, of amounts that are well written and not there."""
TODAY = "2026-01-01"


@dataclass
class Desk:
    """`refused` are the requests whose shape the twin did not take, each with the twin's words."""

    twin: ZohoBooksTwin = field(default_factory=sandbox)
    ids: dict[str, str] = field(default_factory=dict)
    refused: list[tuple[Request, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        books = self.twin.state.organizations[ORGANIZATION]
        currencies = {
            code: {"id": row["currency_id"], "decimals": row["price_precision"], "rate": str(row["exchange_rate"])}
            for code, row in books.currencies.items()
        }
        profile = {"currency_code": "USD", "time_zone": "Asia/Kolkata", "currencies": currencies}
        self.view = Known(SETTINGS, profile)
        session: Session = app.session(
            settings=SETTINGS, secrets={}, api=self, auth=self, tokens=Tokens(Token("t", 1e12)), now=lambda: 0.0
        )
        self._session = session

    async def send(self, base_url: str, request: Request) -> Response:
        """`apps.base.Transport`."""
        path = request.path.removeprefix("/books/v3/")
        headers = {name.lower(): value for name, value in request.headers.items()}
        reply = self.twin.by_hand(request.method, path, request.query, request.body or b"", headers)
        said = str(reply.body["message"])
        if reply.code in OF_SHAPE and not any(part in said for part in OF_BALANCE):
            self.refused.append((request, said))
        return Response(reply.status, {}, reply.content())

    def add(self, path: str, body: Any = None) -> dict[str, Any]:
        """What a person adds; gives the object."""
        query = {"organization_id": ORGANIZATION}
        reply = self.twin.by_hand("POST", path, query, b"" if body is None else encode(body))
        assert reply.status < 300, reply.body
        return next((value for value in reply.body.values() if isinstance(value, dict)), {})

    def customer(self, currency: str) -> str:
        """The id of a customer in this currency; of one in dollars, where the organisation does not have it."""
        known = self.view.profile["currencies"].get(currency) or self.view.profile["currencies"]["USD"]
        return str(self.add("contacts", {"contact_name": "Someone", "currency_id": known["id"]})["contact_id"])

    def document(self, module: str, customer: str, *, number: int = 1) -> str:
        """The id of a document over 100, mapped to Togai's ``inv.<number>`` or ``cred.<number>``."""
        lines = [{"name": "API calls", "rate": 100, "quantity": 1}]
        made = self.add(module, {"customer_id": customer, "date": TODAY, "line_items": lines})
        noun, type_, prefix = {
            "invoices": ("invoice", "invoice", "inv"),
            "creditnotes": ("credit_note", "credit", "cred"),
        }[module]
        there = MODULES[noun].ref(str(made[MODULES[noun].id]))
        source = ObjectRef(app="togai", type=type_, id=f"{prefix}.{number}")
        self.view.pairs |= {source: Mapped(there, "before"), there: Mapped(source, "before")}
        return there.id

    def carry_out(self, action: str, /, **given: Any) -> Applied | str:
        """Plan and apply; what either refused with, where it did. Any other exception is a defect."""
        try:
            planned = plan(action, self.view, **given)
            if isinstance(planned, Call):
                return asyncio.run(app.actions[action].apply(planned, self._session))
        except Refused as error:
            return str(error)
        return str(getattr(planned, "message", "")) or type(planned).__name__
