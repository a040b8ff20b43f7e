"""Calls that go wrong: a pair of connections of its own on the shared machine, and faults among the calls it makes."""

from __future__ import annotations

import bisect
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from pipeline.sandbox.faults import Fault as Rule
from pipeline.sandbox.serve import Served
from pipeline.sandbox.wire import Json
from tests.e2e.control import FLOWS
from tests.e2e.events import Backlog, account_created, invoice_generated
from tests.e2e.machine import Machine
from tests.faults.fault import Row, Tally
from tests.faults.judge import Expected, judge
from tests.faults.progress import Progress

SETTINGS = {"accounts": ("ACCOUNT", "ZohoBooksCustomerId"), "invoices": ("INVOICE", "ZohoBooksInvoiceId")}
QUIET = 1.5
"""Seconds after which a call whose answer was lost is settled; faults that come late come earlier."""


@dataclass(frozen=True, slots=True)
class Mix:
    """Of the calls, `share` meet one of `rules`, each as likely as the others; one and the same call `each` times."""

    rules: Sequence[Rule]
    share: float
    each: int = 3

    def place(self, served: Served[Any], rng: random.Random) -> None:
        """Before rules that are there already. A request that is taken by one is left by all others.

        `times` of a rule is kept where it is not 1.
        """
        group = f"{rng.getrandbits(32):08x}"
        for number, rule in enumerate(self.rules):
            chance = self.share / len(self.rules)
            served.place(
                msgspec.structs.replace(
                    rule,
                    alone=True,
                    probability=chance / (1 - number * chance),
                    seed=rng.getrandbits(32),
                    times=None if rule.times == 1 else rule.times,
                    each=self.each,
                    group=group,
                )
            )


class Pair:
    """Togai and Zoho Books, connected anew, with both flows. Their waits are short unless `books` or `togai` say else.

    `injected` counts what the twins served as faults since.
    """

    def __init__(self, machine: Machine, rng: random.Random, *, quiet: float = QUIET, **books: Any) -> None:
        self.machine = machine
        self.rng = rng
        name = f"{rng.getrandbits(32):08x}"
        self.togai, self.books = f"togai-{name}", f"books-{name}"
        self._settings: dict[str, Any] = {"quiet_seconds": quiet, "timeout_seconds": 1.0, "in_flight": 10}
        self._books: dict[str, Any] = {"block_seconds": 0.3, "throttle_seconds": 2.0, **books}
        self._before = self._served()
        self._places = self._ends()
        self.expected = Expected(events=[], commands=0)
        self.connect()

    def connect(self) -> None:
        """Apply the file of both, with a fresh code. As an operator does who has mended a stopped connection."""
        control = self.machine.control
        togai = control.togai(self.togai)
        rows = [
            {**togai, "settings": {**togai["settings"], **self._settings}},
            control.books(self.books, **self._settings, **self._books),
        ]
        links = control.links(*FLOWS, books=self.books, togai=self.togai)
        done = self.machine.apply(control.write(rows, links))
        assert all(item.good for item in done.values()), done

    def work(self) -> None:
        """One account's events, whole: the start-up checks come before its calls, and faults had better come after."""
        self.send(self.backlog(1)).until_done()

    # --- events -------------------------------------------------------------------------------------------------

    def backlog(self, accounts: int, *, outdated: float = 0.0) -> list[Json]:
        """Events of `accounts` accounts that nobody else has: each in three versions, with two invoices between.

        `outdated`: the share that has a counterpart of old in Togai, so that the setting is changed, not created.
        """
        made = Backlog(self.machine, accounts, seed=self.rng.getrandbits(40))
        for account in made.accounts:
            if self.rng.random() < outdated:
                self._outdate(account)
        self.expected = self.expected + Expected.of(made)
        return [self.own(event) for event in made.events]

    def hints(self, accounts: int) -> list[Json]:
        """Hints of `accounts` other accounts, and of two invoices each: their objects are fetched before anything."""
        twins = self.machine.twins
        made = twins.bulk(accounts, 2 * accounts, seed=self.rng.getrandbits(40))
        booked: dict[str, list[str]] = {account: [] for account in made.contacts}
        for invoice in made.arriving:
            booked[invoice.owner_id].append(invoice.id)
        events = [account_created(twins.account(id_)) for id_ in made.contacts]
        events += [invoice_generated(twins.invoice(invoice.id)) for invoice in made.arriving]
        self.expected = self.expected + Expected(
            events=[event["id"] for event in events],
            contacts=made.contacts,
            invoices=[invoice.id for invoice in made.arriving],
            booked=booked,
        )
        return [self.own(event | {"hint": True, "data": {"id": event["subject"]}}) for event in events]

    def _outdate(self, account: str) -> None:
        entity, name = SETTINGS["accounts"]
        row = {"id": name, "name": name, "value": "0", "dataType": "STRING", "namespace": "USER"}
        body = {**row, "entityType": entity, "entityId": account}
        self.machine.twins.api.post("/settings", json=body).raise_for_status()

    def own(self, event: Json) -> Json:
        """The event as one of this pair's Togai."""
        return event | {"connection": self.togai, "source": f"togai/{self.togai}"}

    def send(self, events: Iterable[Json]) -> Progress:
        self.machine.send(events)
        return Progress(self.machine, self.expected)

    # --- what came of it ----------------------------------------------------------------------------------------

    def injected(self) -> dict[str, int]:
        """Calls that were served as faults, by their names."""
        return dict(self._served() - self._before)

    def clear(self) -> None:
        for served in self._both():
            served.call(served.twin.faults.clear)

    def row(self, tally: Tally | None = None) -> Row:
        """Judged; `tally` are findings besides."""
        self._expect_fetched()
        found = judge(self.machine, self.expected) + self._settled()
        notes = self.injected()
        return Row(sum(notes.values()), found + (tally or Tally()), self._longest_stop(), notes)

    def complete(self) -> bool:
        """Everything expected is there."""
        return self._settled().good

    def _expect_fetched(self) -> None:
        """Events that came of hints are events of ours."""
        known = set(self.expected.events)
        fetched = {event.id for event in self.machine.record.events if event.connection == self.togai} - known
        if fetched:
            self.expected = self.expected + Expected(events=sorted(fetched))

    def _settled(self) -> Tally:
        """Togai knows each counterpart, and each invoice was marked as sent, once."""
        twins, missing = self.machine.twins, []
        rows = twins.togai.call(lambda: dict(twins.togai.twin.state.settings))
        for module, keys in (("contacts", self.expected.contacts), ("invoices", self.expected.invoices)):
            found = twins.keyed(module)
            entity, name = SETTINGS["accounts" if module == "contacts" else module]
            for key in keys:
                ours = next((str(record[f"{module[:-1]}_id"]) for record in found.get(key, ())), "?")
                row = rows.get(f"setting.USER.{name}.{entity}.{key}")
                if row is None or row["value"] != ours:
                    missing.append(f"lost: {name} of {key} is {row and row['value']}, not {ours}")
        sent = Counter(each.id for _, each in twins.books.ledger.effects("invoices") if each.action == "sent")
        ids = {key: records[0]["invoice_id"] for key, records in twins.keyed("invoices").items()}
        missing += [f"lost: {key} was not sent" for key in self.expected.invoices if not sent[ids.get(key, "")]]
        again = [f"duplicates: {key} was sent twice" for key in self.expected.invoices if sent[ids.get(key, "")] > 1]
        return Tally(lost=len(missing), duplicates=len(again), findings=tuple(missing[:10] + again[:10]))

    def _longest_stop(self) -> float:
        """The longest time from a faulted call until a command of this pair ended."""
        own = (self.togai, self.books)
        ended = sorted(
            result.ended.timestamp()
            for result in self.machine.record.results
            if result.connection in own and result.ended is not None
        )
        longest = 0.0
        for served, place in zip(self._both(), self._places, strict=True):
            for entry in served.ledger.entries[place:]:
                after = bisect.bisect(ended, entry.started)
                if entry.faults and after < len(ended):
                    longest = max(longest, ended[after] - entry.started)
        return longest

    def _both(self) -> tuple[Served[Any], Served[Any]]:
        return self.machine.twins.books, self.machine.twins.togai

    def _served(self) -> Counter[str]:
        return sum((Counter(served.twin.faults.served) for served in self._both()), Counter[str]())

    def _ends(self) -> list[int]:
        return [len(served.ledger.entries) for served in self._both()]
