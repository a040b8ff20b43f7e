"""Whether each record that cannot be taken has one dead letter, which holds all of it."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.schemas.letters import is_whole
from pipeline.schemas.records import REDRIVE, DeadLetter, redrive_rounds
from tests.e2e.machine import Machine
from tests.faults.fault import Tally
from tests.faults.poisons import Poison
from tests.faults.raw import Headers, Place, Raw


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
            if not redrive_rounds(letter.headers):
                found.setdefault((letter.topic, letter.partition, letter.offset), []).append(letter)
        return found

    # --- sent again ---------------------------------------------------------------------------------------------

    @property
    def redriven(self) -> list[DeadLetter]:
        """Of records that were sent again, and are as bad as before."""
        return [letter for letter in self.machine.record.dead_letters if redrive_rounds(letter.headers)]

    def judge_redriven(self) -> Tally:
        """Each came again once: the same key, bytes and headers, and one header more."""
        more = (REDRIVE, b"1")
        wanted = Counter(_digest(s.raw.key, s.raw.value, (*s.raw.headers, more)) for s in self.sent.values())
        came = Counter(_digest_of(letter) for letter in self.redriven)
        missing, strange = wanted - came, came - wanted
        findings = [f"lost: {count} sent again did not come as they were" for count in [missing.total()] if count]
        findings += [f"duplicates: {count} came again that were not sent" for count in [strange.total()] if count]
        return Tally(lost=missing.total(), duplicates=strange.total(), findings=tuple(findings))

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


def _digest(key: bytes | None, value: bytes | None, headers: Headers) -> tuple[bytes | None, str, Headers]:
    return key, hashlib.sha256(value or b"").hexdigest(), headers


def _digest_of(letter: DeadLetter) -> tuple[bytes | None, str, Headers]:
    """What it left out is known by the digest that it tells."""
    headers = tuple(letter.headers)
    if is_whole(letter):
        return _digest(letter.key, letter.value, headers)
    told = re.search(r"its value of \d+ bytes \(SHA-256 ([0-9a-f]{64})\)", letter.cause.message)
    return letter.key, told.group(1) if told else "", headers


def _tells(letter: DeadLetter, raw: Raw) -> bool:
    """How much it is, by which digest it can be known, and where it stays."""
    value, message = raw.value or b"", letter.cause.message
    place = f"{letter.topic}[{letter.partition}]@{letter.offset}"
    return all(part in message for part in (f"{len(value)} bytes", hashlib.sha256(value).hexdigest(), place))
