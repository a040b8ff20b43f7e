"""Events of the Togai twin's objects, complete, as a platform team would produce them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.sandbox.wire import Json
from tests.e2e.control import TOGAI
from tests.e2e.machine import Machine


def account_created(account: Json, *, id_: str = "", **data: Any) -> Json:
    """`data` changes fields of the account, as an edit in Togai would."""
    return _event(id_ or f"created-{account['id']}", "togai.account.created", account | data, account["id"])


def invoice_generated(invoice: Json, *, id_: str = "", **data: Any) -> Json:
    changed = invoice | data
    return _event(id_ or f"generated-{invoice['id']}", "togai.invoice.generated", changed, changed["ownerId"])


def _event(id_: str, type_: str, data: Json, party: str) -> Json:
    return {
        "specversion": "1.0",
        "id": id_,
        "source": f"togai/{TOGAI}",
        "type": type_,
        "subject": data["id"],
        "connection": TOGAI,
        "party": party,
        "data": data,
    }


class Backlog:
    """`accounts` times five events, interleaved: each account in three versions, with two invoices between them.

    The names of an account's versions end in 1, 2, 3: the twin's ledger shows which were applied, and when.
    """

    def __init__(self, machine: Machine, accounts: int, seed: int = 1) -> None:
        made = machine.twins.bulk(accounts, 2 * accounts, seed=seed)
        self.accounts = made.contacts
        self.invoices: dict[str, list[str]] = {account: [] for account in made.contacts}
        for invoice in made.arriving:
            self.invoices[invoice.owner_id].append(invoice.id)
        self.events = list(self._events(machine))

    @property
    def commands(self) -> int:
        """Contact and setting for each version; contact, invoice, sent and setting for each invoice."""
        return len(self.accounts) * (3 * 2 + 2 * 4)

    @property
    def ids(self) -> list[str]:
        return [event["id"] for event in self.events]

    def versions(self, account: str) -> list[str]:
        return [f"{account} version {number}" for number in (1, 2, 3)]

    def _events(self, machine: Machine) -> Iterator[Json]:
        accounts = [machine.twins.account(id_) for id_ in self.accounts]
        for turn in range(5):
            for account in accounts:
                id_ = account["id"]
                if turn % 2:
                    yield invoice_generated(machine.twins.invoice(self.invoices[id_][turn // 2]))
                else:
                    name = self.versions(id_)[turn // 2]
                    yield account_created(account, id_=f"created-{id_}-{turn}", name=name)
