"""Secrets made to be found again, and the search for them: in every form in which one could have been written down."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus

from confluent_kafka import Message

from pipeline.cli.installation import Installation
from pipeline.errors import Undecodable
from pipeline.kafka.messages import readable_headers_of
from pipeline.operations.reader import Scan, scan
from pipeline.schemas.records import DeadLetter


def canary(name: str) -> str:
    """A value that nothing else holds. Its signs change in URLs, and its end is no shape that is known for a token."""
    return f"cnry-{name}/{base64.b32encode(name.encode() * 2).decode().rstrip('=').lower()}+x"


@dataclass
class Canaries:
    """Values by name. `found` tells each that occurs in a text, in whatever form."""

    values: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, value: str = "") -> str:
        self.values[name] = value or canary(name)
        return self.values[name]

    def found(self, place: str, text: bytes) -> list[str]:
        low = text.lower()
        return [
            f"{name} as {form} in {place}: ...{_around(low, bytes_)!r}..."
            for name, value in self.values.items()
            for form, bytes_ in forms(value)
            if bytes_ in low
        ]


def forms(value: str) -> Iterator[tuple[str, bytes]]:
    """Each in lower case. Of base64 there are three: by where in its text the value begins."""
    raw = value.encode()
    yield "plain text", raw.lower()
    yield "JSON", json.dumps(value)[1:-1].replace("/", "\\/").encode().lower()
    for escape in (quote, quote_plus):
        yield "URL-encoded", escape(value, safe="").encode().lower()
    yield "hex", raw.hex().encode()
    for offset in range(3):
        for name, encode in (("base64", base64.b64encode), ("base64 of URLs", base64.urlsafe_b64encode)):
            # What the neighbours of the value leave untouched: whole groups of three bytes.
            inner = encode(b"\0" * offset + raw)[(4 if offset else 0) :]
            yield name, inner[: len(inner) // 4 * 4 - 4].lower()


def _around(text: bytes, part: bytes) -> bytes:
    at = text.index(part)
    return text[max(0, at - 60) : at + len(part) + 20]


def in_files(canaries: Canaries, files: Iterable[Path]) -> list[str]:
    return [found for file in files for found in canaries.found(file.name, file.read_bytes())]


def in_texts(canaries: Canaries, texts: Mapping[str, str]) -> list[str]:
    return [found for place, text in texts.items() for found in canaries.found(place, text.encode())]


def in_topics(canaries: Canaries, here: Installation) -> tuple[list[str], int]:
    """Keys, values and headers of all records of the installation; what dead letters hold is looked into as well."""
    found, records = [], 0
    for spec in here.topics.specs():
        for message in scan(here.access, Scan(spec.name)):
            records += 1
            found += canaries.found(f"{spec.name} at {message.offset()}", b"\n".join(_parts(here, message)))
    return found, records


def _parts(here: Installation, message: Message) -> Iterator[bytes]:
    yield message.key() or b""
    yield message.value() or b""
    for name, value in readable_headers_of(message):
        yield name.encode()
        yield value or b""
    if message.topic() == here.topics.dead_letters:
        try:
            letter = here.codec.decode(DeadLetter, message.value() or b"")
        except Undecodable:
            return
        yield letter.value or b""
        for name, held in letter.headers:
            yield name.encode() + b": " + (held or b"")
