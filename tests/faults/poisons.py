"""Every wrong form that a record may have: bytes, headers and the code that its dead letter must carry."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from pipeline.sandbox.wire import Json, encode
from tests.faults.raw import Headers
from tests.faults.schema_registry import NONSENSE, PROTOBUF, UNKNOWN, in_avro, in_confluent

DEEP = 10_000


@dataclass(frozen=True, slots=True)
class Poison:
    """What is wrong with it, and how; `kind` and `code` are those of the cause of its dead letter."""

    name: str
    value: bytes | None
    code: str
    headers: Headers = ()
    kind: str = "undecodable"


Make = Callable[[Json, random.Random], Poison]
"""From a good event."""


def draw_bytes(good: bytes, rng: random.Random) -> Poison:
    """For topics whose records are our own: what no record of theirs can be."""
    name = rng.choice(sorted(RECORD_POISONS))
    value, code = RECORD_POISONS[name](good, rng)
    return with_headers(Poison(name, value, code), rng)


def with_headers(poison: Poison, rng: random.Random) -> Poison:
    """Repeated names, none and empty values, bytes that are no text."""
    if rng.random() < 0.5:
        return poison
    more: Headers = (("x", rng.randbytes(rng.randint(0, 8))), ("x", None), ("redrive", b"often"), ("", b""))
    return replace(poison, headers=poison.headers + more[: rng.randint(1, len(more))])


def _changed(**changed: object) -> Callable[[Json], bytes]:
    """The event with other attributes; None leaves one out."""
    return lambda event: encode({name: value for name, value in (event | changed).items() if value is not None})


def _with_data(event: Json, raw: bytes) -> bytes:
    """The event with `raw` as its data, whatever it is."""
    return encode(event | {"data": "HERE"}).replace(b'"HERE"', raw)


def _cut(good: bytes, rng: random.Random) -> bytes:
    return good[: rng.randint(1, len(good) - 1)]


def _wrong_type(event: Json, rng: random.Random) -> bytes:
    wrong: Mapping[str, object] = {
        "id": 5,
        "source": ["togai"],
        "time": "yesterday",
        "hint": "perhaps",
        "subject": {"id": "x"},
        "party": 1.5,
        "traceparent": False,
    }
    name = rng.choice(sorted(wrong))
    return encode(event | {name: wrong[name]})


def _wrong_magic(rng: random.Random) -> bytes:
    first = rng.choice([*range(0x01, 0x09), *range(0x0E, 0x20), *range(0x80, 0xC3), *range(0xC4, 0xEF), 0xFF])
    return bytes([first]) + rng.randbytes(20)


def _in_binary_mode(event: Json, **headers: bytes) -> Headers:
    names = ("specversion", "id", "source", "type", "subject")
    plain = {f"ce_{name}": str(event[name]).encode() for name in names}
    return tuple((plain | headers).items())


BYTES: dict[str, Callable[[bytes, random.Random], tuple[bytes | None, str]]] = {
    "cut JSON": lambda good, rng: (_cut(good, rng), "not_json"),
    "a BOM": lambda good, _: (b"\xef\xbb\xbf" + good, "not_json"),
    "UTF-16": lambda good, _: (good.decode().encode("utf-16"), "wrong_magic_byte"),
    "empty": lambda _, __: (b"", "empty"),
    "a null value": lambda _, __: (None, "empty"),
    "plain text": lambda _, rng: (rng.choice([b"hello", b"<event/>", b"id: 1\n"]), "not_json"),
    "an array": lambda good, _: (b"[" + good + b"]", "not_an_envelope"),
    "a number": lambda _, rng: (str(rng.randint(0, 10**9)).encode(), "not_an_envelope"),
    "a wrong magic byte": lambda _, rng: (_wrong_magic(rng), "wrong_magic_byte"),
    "an unknown fingerprint": lambda _, rng: (b"\xc3\x01" + rng.randbytes(8) + b"rest", "unknown_schema"),
    "Avro without an end": lambda _, __: (b"\xc3\x01\x00", "unknown_schema"),
    "two objects": lambda good, _: (good + good, "not_json"),
    "nothing but blanks": lambda _, __: (b" \r\n\t", "not_json"),
}
"""Of records of any kind."""

RECORD_POISONS: dict[str, Callable[[bytes, random.Random], tuple[bytes | None, str]]] = {
    **BYTES,
    "of another shape": lambda _, __: (b'{"hello": "world"}', "wrong_type"),
    "of wrong types": lambda good, _: (good.replace(b'"run":', b'"run":5,"ran":', 1), "wrong_type"),
}
"""Of those that we write ourselves: commands and steps."""

EVENTS: dict[str, Callable[[Json, random.Random], tuple[bytes, str]]] = {
    "bytes that are no UTF-8": lambda event, _: (_with_data(event, b'"\xff\xfe"'), "not_json"),
    "NaN": lambda event, rng: (_with_data(event, rng.choice([b"NaN", b"Infinity", b"-Infinity"])), "not_json"),
    "an exponent without end": lambda event, _: (_with_data(event, b'{"total":1e99999999999999999999}'), "not_json"),
    "an integer of 5000 digits": lambda event, _: (_with_data(event, b'{"total":' + b"9" * 5000 + b"}"), "wrong_type"),
    "nested 10,000 deep": lambda event, _: (_with_data(event, b"[" * DEEP + b"]" * DEEP), "not_json"),
    "half a surrogate pair": lambda event, _: (_with_data(event, b'"\\ud800 "'), "not_json"),
    "a comma too many": lambda event, _: (encode(event)[:-1] + b",}", "not_json"),
    "wrong types": lambda event, rng: (_wrong_type(event, rng), "wrong_type"),
    "an old CloudEvent": lambda event, _: (_changed(specversion="0.3")(event), "not_an_envelope"),
    "no type": lambda event, _: (_changed(type=None)(event), "not_an_envelope"),
    "duplicate keys": lambda event, _: (encode(event)[:-1] + b',"type":"slack.message.sent"}', "unknown_app"),
    "an unknown trigger": lambda event, _: (_changed(type="togai.account.exploded")(event), "unknown_trigger"),
    "no connection": lambda event, _: (_changed(connection=None, source="somewhere")(event), "no_connection"),
    "no subject": lambda event, _: (_changed(subject=None, data={"name": "x"})(event), "no_subject"),
    "data_base64 that is none": lambda event, _: (_changed(data=None, data_base64="%%%")(event), "wrong_type"),
    "truncated Avro": lambda event, rng: (_cut_behind(in_avro(event), 10, rng), "bad_avro"),
    "Avro with a rest": lambda event, _: (in_avro(event) + b"\x00", "bad_avro"),
    "truncated Confluent": lambda event, rng: (_cut_behind(in_confluent(event), 5, rng), "bad_avro"),
    "no schema id": lambda _, rng: (b"\x00" + rng.randbytes(rng.randint(0, 3)), "bad_avro"),
    "an unknown schema id": lambda event, _: (in_confluent(event, UNKNOWN), "unknown_schema"),
    "a schema that is no Avro": lambda event, rng: (
        in_confluent(event, rng.choice([PROTOBUF, NONSENSE])),
        "unknown_schema",
    ),
}

BINARY: dict[str, Make] = {
    "binary mode with XML": lambda event, _: Poison(
        "", b"<account/>", "not_json", (*_in_binary_mode(event), ("content-type", b"application/xml"))
    ),
    "binary mode with a bad header": lambda event, _: Poison(
        "", encode(event["data"]), "wrong_type", _in_binary_mode(event, ce_subject=b"\xff\xfe")
    ),
    "binary mode with a wrong time": lambda event, _: Poison(
        "", encode(event["data"]), "wrong_type", _in_binary_mode(event, ce_time=b"noon")
    ),
    "binary mode of an unknown app": lambda event, _: Poison(
        "", encode(event["data"]), "unknown_app", _in_binary_mode(event, ce_type=b"slack.message.sent")
    ),
}

UNDECIDABLE: dict[str, Make] = {
    "an unknown connection": lambda event, _: Poison(
        "", _changed(connection="nobody", source="togai/nobody")(_new(event, "stranger")), "", kind="failed"
    ),
    "an object of another shape": lambda event, rng: Poison(
        "",
        encode(_new(event, "shape", rng) | {"data": event["data"] | {"name": ["x"], "id": ["y"]}}),
        "",
        kind="failed",
    ),
}
"""These can be read, and not decided: they have a decision that says so besides their dead letter."""


def _new(event: Json, what: str, rng: random.Random | None = None) -> Json:
    return event | {"id": f"{what}-{event['id']}-{rng.getrandbits(32) if rng else ''}"}


def _cut_behind(good: bytes, header: int, rng: random.Random) -> bytes:
    return good[: rng.randint(header, len(good) - 1)]


def _of_bytes(make: Callable[[bytes, random.Random], tuple[bytes | None, str]]) -> Make:
    return lambda event, rng: Poison("", *make(encode(event), rng))


def _of_event(make: Callable[[Json, random.Random], tuple[bytes, str]]) -> Make:
    return lambda event, rng: Poison("", *make(event, rng))


EVENT_POISONS: dict[str, Make] = {
    **{name: _of_bytes(make) for name, make in BYTES.items()},
    **{name: _of_event(make) for name, make in EVENTS.items()},
    **BINARY,
    **UNDECIDABLE,
}

_PLAIN = re.compile(r"[^a-z0-9]+")


def label(name: str) -> str:
    """A poison's name as a word, for counts."""
    return _PLAIN.sub("-", name.lower()).strip("-")
