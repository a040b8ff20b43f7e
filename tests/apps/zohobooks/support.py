"""A view that planning may look at, documents to plan with, and a connection to a served twin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from typing import Any

import msgspec

from pipeline.apps.base import Applied, Call, Mapped, Pair, Plan, Session, Token
from pipeline.apps.transport import HttpTransport
from pipeline.apps.zohobooks import app
from pipeline.sandbox.clock import VirtualClock
from pipeline.sandbox.config import load
from pipeline.sandbox.serve import Served
from pipeline.sandbox.zohobooks.server import ZohoBooksTwin
from pipeline.sandbox.zohobooks.state import Books
from pipeline.schemas.documents import Address, Invoice, Line, LineKind, Party
from pipeline.schemas.records import ObjectRef

ORGANIZATION = "10234695"
CLIENT = {"client_id": "1000.SANDBOXCLIENT", "client_secret": "sandbox-client-secret"}
SETTINGS: Mapping[str, Any] = {"organization_id": ORGANIZATION}
PROFILE: Mapping[str, Any] = {
    "organization_id": ORGANIZATION,
    "currency_code": "USD",
    "time_zone": "Asia/Kolkata",
    "price_precision": 2,
    "currencies": {
        "USD": {"id": "11", "decimals": 2},
        "JPY": {"id": "12", "decimals": 0},
        "KWD": {"id": "13", "decimals": 3},
    },
    "unique": {"contact": True, "invoice": True},
}
ACCOUNT = ObjectRef(app="togai", type="account", id="acme-prod")
SOURCE = ObjectRef(app="togai", type="invoice", id="inv.1")


@dataclass
class Known:
    """A `View` over plain values; `learn` does what a sink does with the pair of an effect."""

    settings: Mapping[str, Any] = field(default_factory=lambda: SETTINGS)
    profile: Mapping[str, Any] = field(default_factory=lambda: PROFILE)
    pairs: dict[ObjectRef, Mapped] = field(default_factory=dict)

    def mapped(self, ref: ObjectRef) -> Mapped | None:
        return self.pairs.get(ref)

    def learn(self, pair: Pair | None) -> None:
        assert pair
        for one, other in ((pair.source, pair.destination), (pair.destination, pair.source)):
            known = self.pairs.get(one)
            assert known is None or known.other in (other, pair.replaces), "a second counterpart"
        if pair.replaces:
            del self.pairs[pair.replaces]
        self.pairs[pair.source] = Mapped(pair.destination, pair.hash, pair.version)
        self.pairs[pair.destination] = Mapped(pair.source, pair.hash, pair.theirs)


@dataclass
class Tokens:
    """A `TokenStore` in memory."""

    token: Token | None = None
    times: list[float] = field(default_factory=list)

    def load(self) -> Token | None:
        return self.token

    def save(self, token: Token | None) -> None:
        self.token = token

    def refreshes(self) -> Sequence[float]:
        return tuple(self.times)

    def refreshed(self, at: float) -> None:
        self.times.append(at)


def party(**changes: Any) -> Party:
    given: dict[str, Any] = {
        "type": "account",
        "id": "acme-prod",
        "name": "ACME Production",
        "company": "ACME Enterprise",
        "email": "billing@acme.example",
        "phone": "+1 555 0100",
        "currency": "USD",
        "net_term_days": 30,
        "address": Address(line1="2281 Broadway Street", city="Florence", postal_code="29501", country="US"),
        "version": "2024-08-03T00:05:12.004Z",
    }
    return Party(**given | changes)


def line(amount: str, kind: LineKind = LineKind.CHARGE, description: str = "API calls", **changes: Any) -> Line:
    given = {"kind": kind, "source_type": "USAGE_RATE_CARD_AMOUNT", "description": description}
    return Line(**{**given, "amount": Decimal(amount), **changes})


def invoice(*lines: Line, total: str | None = None, **changes: Any) -> Invoice:
    """An invoice over its lines; the total is their sum unless another one is given."""
    lines = lines or (line("12.34"),)
    given: dict[str, Any] = {
        "id": "inv.1",
        "party": party(),
        "currency": "USD",
        "total": sum((each.amount for each in lines), Decimal(0)) if total is None else Decimal(total),
        "lines": list(lines),
        "issued": datetime(2024, 8, 3, tzinfo=UTC),
        "number": "2024-07-2958",
        "due": datetime(2024, 9, 2, tzinfo=UTC),
        "period_start": datetime(2024, 7, 1, tzinfo=UTC),
        "period_end": datetime(2024, 8, 1, tzinfo=UTC),
        "version": "2024-08-03T00:05:12.004000Z",
    }
    return Invoice(**given | changes)


def plan(action: str, view: Known, **given: Any) -> Plan:
    """Plan as a sink does: the input comes from JSON."""
    definition = app.actions[action]
    wire = msgspec.json.decode(msgspec.json.encode(given), type=definition.input)
    return definition.plan(wire, view)


def called(action: str, view: Known, **given: Any) -> Call:
    made = plan(action, view, **given)
    assert isinstance(made, Call), made
    return made


def body(call: Call) -> dict[str, Any]:
    """The request's body, numbers as Decimal."""
    assert call.request.body
    read: dict[str, Any] = msgspec.json.Decoder(float_hook=Decimal).decode(call.request.body)
    return read


async def carried_out(action: str, view: Known, session: Session, **given: Any) -> Applied:
    """Plan, apply, see that it gives what it declares and nothing else, and remember the pair."""
    done = await app.actions[action].apply(called(action, view, **given), session)
    declared = {field.name: field for field in msgspec.structs.fields(app.actions[action].output)}  # type: ignore[attr-defined]
    assert done.output.keys() <= declared.keys()
    assert {name for name, field in declared.items() if field.required} <= done.output.keys()
    if done.pair:
        view.learn(done.pair)
    return done


class Zoho:
    """A served twin, and connections to it made by the real exchange."""

    def __init__(self, served: Served[ZohoBooksTwin]) -> None:
        self.served = served
        self.http = HttpTransport()
        self.settings = {**SETTINGS, "accounts_url": served.base_url, "api_url": served.base_url}

    @property
    def books(self) -> Books:
        return self.served.twin.state.organizations[ORGANIZATION]

    def code(self, *scopes: str, seconds: float = 180) -> str:
        granted = scopes or ("ZohoBooks.fullaccess.all",)
        return self.served.call(lambda: self.served.twin.state.oauth.grant(CLIENT["client_id"], granted, seconds))

    async def connect(self, *scopes: str) -> Mapping[str, str]:
        return await app.connect(self.settings, {**CLIENT, "self_client_code": self.code(*scopes)}, self.http)

    async def session(self, *scopes: str, tokens: Tokens | None = None) -> Session:
        return self.open(await self.connect(*scopes), tokens)

    def open(self, secrets: Mapping[str, str], tokens: Tokens | None = None, **settings: Any) -> Session:
        return app.session(
            settings={**self.settings, **settings},
            secrets=secrets,
            api=self.http,
            auth=self.http,
            tokens=tokens or Tokens(),
            now=self.served.clock.now,
        )

    async def view(self, session: Session, **settings: Any) -> Known:
        """What a sink would plan with after the start-up checks."""
        return Known({**self.settings, **settings}, await session.check())

    def remove_fields(self) -> None:
        """As a person may, in the settings of the organisation."""
        for module, name in (
            (self.books.contacts, "cf_togai_account_id"),
            (self.books.invoices, "cf_togai_invoice_id"),
        ):
            self.served.call(partial(module.fields.remove, name))

    def change(self, **habits: Any) -> None:
        """Habits of the organisation (`sandbox.config.Organization`)."""
        self.books.config = msgspec.structs.replace(self.books.config, **habits)

    def calls(self, *kinds: str) -> list[str]:
        return [entry.kind for entry in self.served.ledger.entries if not kinds or entry.kind in kinds]


_config = cache(lambda: load(Path(__file__).parents[3] / "configs/sandbox.yaml").zohobooks)


def sandbox() -> ZohoBooksTwin:
    return ZohoBooksTwin(_config(), clock=VirtualClock())
