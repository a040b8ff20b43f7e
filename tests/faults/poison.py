"""Records of every wrong form between good events of the same party, on each topic that a role reads."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from pipeline.cli.run import Role
from pipeline.kafka.partitioner import partition_of
from pipeline.sandbox.wire import Json, encode
from pipeline.schemas.records import Command, Run, Step, mapping_scope
from tests.e2e.control import BOOKS, PARTITIONS, TOGAI
from tests.e2e.events import Backlog
from tests.e2e.machine import Machine
from tests.faults.fault import Fault, Row, Size
from tests.faults.judge import Expected, judge
from tests.faults.lab import SHORT_TIMES, Lab
from tests.faults.letters import Letters, Sent
from tests.faults.poisons import EVENT_POISONS, Poison, draw_bytes, label, with_headers
from tests.faults.progress import Progress, Recovery
from tests.faults.raw import Raw, RawProducer, send_with_odd_header
from tests.faults.schema_registry import schema_registry

ACCOUNTS = {Size.SHORT: 4, Size.LONG: 20}
MOST = {Size.SHORT: 3, Size.LONG: 6}
"""Poisons in front of each event, of which there are five an account."""
OWN = {Size.SHORT: 6, Size.LONG: 40}
"""On each topic whose records we write ourselves."""


def run(lab: Lab, rng: random.Random, size: Size) -> Row:
    with (
        schema_registry() as registry,
        lab.fresh(environment={**SHORT_TIMES, "SCHEMA_REGISTRY_URL": registry.url}) as machine,
    ):
        machine.record.broken |= {Step, Command}
        machine.connect()
        roles = machine.start(Role.AGENTS, Role.SINKS)
        poisoner = Poisoner(machine, rng)
        for half in (1, 2):
            backlog = Backlog(machine, ACCOUNTS[size] // 2, seed=rng.getrandbits(40))
            poisoner.spoil(backlog, MOST[size])
            poisoner.spoil_own(OWN[size] // 2)
            if half == 1:
                poisoner.spoil_state()
                # What is read at a start is poisoned, too.
                for role in roles:
                    role.kill()
        poisoner.finish()
        machine.stop()
        tally = judge(machine, poisoner.expected) + poisoner.letters.judge()
        return Row(poisoner.counts.total(), tally, poisoner.recovery.longest, dict(poisoner.counts))


OF_BOOKS: Json = {
    "specversion": "1.0",
    "id": "of-books",
    "source": f"zohobooks/{BOOKS}",
    "type": "zohobooks.contact.created",
    "subject": "1",
    "connection": BOOKS,
    "party": "1",
    "data": {"contact_id": "1"},
}


class Poisoner:
    """Sends good events with poison between them, and knows what has to come of both."""

    def __init__(self, machine: Machine, rng: random.Random) -> None:
        self._machine = machine
        self._rng = rng
        self._producer = RawProducer(machine.here.access)
        self._kinds = self._all_kinds()
        self.expected = Expected(events=[], commands=0)
        self.progress = Progress(machine, self.expected)
        self.recovery = Recovery(self.progress)
        self.letters = Letters(machine)
        self.counts: Counter[str] = Counter()

    def spoil(self, backlog: Backlog, most: int) -> None:
        """Each event of `backlog` behind one to `most` poisons with its key; at the end one of an odd header."""
        more = Expected.of(backlog)
        self.expected = self.expected + more
        self.progress.expect(more)
        topic = self._machine.here.topics.events("togai")
        for event in backlog.events:
            poisons = [self._next(event) for _ in range(self._rng.randint(1, most))]
            self._send(
                [Raw(topic, self._odd(_key(event)), poison.value, poison.headers) for poison in poisons], poisons
            )
            self.recovery.injected()
            self._producer.send([Raw(topic, _key(event), encode(event))])
            self.progress.poll(0.0)
            self.recovery.look()
        event = self._rng.choice(backlog.events)
        self._send_odd_header(topic, _key(event), Poison("", encode(event), "bad_headers"))

    def spoil_own(self, count: int) -> None:
        """`flow.steps`, both command topics and the other app's events."""
        topics = self._machine.here.topics
        command, step = _good(self._rng)
        goods = {
            topics.steps: self._machine.here.codec.encode(step),
            topics.commands("zohobooks"): self._machine.here.codec.encode(command),
            topics.commands("togai", bulk=True): self._machine.here.codec.encode(command),
        }
        for topic, good in goods.items():
            self._send_own(topic, [draw_bytes(good, self._rng) for _ in range(count)])
        made = [self._next(OF_BOOKS) for _ in range(count)]
        self._send_own(topics.events("zohobooks"), [poison for poison in made if poison.kind == "undecodable"])
        self._send_odd_header(topics.commands("zohobooks"), BOOKS.encode(), Poison("", b"{", "not_json"))

    def spoil_state(self) -> None:
        """What nobody but we should write: left out with a message, and nothing else stops. It has no dead letter."""
        topics = self._machine.here.topics
        self._machine.record.broken |= set(self._machine.record.kinds.values())
        compacted = (topics.ledger, topics.state, topics.mappings, topics.control)
        for topic in (*compacted, topics.decisions, topics.dead_letters):
            key = self._rng.randbytes(6)
            self._producer.send([Raw(topic, key, self._rng.choice([b"{", b"\xff", b"[]", b"{}"]))])
            if topic in (topics.ledger, topics.control):
                # So that a reader of what is left does not stumble; the bytes stay in the log until it is compacted.
                self._producer.send([Raw(topic, key, None)])
            self.counts[f"{topic.removeprefix(topics.prefix)}"] += 1

    def finish(self, seconds: float = 60.0) -> None:
        """Until all good events have ended and all others have their dead letters, or for `seconds`."""

        def done() -> bool:
            self.recovery.look()
            return self.progress.done and not self.letters.missing

        self.progress.until(done, seconds)

    def _next(self, event: Json) -> Poison:
        """Each kind once before any comes again."""
        if not self._kinds:
            self._kinds = self._all_kinds()
        name = self._kinds.pop()
        made = EVENT_POISONS[name](event, self._rng)
        return with_headers(Poison(name, made.value, made.code, made.headers, made.kind), self._rng)

    def _all_kinds(self) -> list[str]:
        return self._rng.sample(sorted(EVENT_POISONS), len(EVENT_POISONS))

    def _send_own(self, topic: str, poisons: Sequence[Poison]) -> None:
        self._send([Raw(topic, BOOKS.encode(), poison.value, poison.headers) for poison in poisons], poisons)
        self.recovery.injected()

    def _odd(self, key: bytes) -> bytes | None:
        """Now and then none, or one that is no text: then it meets no good event of its party."""
        return self._rng.choice([None, b"", b"\xff/\x00"]) if self._rng.random() < 0.1 else key

    def _send(self, raws: Sequence[Raw], poisons: Sequence[Poison]) -> None:
        places = self._producer.send(raws)
        self.letters.add(places, [Sent(raw, poison) for raw, poison in zip(raws, poisons, strict=True)])
        self.counts.update(label(poison.name) for poison in poisons)

    def _send_odd_header(self, topic: str, key: bytes, poison: Poison) -> None:
        """To the partition of the good ones with this key."""
        value = poison.value or b""
        row = (topic, partition_of(key, PARTITIONS), key, value)
        places = send_with_odd_header(self._machine.here.access, [row])
        poison = replace(poison, name="a header name that is no UTF-8")
        self.letters.add(places, [Sent(Raw(topic, key, value), poison, headers_lost=True)])
        self.counts[label(poison.name)] += 1


def _key(event: Json) -> bytes:
    return f"{event['connection']}/{event['party']}".encode()


def _good(rng: random.Random) -> tuple[Command, Step]:
    """Of no run; only their bytes matter."""
    id_ = f"{rng.getrandbits(40)}"
    run_ = Run(
        id=id_, link="l", flow="f", flow_version="1", event_id=id_, event_type="togai.account.created",
        source_connection=TOGAI, subject="s", party="p",
    )  # fmt: skip
    command = Command(
        id=id_, connection=BOOKS, app="zohobooks", action="upsert_contact", party="p", input={}, run=run_, step="s",
        index=0, last=True, scope=mapping_scope(TOGAI, BOOKS),
    )  # fmt: skip
    return command, Step(id=id_, run=run_, step="s", index=0)


FAULTS = (Fault("poison", 8, run),)
