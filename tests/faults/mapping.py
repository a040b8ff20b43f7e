"""Mappings that an operator broke: claimed twice, from either side, or gone. Nothing is written for the wrong one."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping as MappingType
from dataclasses import dataclass, field, replace

from pipeline.cli.run import Role
from pipeline.kafka.compacted import read_to_end
from pipeline.schemas.records import Mapping, ObjectRef, Status, mapping_key, mapping_scope
from tests.e2e.control import BOOKS, TOGAI
from tests.e2e.events import account_created
from tests.e2e.machine import Machine
from tests.e2e.twins import ACCOUNT_FIELD
from tests.faults.fault import Fault, Row, Size, Tally
from tests.faults.judge import Expected, judge
from tests.faults.lab import SHORT_TIMES, Lab
from tests.faults.progress import Progress, Recovery
from tests.faults.raw import Raw, RawProducer

CLAIMS = {Size.SHORT: 8, Size.LONG: 80}
SCOPE = mapping_scope(TOGAI, BOOKS)
PATIENCE = 40.0


@dataclass
class Claim:
    """Two accounts. `first` are synced before anything is broken, `second` are sent after; `refused` are of these."""

    kind: str
    accounts: tuple[str, str]
    first: tuple[str, ...]
    second: tuple[str, ...]
    refused: tuple[str, ...] = ()
    sent: dict[str, list[str]] = field(default_factory=dict)
    """Versions by account, in the order of the source."""


def run(lab: Lab, rng: random.Random, size: Size) -> Row:
    """The sink dies in the middle, so that rows are read both as they come and at a start."""
    with lab.fresh(environment=SHORT_TIMES) as machine:
        machine.connect()
        sinks = machine.start(Role.AGENTS, Role.SINKS)[1]
        claims = Claims(machine, rng, CLAIMS[size])
        claims.send("first")
        for number, claim in enumerate(claims.all):
            claims.break_it(claim)
            if number == len(claims.all) // 2:
                sinks.kill()
                claims.counts["a sink starts with them"] += 1
        claims.send("second")
        machine.stop()
        return Row(claims.counts.total(), claims.judge(), claims.recovery.longest, dict(claims.counts))


class Claims:
    """All claims of one machine."""

    def __init__(self, machine: Machine, rng: random.Random, count: int) -> None:
        self._machine = machine
        self._rng = rng
        self._producer = RawProducer(machine.here.access)
        made = machine.twins.bulk(2 * count, 0, seed=rng.getrandbits(40)).contacts
        kinds = [*KINDS * (count // len(KINDS) + 1)][:count]
        self.all = [self._claim(kind, made[2 * number], made[2 * number + 1]) for number, kind in enumerate(kinds)]
        self.expected = Expected(events=[], commands=0)
        self._refused: list[str] = []
        self.progress = Progress(machine, self.expected)
        self.recovery = Recovery(self.progress)
        self.counts: Counter[str] = Counter()

    def _claim(self, kind: str, one: str, other: str) -> Claim:
        """`other` is unknown to Zoho where somebody claims its place."""
        match kind:
            case "a second source for a contact":
                return Claim(kind, (one, other), (one,), (one, other), (other,))
            case "the field of another account":
                # A version of `one` would give its contact its own field back.
                return Claim(kind, (one, other), (one,), (other,), (other,))
            case "a source that points to the contact of another":
                return Claim(kind, (one, other), (one, other), (one, other), (one,))
            case _:
                return Claim(kind, (one, other), (one, other), (one, other))

    def send(self, when: str) -> None:
        """A version of each account, and wait for what comes of it."""
        more = Expected(events=[], commands=0)
        refused = []
        for claim in self.all:
            for account in claim.first if when == "first" else claim.second:
                name = f"{account} {when}"
                event = account_created(self._machine.twins.account(account), id_=f"{when}-{account}", name=name)
                if when == "second" and account in claim.refused:
                    refused.append(event)
                else:
                    claim.sent.setdefault(account, []).append(name)
                    more += Expected(events=[event["id"]], commands=2, contacts=[account])
                self._machine.send([event])
        self.expected = self.expected + more
        self.progress.expect(more)
        self._refused += [event["id"] for event in refused]

        def done() -> bool:
            self.recovery.look()
            return self.progress.done and all(self._machine.record.results_of(id_) for id_ in self._refused)

        self.progress.until(done, PATIENCE)

    # --- what an operator does ----------------------------------------------------------------------------------

    def break_it(self, claim: Claim) -> None:
        one, other = claim.accounts
        match claim.kind:
            case "a second source for a contact":
                self._row(_account(other), self._contact(one))
            case "a second contact for a source":
                self._row(ObjectRef(app="zohobooks", type="contact", id=f"9{self._rng.getrandbits(40)}"), _account(one))
            case "a source that points to the contact of another":
                self._row(_account(one), self._contact(other))
            case "the field of another account":
                self._move_field(one, other)
            case "the source's row is gone":
                self._row(_account(one), None)
            case "the contact's row is gone":
                self._row(self._contact(one), None)
            case "both rows are gone":
                self._row(_account(one), None)
                self._row(self._contact(one), None)
            case "a row that is none":
                self._raw(_account(one), self._rng.choice([b"{", b'{"other":5}', b"\xff", b""]))
        self.counts[claim.kind] += 1
        self.recovery.injected()

    def _contact(self, account: str) -> ObjectRef:
        return ObjectRef(app="zohobooks", type="contact", id=self._machine.twins.one("contacts", account)["contact_id"])

    def _row(self, of: ObjectRef, other: ObjectRef | None) -> None:
        self._raw(of, None if other is None else self._machine.here.codec.encode(Mapping(other=other)))

    def _raw(self, of: ObjectRef, value: bytes | None) -> None:
        self._producer.send([Raw(self._machine.here.topics.mappings, mapping_key(SCOPE, of).encode(), value)])

    def _move_field(self, one: str, other: str) -> None:
        """In Zoho Books: the contact of `one` gets the account id of `other`, which has none yet."""
        twins = self._machine.twins
        contact = twins.one("contacts", one)

        def move() -> None:
            fields = twins.books.twin.state.organizations[twins.organization].contacts.fields
            after = fields.read([{"api_name": ACCOUNT_FIELD, "value": other}], contact["contact_id"])
            fields.index(contact["contact_id"], contact["custom_fields"], after)
            contact["custom_fields"] = after

        twins.books.call(move)

    # --- judging ------------------------------------------------------------------------------------------------

    def judge(self) -> Tally:
        versions = {
            account: [*claim.sent.get(account, ())]
            for claim in self.all
            for account in claim.accounts
            if claim.sent.get(account) and claim.kind != "the field of another account"
        }
        moved = {claim.accounts[0] for claim in self.all if claim.kind == "the field of another account"}
        contacts = [account for account in self.expected.contacts if account not in moved]
        expected = replace(self.expected, contacts=set(contacts), versions=versions)
        tally = judge(self._machine, expected)
        findings = [*self._wrong_refusals(), *self._wrong_rows()]
        return tally + Tally(events=len(self._refused), lost=len(findings), findings=tuple(findings[:20]))

    def _wrong_refusals(self) -> list[str]:
        """What a claim makes wrong ends in one refusal that names both."""
        found = []
        for id_ in self._refused:
            results = self._machine.record.results_of(id_)
            codes = [result.cause.code if result.cause else "" for result in results]
            if [result.status for result in results] != [Status.REFUSED] or codes != ["mapping_clash"]:
                found.append(
                    f"{id_} should be one refusal of a clash, is {[(each.status, each.cause) for each in results]}"
                )
        return found

    def _wrong_rows(self) -> list[str]:
        """A source that was mapped is mapped to the one contact that Zoho has under its id, and that one to it."""
        rows, found = self._rows(), []
        for claim in self.all:
            for account in claim.first:
                if account in claim.refused or claim.kind == "the field of another account":
                    continue
                contact = self._contact(account)
                pair = rows.get(mapping_key(SCOPE, _account(account))), rows.get(mapping_key(SCOPE, contact))
                if pair != (contact, _account(account)):
                    found.append(f"after {claim.kind}, {account} and {contact.id} are mapped to {pair}")
        return found

    def _rows(self) -> MappingType[str, ObjectRef]:
        """As a plain reader of the topic has them."""
        rows: dict[str, ObjectRef] = {}
        for batch in read_to_end(self._machine.here.access, self._machine.here.topics.mappings):
            for message in batch:
                key = (message.key() or b"").decode()
                try:
                    rows[key] = self._machine.here.codec.decode(Mapping, message.value() or b"").other
                except Exception:
                    rows.pop(key, None)
        return rows


KINDS = (
    "a second source for a contact",
    "a second contact for a source",
    "a source that points to the contact of another",
    "the field of another account",
    "the source's row is gone",
    "the contact's row is gone",
    "both rows are gone",
    "a row that is none",
)


def _account(id_: str) -> ObjectRef:
    return ObjectRef(app="togai", type="account", id=id_)


FAULTS = (Fault("mapping claims", 9, run),)
