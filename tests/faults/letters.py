"""Whether each record that cannot be taken has one dead letter, which holds all of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.schemas.records import DeadLetter
from tests.e2e.machine import Machine
from tests.faults.fault import Tally
from tests.faults.poisons import Poison
from tests.faults.raw import Place, Raw


@dataclass(frozen=True, slots=True)
class Sent:
    """A record that was sent, and what its dead letter has to say.

    `headers_lost`: no client can read them. `left_out`: its value is more than a dead letter can hold.
    """

    raw: Raw
    poison: Poison
    headers_lost: bool = False
    left_out: bool = False


@dataclass
class Letters:
    """Of one machine. `sent` by where the records lie."""

    machine: Machine
    sent: dict[Place, Sent] = field(default_factory=dict)

    def add(self, places: list[Place], sent: list[Sent]) -> None:
        self.sent |= dict(zip(places, sent, strict=True))

    @property
    def missing(self) -> int:
        return len(self.sent.keys() - self._found().keys())

    def judge(self) -> Tally:
        """All have exactly one, whole and with its cause; nothing else has one."""
        found = self._found()
        missing = [place for place in self.sent if place not in found]
        twice = {place: letters for place, letters in found.items() if len(letters) > 1}
        strange = [letter for place, letters in found.items() if place not in self.sent for letter in letters]
        wrong = [what for place, sent in self.sent.items() for what in self._wrong(sent, found.get(place, []))]
        findings = [
            *(f"lost: no dead letter for {self.sent[place].poison.name} at {place}" for place in missing),
            *(f"duplicates: {len(letters)} dead letters of {place}" for place, letters in twice.items()),
            *(f"lost: a dead letter that nobody sent: {each.topic} {each.offset} {each.cause}" for each in strange),
            *(f"lost: {what}" for what in wrong),
        ]
        return Tally(
            events=len(self.sent),
            lost=len(missing) + len(strange) + len(wrong),
            duplicates=sum(len(letters) - 1 for letters in twice.values()),
            findings=tuple(findings[:20]),
        )

    def _found(self) -> Mapping[Place, list[DeadLetter]]:
        found: dict[Place, list[DeadLetter]] = {}
        for letter in self.machine.record.dead_letters:
            found.setdefault((letter.topic, letter.partition, letter.offset), []).append(letter)
        return found

    def _wrong(self, sent: Sent, letters: list[DeadLetter]) -> list[str]:
        wrong = []
        for letter in letters:
            raw, poison, cause = sent.raw, sent.poison, letter.cause
            headers = [] if sent.headers_lost else list(raw.headers)
            if sent.left_out and not _tells(letter, raw):
                wrong.append(
                    f"{poison.name}: its dead letter does not tell precisely what it left out: {cause.message}"
                )
            if (letter.key, letter.value) != (raw.key, None if sent.left_out else raw.value):
                wrong.append(f"{poison.name}: the dead letter's key or bytes are not those that were sent")
            if letter.headers != headers:
                wrong.append(f"{poison.name}: headers {letter.headers}, not {headers}")
            if (cause.kind, cause.code) != (poison.kind, poison.code) or not cause.message:
                wrong.append(f"{poison.name}: its cause is {cause}, not {poison.kind} {poison.code}")
        return wrong


def _tells(letter: DeadLetter, raw: Raw) -> bool:
    """How much it is, by which digest it can be known, and where it stays."""
    value, message = raw.value or b"", letter.cause.message
    place = f"{letter.topic}[{letter.partition}]@{letter.offset}"
    return all(part in message for part in (f"{len(value)} bytes", hashlib.sha256(value).hexdigest(), place))
