"""Events of several megabytes, over HTTP, by `pipeline send` and by producers that may: each has one clear end."""

from __future__ import annotations

import random
import string
from collections import Counter

import httpx

from pipeline.cli.exits import Exit
from pipeline.cli.run import Role
from pipeline.operations.deadletters import Wanted
from pipeline.operations.redrive import Redrive
from pipeline.sandbox.wire import Json, encode
from pipeline.schemas.records import Command
from tests.e2e.control import BOOKS
from tests.e2e.events import Backlog
from tests.e2e.machine import Machine
from tests.faults.fault import Fault, Row, Size, Tally
from tests.faults.judge import Expected, judge
from tests.faults.lab import SHORT_TIMES, Lab
from tests.faults.letters import Letters, Sent
from tests.faults.poisons import Poison
from tests.faults.progress import Progress, Recovery
from tests.faults.raw import LARGEST, Raw, RawProducer
from tests.faults.topic_config import configure

MB = 1_000_000
ROUNDS = {Size.SHORT: 1, Size.LONG: 6}


def run(lab: Lab, rng: random.Random, size: Size) -> Row:
    with lab.fresh(environment=SHORT_TIMES) as machine:
        machine.record.broken.add(Command)
        machine.connect()
        machine.start(Role.AGENTS, Role.SINKS, Role.GATEWAY)
        machine.until_ready()
        topic = machine.here.topics.events("togai")
        configure(machine.here.access, topic, {"max.message.bytes": str(LARGEST)})
        large = Large(machine, rng)
        for _ in range(ROUNDS[size]):
            large.one()
        large.finish()
        large.send_again()
        machine.stop()
        letters = large.letters.judge() + large.letters.judge_redriven()
        tally = judge(machine, large.expected) + letters + large.tally
        return Row(large.counts.total(), tally, large.recovery.longest, dict(large.counts))


class Large:
    """Rounds of one account each, whose five good events stand between what is too large."""

    def __init__(self, machine: Machine, rng: random.Random) -> None:
        self._machine = machine
        self._rng = rng
        self._producer = RawProducer(machine.here.access)
        self.expected = Expected(events=[], commands=0)
        self.progress = Progress(machine, self.expected)
        self.recovery = Recovery(self.progress)
        self.letters = Letters(machine)
        self.counts: Counter[str] = Counter()
        self.tally = Tally()

    def one(self) -> None:
        backlog = Backlog(self._machine, 1, seed=self._rng.getrandbits(40))
        more = Expected.of(backlog)
        self.expected = self.expected + more
        self.progress.expect(more)
        first, second, third, fourth, fifth = backlog.events
        self._machine.send([first])
        self._post_too_much(first)
        self._broken(first, "5 MB that can be compressed", self._text(5 * MB, few=True))
        self._post(second, self._text(3 * MB, few=True))
        self._broken(first, "5 MB", self._text(5 * MB))
        self._send(third, self._text(5 * MB))
        self._broken(first, "more than a dead letter holds", self._text(self._rng.randint(7, 12) * MB), left_out=True)
        self._by_command(fourth, self._text(5 * MB))
        self._broken_command(self._text(2 * MB, few=True))
        self._machine.send([fifth])
        self.progress.poll(0.0)
        self.recovery.look()

    def finish(self) -> None:
        def done() -> bool:
            self.recovery.look()
            return self.progress.done and not self.letters.missing

        self.progress.until(done, 60)

    def send_again(self) -> None:
        """All dead letters, what they left out included; they are as bad as before."""
        here = self._machine.here
        redrive = Redrive(here.access, here.topics, here.codec, rate=1000.0)
        done = redrive.run(Wanted(kind="undecodable"))
        self.counts["sent again"] += done.total
        self.progress.until(lambda: len(self.letters.redriven) >= len(self.letters.sent), 60)

    # --- what cannot be read ------------------------------------------------------------------------------------

    def _broken(self, event: Json, what: str, text: str, *, left_out: bool = False) -> None:
        """A good event that has lost its end."""
        topic = self._machine.here.topics.events("togai")
        value = encode(_noted(event, text))[:-1]
        self._sent(Raw(topic, _key(event), value, (("x", b"1"),)), Poison(what, value, "not_json"), left_out=left_out)

    def _broken_command(self, text: str) -> None:
        value = text.encode()
        topic = self._machine.here.topics.commands("zohobooks")
        self._sent(Raw(topic, BOOKS.encode(), value), Poison("a command of 2 MB", value, "not_json"))

    def _sent(self, raw: Raw, poison: Poison, *, left_out: bool = False) -> None:
        self.letters.add(self._producer.send([raw]), [Sent(raw, poison, left_out=left_out)])
        self.counts[poison.name] += 1
        self.recovery.injected()

    # --- what is turned away ------------------------------------------------------------------------------------

    def _post_too_much(self, event: Json) -> None:
        """HTTP says so, and nothing is on a topic: its id is that of an event that is there once."""
        answer = self._http(_noted(event, self._text(5 * MB)))
        if answer.status_code != httpx.codes.REQUEST_ENTITY_TOO_LARGE or "bytes" not in answer.text:
            self._found(f"HTTP answers {answer.status_code} to 5 MB: {answer.text[:200]}")
        self.counts["5 MB over HTTP"] += 1

    def _by_command(self, event: Json, text: str) -> None:
        """`pipeline send` names the line, and sends the others."""
        lines = [encode(_noted(event, text) | {"id": "too-large"}), encode(event)]
        done = self._machine.pipeline("send", "-", stdin="\n".join(line.decode() for line in lines))
        if done.returncode != Exit.SOME_FAILED or "line 1: too_large" not in done.stdout + done.stderr:
            self._found(f"`pipeline send` ends with {done.returncode} for 5 MB: {(done.stdout + done.stderr)[-300:]}")
        self.counts["5 MB by pipeline send"] += 1

    def _found(self, finding: str) -> None:
        self.tally += Tally(unresolved=1, findings=(finding,))

    # --- what is large and good ---------------------------------------------------------------------------------

    def _post(self, event: Json, text: str) -> None:
        answer = self._http(_noted(event, text))
        if answer.status_code != httpx.codes.ACCEPTED:
            self._found(f"HTTP answers {answer.status_code} to a good event of 3 MB: {answer.text[:200]}")
        self.counts["a good event of 3 MB over HTTP"] += 1

    def _send(self, event: Json, text: str) -> None:
        value = encode(_noted(event, text))
        self._producer.send([Raw(self._machine.here.topics.events("togai"), _key(event), value)])
        self.counts["a good event of 5 MB"] += 1

    def _http(self, event: Json) -> httpx.Response:
        headers = {"content-type": "application/cloudevents+json"}
        return httpx.post(f"{self._machine.gateway}/events", content=encode(event), headers=headers, timeout=30)

    def _text(self, size: int, *, few: bool = False) -> str:
        """Of `size` characters; of random ones unless `few`, which compress to little."""
        if few:
            return self._rng.choice(string.ascii_letters) * size
        return self._rng.randbytes(size // 2).hex()


def _noted(event: Json, text: str) -> Json:
    return event | {"data": event["data"] | {"notes": text}}


def _key(event: Json) -> bytes:
    return f"{event['connection']}/{event['party']}".encode()


FAULTS = (Fault("large", 8, run),)
