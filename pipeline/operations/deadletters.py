"""Dead letters: what could not be decoded, decided or booked, and which of them have the same cause."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from pipeline.errors import Undecodable
from pipeline.kafka.clients import KafkaAccess
from pipeline.operations.reader import Scan, scan
from pipeline.schemas.codec import Codec
from pipeline.schemas.records import DeadLetter
from pipeline.schemas.topics import Topics

_PARTICULAR = re.compile(r"'[^']*'|\"[^\"]*\"|\S*\d\S*")
"""Quoted texts, and words with a digit: the ids, names and sums in which messages of one cause differ."""


def fingerprint(letter: DeadLetter) -> str:
    """8 hex digits over stage, cause and the message without its particulars: equal causes, equal fingerprint."""
    cause = letter.cause
    general = _PARTICULAR.sub("…", cause.message)
    parts = "\n".join((letter.stage, cause.kind, cause.code, general))
    return hashlib.blake2b(parts.encode(), digest_size=4).hexdigest()


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which dead letters; empty fields are not asked for. `group` is a fingerprint; the times bound `seen`."""

    group: str = ""
    kind: str = ""
    code: str = ""
    stage: str = ""
    topic: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def takes(self, letter: DeadLetter) -> bool:
        asked = (
            (self.kind, letter.cause.kind),
            (self.code, letter.cause.code),
            (self.stage, letter.stage),
            (self.topic, letter.topic),
        )
        if any(value and value != found for value, found in asked):
            return False
        if letter.seen is not None and (
            (self.since is not None and letter.seen < self.since)
            or (self.until is not None and letter.seen >= self.until)
        ):
            return False
        return not self.group or self.group == fingerprint(letter)


@dataclass(frozen=True, slots=True)
class Group:
    """Dead letters of one cause. `sample` is the newest message."""

    fingerprint: str
    stage: str
    kind: str
    code: str
    sample: str
    count: int
    first: datetime | None
    last: datetime | None


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """Reads the topic; each question is one scan."""

    access: KafkaAccess
    topics: Topics
    codec: Codec

    def letters(self, wanted: Wanted) -> Iterator[DeadLetter]:
        for message in scan(self.access, Scan(self.topics.dead_letters)):
            try:
                letter = self.codec.decode(DeadLetter, message.value() or b"")
            except Undecodable as error:
                structlog.get_logger().warning("a dead letter cannot be read", offset=message.offset(), code=error.code)
                continue
            if wanted.takes(letter):
                yield letter

    def groups(self, wanted: Wanted) -> list[Group]:
        """The most frequent cause first."""
        found: dict[str, Group] = {}
        for letter in self.letters(wanted):
            name = fingerprint(letter)
            before = found.get(name)
            if before is None:
                cause = letter.cause
                before = Group(name, letter.stage, cause.kind, cause.code, "", 0, letter.seen, None)
            found[name] = replace(before, count=before.count + 1, last=letter.seen, sample=letter.cause.message)
        return sorted(found.values(), key=lambda group: (-group.count, group.fingerprint))
