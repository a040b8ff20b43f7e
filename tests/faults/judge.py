"""The promises as counts, told from the twins' ledgers and from committed records, never from a worker's state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from pipeline.kafka.compacted import read_to_end
from pipeline.schemas.records import LedgerRow, Status, Verdict
from tests.e2e.events import Backlog
from tests.e2e.machine import Machine
from tests.faults.fault import Tally


@dataclass(frozen=True, slots=True)
class Expected:
    """What must come of some events, and of no others: a machine may serve several faults one after the other.

    Each of `events` (by id) ends in one decision; together they lead to `commands` commands (None: any number), each of
    which ends in one result. `contacts` and `invoices` must exist once under our key. `versions` are the names of each
    contact and `booked` the invoices of each account, in the order of the source; all of them must have been applied.
    `refused`: results of that status are expected, else each is a loss.
    """

    events: Sequence[str]
    commands: int | None = None
    contacts: Collection[str] = ()
    invoices: Collection[str] = ()
    versions: Mapping[str, Sequence[str]] = field(default_factory=dict)
    booked: Mapping[str, Sequence[str]] = field(default_factory=dict)
    refused: bool = False

    @classmethod
    def of(cls, backlog: Backlog) -> Expected:
        return cls(
            events=backlog.ids,
            commands=backlog.commands,
            contacts=backlog.accounts,
            invoices=[id_ for ids in backlog.invoices.values() for id_ in ids],
            versions={account: backlog.versions(account) for account in backlog.accounts},
            booked=backlog.invoices,
        )

    def __add__(self, other: Expected) -> Expected:
        return Expected(
            events=[*self.events, *other.events],
            commands=None if self.commands is None or other.commands is None else self.commands + other.commands,
            contacts=[*self.contacts, *other.contacts],
            invoices=[*self.invoices, *other.invoices],
            versions={**self.versions, **other.versions},
            booked={**self.booked, **other.booked},
            refused=self.refused or other.refused,
        )


def judge(machine: Machine, expected: Expected) -> Tally:
    """Reads what is still to be read, then counts. Everything should have ended; what has not is unresolved."""
    while machine.record.poll(0.5):
        pass
    counts = Counts()
    _events(machine, expected, counts)
    _commands(machine, expected, counts)
    _objects(machine, expected, counts)
    _order(machine, expected, counts)
    _ledger(machine, expected, counts)
    return Tally(
        events=len(expected.events),
        lost=counts.of["lost"],
        duplicates=counts.of["duplicates"],
        out_of_order=counts.of["out of order"],
        unresolved=counts.of["unresolved"],
        findings=tuple(counts.findings),
    )


def open_rows(machine: Machine, events: Collection[str] | None = None) -> list[LedgerRow]:
    """The ledger's rows without a tombstone, as a consumer of the compacted topic sees them; of some events, or all."""
    topic = machine.here.topics.ledger
    last: dict[tuple[int | None, bytes | None], bytes | None] = {}
    for rows in read_to_end(machine.here.access, topic):
        for row in rows:
            last[row.partition(), row.key()] = row.value()
    left = [machine.here.codec.decode(LedgerRow, value) for value in last.values() if value is not None]
    return [row for row in left if events is None or row.command.run.event_id in events]


class Counts:
    """What was found wrong, by kind, and the first findings in words."""

    KEPT = 20

    def __init__(self) -> None:
        self.of: Counter[str] = Counter()
        self.findings: list[str] = []

    def add(self, what: str, finding: str, count: int = 1) -> None:
        self.of[what] += count
        if count and len(self.findings) < self.KEPT:
            self.findings.append(f"{what}: {finding}")


def _events(machine: Machine, expected: Expected, counts: Counts) -> None:
    """Decisions of repeats say so and are not counted: a repeat is an event of its own that had no effect."""
    decided = Counter(
        decision.event_id for decision in machine.record.decisions if decision.verdict is not Verdict.DUPLICATE
    )
    for id_ in expected.events:
        _once(decided[id_], f"decision of event {id_}", counts)


def _commands(machine: Machine, expected: Expected, counts: Counts) -> None:
    events = set(expected.events)
    commands = Counter(command.id for command in machine.record.commands if command.run.event_id in events)
    results = [result for result in machine.record.results if result.event_id in events]
    ended = Counter((result.command, result.redrive) for result in results)
    again = Counter(result.command for result in results if result.redrive)
    for id_, count in commands.items():
        counts.add("duplicates", f"command {id_} is there {count} times", max(0, count - 1 - again[id_]))
    for (id_, round_), count in ended.items():
        counts.add("duplicates", f"command {id_} has {count} results in round {round_}", count - 1)
    missing = commands.keys() - {id_ for id_, _ in ended}
    for id_ in sorted(missing):
        counts.add("lost", f"command {id_} has no result")
    for id_ in sorted({id_ for id_, _ in ended} - commands.keys()):
        counts.add("duplicates", f"result of a command that nobody gave: {id_}")
    if expected.commands is not None and len(commands) != expected.commands:
        counts.add("lost", f"{len(commands)} commands, not {expected.commands}", abs(expected.commands - len(commands)))
    if not expected.refused:
        for result in results:
            if result.status is Status.REFUSED:
                why = result.cause.message if result.cause else "?"
                counts.add("lost", f"{result.action} of {result.event_id} was refused: {why}")


def _objects(machine: Machine, expected: Expected, counts: Counts) -> None:
    twins = machine.twins
    for module, wanted in (("contacts", expected.contacts), ("invoices", expected.invoices)):
        found, created = twins.keyed(module), twins.created(module)
        for key in wanted:
            _once(len(found.get(key, ())), f"{module} under {key}", counts)
            if created[key] > 1:
                counts.add("duplicates", f"{module} {key} was created {created[key]} times", created[key] - 1)


def _order(machine: Machine, expected: Expected, counts: Counts) -> None:
    if expected.versions:
        applied = machine.twins.versions()
        for account, wanted in expected.versions.items():
            count_order(applied.get(account, []), wanted, account, counts)
    if expected.booked:
        booked = machine.twins.booked()
        owner = {id_: account for account, ids in expected.booked.items() for id_ in ids}
        by_account: dict[str, list[str]] = {}
        for id_ in booked:
            if id_ in owner:
                by_account.setdefault(owner[id_], []).append(id_)
        for account, wanted in expected.booked.items():
            count_order(by_account.get(account, []), wanted, account, counts)


def count_order(applied: Sequence[str], wanted: Sequence[str], whose: str, counts: Counts) -> None:
    """`applied` must hold all of `wanted`, each later than those before it. A version seen again is no new one."""
    for version in wanted:
        if version not in applied:
            counts.add("lost", f"{version} of {whose} was never applied")
    places = [wanted.index(version) for version in applied if version in wanted]
    late = sum(later < earlier for earlier, later in pairwise(places))
    if late:
        counts.add("out of order", f"{whose}: {list(applied)}", late)


def _ledger(machine: Machine, expected: Expected, counts: Counts) -> None:
    for row in open_rows(machine, set(expected.events)):
        counts.add("unresolved", f"{row.command.action} of {row.command.run.event_id} is {row.state}: {row.reason}")


def _once(count: int, what: str, counts: Counts) -> None:
    if not count:
        counts.add("lost", f"no {what}")
    elif count > 1:
        counts.add("duplicates", f"{count} times {what}", count - 1)
