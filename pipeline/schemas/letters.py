"""Dead letters as bytes: whole where a record can hold them, else with a note of what they had to leave out."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from pipeline.schemas.codec import Codec
from pipeline.schemas.records import DeadLetter
from pipeline.schemas.topics import LARGE_RECORD

_ROOM = 64 * 1024
"""Bytes of a record batch that are neither key nor value, and more."""
_LEFT_OUT = "too large for a dead letter: its"
_SAID = 4_000
"""Characters of a cause: some say all that they did not like."""


def encode_letter(letter: DeadLetter, codec: Codec, largest: int = LARGE_RECORD - _ROOM) -> tuple[bytes | None, bytes]:
    """Key and value of its record, of at most `largest` bytes together.

    What does not fit is left out, the largest part first. Then the cause tells its size and digest, and where the
    whole record stays: in the topic it came from, from which `pipeline redrive` takes it.
    """
    if len(letter.cause.message) > _SAID:
        letter = _said(letter, letter.cause.message[:_SAID] + "…")
    value = codec.encode(letter)
    while len(value) + len(letter.key or b"") > largest and (part := _largest(letter)):
        letter = _without(letter, part)
        value = codec.encode(letter)
    return letter.key, value


def is_whole(letter: DeadLetter) -> bool:
    """Whether it holds the whole record."""
    return _LEFT_OUT not in letter.cause.message


def _largest(letter: DeadLetter) -> str:
    """The name of the part that takes most, "" where none is left."""
    sizes = {
        "value": len(letter.value or b""),
        "headers": sum(len(name) + len(value or b"") for name, value in letter.headers),
        "key": len(letter.key or b""),
    }
    part = max(sizes, key=lambda name: sizes[name])
    return part if sizes[part] else ""


def _without(letter: DeadLetter, part: str) -> DeadLetter:
    held: Any = getattr(letter, part)
    raw = held if isinstance(held, bytes) else msgspec.json.encode(held)
    place = f"{letter.topic}[{letter.partition}]@{letter.offset}"
    left_out = (
        f"{letter.cause.message}; {_LEFT_OUT} {part} of {len(raw)} bytes "
        f"(SHA-256 {hashlib.sha256(raw).hexdigest()}), which stays at {place}"
    )
    return msgspec.structs.replace(_said(letter, left_out), **{part: [] if part == "headers" else None})


def _said(letter: DeadLetter, message: str) -> DeadLetter:
    return msgspec.structs.replace(letter, cause=msgspec.structs.replace(letter.cause, message=message))
