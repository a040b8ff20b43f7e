"""What the Zoho Books twin holds: organisations with their modules. Records are dicts in the API's own shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.sandbox.clock import Clock
from pipeline.sandbox.config import CustomField, Organization, ZohoBooksConfig
from pipeline.sandbox.ids import DigitIds
from pipeline.sandbox.ledger import Ledger
from pipeline.sandbox.wire import Json
from pipeline.sandbox.zohobooks.errors import CURRENCY_NOT_ENABLED, bad, not_found
from pipeline.sandbox.zohobooks.fields import Fields
from pipeline.sandbox.zohobooks.hooks import Hooks
from pipeline.sandbox.zohobooks.limits import Limits
from pipeline.sandbox.zohobooks.oauth import OAuth

MODULES = {
    "contacts": "contact",
    "invoices": "invoice",
    "customerpayments": "customer_payment",
    "creditnotes": "credit_note",
    "items": "item",
}


Changed = Callable[[str, Json | None, Json | None], None]
"""Takes a module's name, and a record before and after a change; None where it was not or is not there."""


class Module:
    """The records of one kind, by id in order of creation; one index on a natural key (name or number).

    `born` holds when each was made, in POSIX seconds: the records' own times are whole seconds.
    """

    def __init__(self, name: str, id_field: str, index_on: str, clock: Clock, changed: Changed) -> None:
        self.name = name
        self.id_field = id_field
        self.fields = Fields(MODULES[name])
        self.records: dict[str, Json] = {}
        self.born: dict[str, float] = {}
        self._clock = clock
        self._changed = changed
        self._index_on = index_on
        self._index: dict[str, list[str]] = {}

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[Json]:
        return iter(self.records.values())

    def get(self, id_: str, what: str) -> Json:
        """Raises Refusal (1002) where it is missing; `what` names it in the message."""
        record = self.records.get(id_)
        if record is None:
            raise not_found(what)
        return record

    def named(self, value: str) -> list[str]:
        """Ids of the records with this natural key, whatever the case of its letters."""
        return self._index.get(value.casefold(), [])

    def put(self, record: Json) -> None:
        """Store a record whole."""
        id_ = record[self.id_field]
        before = self.records.get(id_)
        if before is not None:
            self._index[before[self._index_on].casefold()].remove(id_)
        self.fields.index(id_, before["custom_fields"] if before else [], record["custom_fields"])
        self._index.setdefault(record[self._index_on].casefold(), []).append(id_)
        self.records[id_] = record
        self.born.setdefault(id_, self._clock.now())
        self._changed(self.name, before, record)

    def delete(self, id_: str) -> None:
        record = self.records.pop(id_)
        self.born.pop(id_)
        self._index[record[self._index_on].casefold()].remove(id_)
        self.fields.index(id_, record["custom_fields"], [])
        self._changed(self.name, record, None)


class Books:
    """One organisation."""

    def __init__(self, config: Organization, clock: Clock, ids: DigitIds) -> None:
        self.config = config
        self.ids = ids
        self.zone = ZoneInfo(config.time_zone)
        self.limits = Limits(config.limits, self.zone)
        self.hooks = Hooks(config.id, config.hooks)
        told = self.hooks.changed
        self.contacts = Module("contacts", "contact_id", "contact_name", clock, told)
        self.invoices = Module("invoices", "invoice_id", "invoice_number", clock, told)
        self.customerpayments = Module("customerpayments", "payment_id", "payment_number", clock, told)
        self.creditnotes = Module("creditnotes", "creditnote_id", "creditnote_number", clock, told)
        self.items = Module("items", "item_id", "name", clock, told)
        self.currencies = {
            currency.code: {
                "currency_id": ids(),
                "currency_code": currency.code,
                "currency_name": currency.code,
                "currency_symbol": currency.code,
                "price_precision": currency.price_precision,
                "exchange_rate": currency.exchange_rate,
                "is_base_currency": currency.code == config.currency_code,
            }
            for currency in config.currencies
        }
        self._currency_by_id = {item["currency_id"]: item for item in self.currencies.values()}
        self._clock = clock
        self._numbers: dict[str, int] = {}
        for custom_field in config.custom_fields:
            self.define(custom_field)

    def modules(self) -> tuple[Module, ...]:
        return (self.contacts, self.invoices, self.customerpayments, self.creditnotes, self.items)

    def define(self, custom_field: CustomField) -> None:
        """Add a custom field, or switch its uniqueness. Raises ValueError for an unknown entity."""
        for module in self.modules():
            if module.fields.entity == custom_field.entity:
                module.fields.add(self.ids(), custom_field)
                return
        raise ValueError(f"unknown entity {custom_field.entity!r}; one of {', '.join(MODULES.values())}")

    def currency(self, body: Json) -> Json | None:
        """The currency that a body names by id or code; None if it names none. Raises Refusal if it's not enabled."""
        if id_ := body.get("currency_id"):
            found = self._currency_by_id.get(str(id_))
        elif code := body.get("currency_code"):
            found = self.currencies.get(str(code))
        else:
            return None
        if found is None:
            raise bad(CURRENCY_NOT_ENABLED, "The currency is not enabled in the organization.")
        return found

    def base_currency(self) -> Json:
        return self.currencies[self.config.currency_code]

    def number(self, prefix: str) -> str:
        """The next automatic number, ``INV-000001``."""
        self._numbers[prefix] = self._numbers.get(prefix, 0) + 1
        return f"{prefix}-{self._numbers[prefix]:06d}"

    def timestamp(self) -> str:
        """Now, with the organisation's offset and no colon in it."""
        return datetime.fromtimestamp(self._clock.now(), self.zone).strftime("%Y-%m-%dT%H:%M:%S%z")

    def today(self) -> date:
        return datetime.fromtimestamp(self._clock.now(), self.zone).date()

    def objects(self) -> dict[str, Any]:
        counts: dict[str, Any] = {module.name: len(module) for module in self.modules()}
        counts["duplicates"] = sum(module.fields.duplicates() for module in self.modules())
        return counts


class State:
    """All of the twin."""

    def __init__(self, config: ZohoBooksConfig, clock: Clock, ledger: Ledger) -> None:
        ids = DigitIds()
        self.config = config
        self.clock = clock
        self.ledger = ledger
        self.oauth = OAuth(config.clients, clock)
        self.organizations = {item.id: Books(item, clock, ids) for item in config.organizations}

    def objects(self) -> dict[str, Any]:
        """Counts over all organisations, and by organisation."""
        each = {id_: books.objects() for id_, books in self.organizations.items()}
        names = next(iter(each.values()), {})
        total: dict[str, Any] = {name: sum(counts[name] for counts in each.values()) for name in names}
        return {**total, "organizations": each}
