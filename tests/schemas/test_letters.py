"""A dead letter holds the whole record, or says precisely what it could not hold."""

from __future__ import annotations

import hashlib

from pipeline.schemas.codec import Codec
from pipeline.schemas.letters import encode_letter
from pipeline.schemas.records import Cause, DeadLetter

CODEC = Codec()


def letter(**parts: object) -> DeadLetter:
    known = {"topic": "togai.events", "partition": 2, "offset": 17, "cause": Cause(kind="undecodable", message="why")}
    return DeadLetter(**{**known, **parts})  # type: ignore[arg-type]


def test_what_fits_is_held_whole() -> None:
    whole = letter(key=b"k", value=b"v" * 5000, headers=[("h", b"1"), ("h", None)])

    key, value = encode_letter(whole, CODEC, largest=10_000)

    assert key == b"k"
    assert CODEC.decode(DeadLetter, value) == whole


def test_a_value_that_does_not_fit_is_told_by_size_digest_and_place() -> None:
    raw = b"v" * 20_000

    key, value = encode_letter(letter(key=b"k", value=raw, headers=[("h", b"1")]), CODEC, largest=10_000)

    kept = CODEC.decode(DeadLetter, value)
    assert (key, kept.key, kept.value, kept.headers) == (b"k", b"k", None, [("h", b"1")])
    assert kept.cause.message.startswith("why; too large for a dead letter: its value of 20000 bytes")
    assert hashlib.sha256(raw).hexdigest() in kept.cause.message
    assert "togai.events[2]@17" in kept.cause.message


def test_headers_and_a_key_that_do_not_fit_go_before_a_value_that_does() -> None:
    big = letter(key=b"k" * 9_000, value=b"v", headers=[("h", b"x" * 20_000)])

    key, value = encode_letter(big, CODEC, largest=10_000)

    kept = CODEC.decode(DeadLetter, value)
    assert (key, kept.key, kept.value, kept.headers) == (None, None, b"v", [])
    assert "its headers of" in kept.cause.message
    assert "its key of 9000 bytes" in kept.cause.message


def test_a_cause_without_end_is_cut() -> None:
    _, value = encode_letter(letter(cause=Cause(kind="failed", message="x" * 50_000)), CODEC, largest=10_000)

    assert len(CODEC.decode(DeadLetter, value).cause.message) < 5_000
