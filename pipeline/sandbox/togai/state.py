"""What the Togai twin holds: objects in the API's own shape, by the id that paths use, and the events they cause."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pipeline.sandbox.clock import Clock
from pipeline.sandbox.config import TogaiConfig
from pipeline.sandbox.ids import TokenIds
from pipeline.sandbox.ledger import Ledger
from pipeline.sandbox.togai.errors import bad, not_found
from pipeline.sandbox.togai.hooks import Hooks
from pipeline.sandbox.togai.limits import Limits
from pipeline.sandbox.wire import Json

ACCOUNT_FIELDS = (
    "netTermDays",
    "primaryEmail",
    "billingInformation",
    "address",
    "metadata",
    "tags",
)


class State:
    """One tenant. `touched` orders accounts and customers by their last change, which accounts do not show."""

    def __init__(self, config: TogaiConfig, clock: Clock, ledger: Ledger) -> None:
        self.config = config
        self.clock = clock
        self.ledger = ledger
        self.ids = TokenIds(config.seed)
        self.limits = Limits(config.per_second)
        self.hooks = Hooks(config.hooks)
        self.customers: dict[str, Json] = {}
        self.accounts: dict[str, Json] = {}
        self.groups: dict[str, Json] = {}
        self.invoices: dict[str, Json] = {}
        self.settings: dict[str, Json] = {}
        self.payments: dict[str, Json] = {}
        self.credits: dict[str, Json] = {}
        self.touched: dict[str, int] = {}
        self.sequence = 0
        self._touches = 0

    def now(self) -> str:
        """The twin's time as Togai writes it: milliseconds and ``Z``."""
        moment = datetime.fromtimestamp(self.clock.now(), UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"

    def touch(self, kind: str, id_: str) -> None:
        self._touches += 1
        self.touched[f"{kind}/{id_}"] = self._touches

    def latest_first(self, kind: str, objects: dict[str, Json]) -> list[Json]:
        """By last change, newest first."""
        return sorted(objects.values(), key=lambda item: -self.touched[f"{kind}/{item['id']}"])

    def customer(self, id_: str) -> Json:
        return _get(self.customers, "Customer", id_)

    def account(self, id_: str) -> Json:
        return _get(self.accounts, "Account", id_)

    def invoice(self, id_: str) -> Json:
        return _get(self.invoices, "Invoice", id_)

    def group(self, id_: str) -> Json:
        return _get(self.groups, "Invoice group", id_)

    def create_customer(self, body: Json) -> Json:
        """A customer with a first account, made from the customer where the body has none. Gives the customer."""
        for name in ("id", "name", "primaryEmail", "address"):
            if body.get(name) in (None, ""):
                raise bad(f"{name} is required")
        if body["id"] in self.customers:
            raise bad(f"Customer with id {body['id']} already exists")
        account = {"id": body["id"], "name": body["name"], **(body.get("account") or {})}
        if account["id"] in self.accounts:
            raise bad(f"Account with id {account['id']} already exists")
        now = self.now()
        address = body["address"]
        customer = {
            "id": body["id"],
            "togaiCustomerId": self.ids("customer"),
            "name": body["name"],
            "primaryEmail": body["primaryEmail"],
            "billingAddress": _one_line(address),
            "address": address,
            "status": "ACTIVE",
            "createdAt": now,
            "updatedAt": now,
        }
        self.customers[customer["id"]] = customer
        self.touch("customer", customer["id"])
        self.add_settings("CUSTOMER", customer["id"], body.get("settings") or [])
        self.hooks.emit("customer.created", customer)
        inherited = {"primaryEmail": body["primaryEmail"], "address": address}
        self.create_account({**inherited, **account, "customerId": customer["id"]})
        return customer

    def create_account(self, body: Json) -> Json:
        """An account of a customer that exists."""
        for name in ("id", "name", "customerId"):
            if not body.get(name):
                raise bad(f"{name} is required")
        if body["id"] in self.accounts:
            raise bad(f"Account with id {body['id']} already exists")
        customer = self.customer(body["customerId"])
        account = {
            "id": body["id"],
            "togaiAccountId": self.ids("account"),
            "customerId": customer["id"],
            "togaiCustomerId": customer["togaiCustomerId"],
            "name": body["name"],
            "status": body.get("status", "ACTIVE"),
            "invoiceCurrency": body.get("invoiceCurrency", self.config.currency),
            "aliases": [{"alias": alias} for alias in body.get("aliases", [])],
            "settings": [],
            **{name: body[name] for name in ACCOUNT_FIELDS if name in body},
        }
        account.setdefault("netTermDays", self.config.net_term_days)
        self.accounts[account["id"]] = account
        self.touch("account", account["id"])
        self.add_settings("ACCOUNT", account["id"], body.get("settings") or [])
        self.hooks.emit("account.created", account)
        return account

    def create_group(self, body: Json) -> Json:
        """An invoice group: its accounts' invoices are merged into one composite invoice."""
        accounts = [self.account(id_) for id_ in body.get("accountIds", [])]
        currencies = {account["invoiceCurrency"] for account in accounts}
        if len(currencies) != 1:
            raise bad("An invoice group needs accounts of one currency")
        group = {
            "id": body.get("id") or self.ids("inv_group"),
            "name": body["name"],
            "email": body.get("email", ""),
            "dailyInvoiceConsolidation": False,
            "netTermDays": body.get("netTermDays", self.config.net_term_days),
            "invoiceCurrency": currencies.pop(),
            "billingAddress": body.get("billingAddress", {}),
            "accountIds": [account["id"] for account in accounts],
        }
        self.groups[group["id"]] = group
        return group

    def add_settings(self, entity_type: str, entity_id: str, settings: list[Json]) -> None:
        """Settings given inline with a new customer or account."""
        for setting in settings:
            row = {**setting, "entityType": entity_type, "entityId": entity_id}
            self.settings[setting_id(row)] = row

    def objects(self) -> dict[str, Any]:
        numbers = [item["externalPaymentReferences"]["transactionNumber"] for item in self.payments.values()]
        return {
            "customers": len(self.customers),
            "accounts": len(self.accounts),
            "invoice_groups": len(self.groups),
            "invoices": len(self.invoices),
            "settings": len(self.settings),
            "payments": len(self.payments),
            "credits": len(self.credits),
            "duplicates": len(numbers) - len(set(numbers)),
            "hooks": self.hooks.counters(),
        }


def setting_id(setting: Json) -> str:
    """The full id that paths use; entity ids may hold dots themselves."""
    return f"setting.{setting['namespace']}.{setting['id']}.{setting['entityType']}.{setting['entityId']}"


def _one_line(address: Json) -> str:
    order = ("line1", "line2", "postalCode", "city", "state", "country")
    return ", ".join(address[name] for name in order if address.get(name))


def _get(objects: dict[str, Json], what: str, id_: str) -> Json:
    found = objects.get(id_)
    if found is None:
        raise not_found(what, id_)
    return found
