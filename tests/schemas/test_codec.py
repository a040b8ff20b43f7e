"""The codec: what goes in comes out, in every form; what is broken gets its own code."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import fastavro
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import Undecodable
from pipeline.schemas.avro.files import SchemaFiles
from pipeline.schemas.avro.generate import RECORDS
from pipeline.schemas.codec import Codec, Headers, build_codec
from pipeline.schemas.envelope import Event
from pipeline.schemas.records import Connection, Mapping, ObjectRef, Result
from pipeline.schemas.topics import Topics
from pipeline.settings import Encoding, Settings
from tests.schemas.strategies import JSON, records

TOPICS = Topics("", 1, ("togai", "zohobooks"))
JSON_CODEC = Codec(Encoding.JSON)
AVRO_CODEC = Codec(Encoding.AVRO)
EVENT = Event(
    id="1",
    source="togai/main",
    type="togai.account.created",
    subject="acme",
    time=datetime(2024, 8, 3, tzinfo=UTC),
    data={"id": "acme", "n": 1, "tags": ["a", None]},
    hint=True,
)


def single_object(record: msgspec.Struct) -> bytes:
    return AVRO_CODEC.encode(record)


# --- round trips ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", [JSON_CODEC, AVRO_CODEC], ids=["json", "avro"])
@pytest.mark.parametrize("record", RECORDS)
@given(data=st.data())
def test_every_record_comes_back_as_it_went(codec: Codec, record: type[msgspec.Struct], data: st.DataObject) -> None:
    value = data.draw(records(record))
    encoded = codec.encode(value)
    assert JSON_CODEC.decode(record, encoded) == value
    assert AVRO_CODEC.decode(record, encoded) == value


@given(value=JSON, codec=st.sampled_from([JSON_CODEC, AVRO_CODEC]))
def test_an_event_is_read_from_either_encoding(value: Any, codec: Codec) -> None:
    event = msgspec.structs.replace(EVENT, data=value)
    assert JSON_CODEC.decode_event(codec.encode(event)) == event


def test_what_is_emitted_follows_the_setting() -> None:
    json_settings, avro_settings = Settings(encoding=Encoding.JSON), Settings(encoding=Encoding.AVRO)
    assert build_codec(json_settings, TOPICS).encode(EVENT).startswith(b"{")
    assert build_codec(avro_settings, TOPICS).encode(EVENT).startswith(b"\xc3\x01")


def test_single_object_encoding_is_marker_fingerprint_and_datum() -> None:
    encoded = single_object(EVENT)
    stored = SchemaFiles().current("Event")
    assert encoded[2:10] == stored.mark
    datum: Any = fastavro.schemaless_reader(io.BytesIO(encoded[10:]), stored.parsed, None)
    assert datum["subject"] == "acme"
    assert json.loads(datum["data"]) == EVENT.data


@pytest.mark.parametrize("codec", [JSON_CODEC, AVRO_CODEC], ids=["json", "avro"])
def test_a_decimal_travels_as_a_string_and_loses_no_digit(codec: Codec) -> None:
    amount = Decimal("1138.70000000000000000001")
    settings = codec.decode(Connection, codec.encode(Connection(id="c", app="togai", settings={"n": amount}))).settings
    assert settings == {"n": "1138.70000000000000000001"}


def test_a_json_number_with_a_fraction_is_read_as_the_decimal_it_shows() -> None:
    event = JSON_CODEC.decode_event(b'{"type":"togai.x","data":{"total":1138.70,"n":3}}')
    assert event.data == {"total": Decimal("1138.70"), "n": 3}
    assert str(event.data["total"]) == "1138.70"


def test_unknown_attributes_of_an_event_pass() -> None:
    assert JSON_CODEC.decode_event(b'{"type":"togai.x","comfy":true}').type == "togai.x"


# --- how events may arrive --------------------------------------------------------------------------------------------


def test_binary_mode_takes_the_attributes_from_the_headers() -> None:
    headers: Headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"7"),
        ("ce_type", b"togai.account.created"),
        ("ce_source", b"togai/main"),
        ("ce_time", b"2024-08-03T00:00:00Z"),
        ("ce_hint", b"true"),
        ("content-type", b"application/json"),
        ("traceparent", b"00-1-2-01"),
    ]
    event = JSON_CODEC.decode_event(b'{"id":"acme","balance":1.50}', headers)
    assert event == Event(
        id="7",
        type="togai.account.created",
        source="togai/main",
        time=datetime(2024, 8, 3, tzinfo=UTC),
        hint=True,
        traceparent="00-1-2-01",
        data={"id": "acme", "balance": Decimal("1.50")},
    )


def test_headers_of_others_may_hold_any_bytes() -> None:
    headers = [("ce_type", b"togai.account.created"), ("b3", b"\xff\xfe"), ("empty", None)]

    assert JSON_CODEC.decode_event(b'{"id": "a"}', headers).type == "togai.account.created"


def test_binary_mode_may_carry_avro() -> None:
    ref = ObjectRef(app="togai", type="account", id="acme")
    event = JSON_CODEC.decode_event(single_object(Mapping(other=ref)), [("ce_type", b"togai.x")])
    assert event.data["other"] == {"app": "togai", "type": "account", "id": "acme"}


def test_headers_without_ce_leave_the_value_in_structured_mode() -> None:
    assert JSON_CODEC.decode_event(b'{"type":"togai.x"}', [("traceparent", b"00-1-2-01")]).type == "togai.x"


def test_base64_data_is_opened() -> None:
    event = JSON_CODEC.decode_event(b'{"type":"togai.x","data_base64":"eyJhIjoxLjV9"}')
    assert event.data == {"a": Decimal("1.5")}


def test_the_key_tells_the_party_only_where_nothing_else_does() -> None:
    key = b"main/acme"
    assert JSON_CODEC.decode_event(b'{"type":"togai.x"}', None, key).party == "acme"
    assert JSON_CODEC.decode_event(b'{"type":"togai.x","party":"other"}', None, key).party == "other"
    assert JSON_CODEC.decode_event(b'{"type":"togai.x","data":{}}', None, key).party == ""


def test_a_batch_is_an_array_or_one_event() -> None:
    assert [event.id for event in JSON_CODEC.decode_events(b' [{"type":"a.b","id":"1"},{"type":"a.b","id":"2"}]')] == [
        "1",
        "2",
    ]
    assert [event.id for event in JSON_CODEC.decode_events(b'{"type":"a.b","id":"1"}')] == ["1"]


# --- broken input -----------------------------------------------------------------------------------------------------

CUT = single_object(EVENT)[:-3]
BROKEN: list[tuple[str, bytes | None, str]] = [
    ("no value", None, "empty"),
    ("an empty value", b"", "empty"),
    ("text", b"hello", "not_json"),
    ("cut JSON", b'{"type":"togai.x"', "not_json"),
    ("bad UTF-8", b'{"type":"\xff"}', "not_json"),
    ("a number beyond Decimal", b'{"type":"togai.x","data":1e9999999999999999999}', "not_json"),
    ("nesting without end", b'{"data":' + b"[" * 100_000 + b"}", "not_json"),
    ("an array", b"[1]", "not_an_envelope"),
    ("a JSON string", b'"x"', "not_an_envelope"),
    ("no type", b'{"id":"1"}', "not_an_envelope"),
    ("an older CloudEvents", b'{"type":"togai.x","specversion":"0.3"}', "not_an_envelope"),
    ("a number as id", b'{"type":"togai.x","id":7}', "wrong_type"),
    ("a time that is none", b'{"type":"togai.x","time":"today"}', "wrong_type"),
    ("base64 that is none", b'{"type":"togai.x","data_base64":"?"}', "wrong_type"),
    ("an unknown first byte", b"\x05abc", "wrong_magic_byte"),
    ("half a marker", b"\xc3\x02abc", "wrong_magic_byte"),
    ("a fingerprint nobody has", b"\xc3\x0101234567rest", "unknown_schema"),
    ("a schema id without a registry", b"\x00\x00\x00\x00\x07rest", "no_registry"),
    ("a cut schema id", b"\x00\x00", "bad_avro"),
    ("a cut Avro record", CUT, "bad_avro"),
    ("bytes after the Avro record", single_object(EVENT) + b"x", "bad_avro"),
    ("Avro of another record", single_object(Connection(id="c", app="togai")), "not_an_envelope"),
]


@pytest.mark.parametrize(("value", "code"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_each_broken_form_gets_its_own_code(value: bytes | None, code: str) -> None:
    with pytest.raises(Undecodable) as caught:
        JSON_CODEC.decode_event(value)
    assert caught.value.code == code
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("codec", [JSON_CODEC, AVRO_CODEC], ids=["json", "avro"])
def test_a_record_of_another_type_is_a_wrong_type(codec: Codec) -> None:
    with pytest.raises(Undecodable) as caught:
        JSON_CODEC.decode(Result, codec.encode(Connection(id="c", app="togai")))
    assert caught.value.code == "wrong_type"


def test_a_text_field_of_avro_that_holds_no_json_is_bad_avro() -> None:
    stored = SchemaFiles().current("Event")
    out = io.BytesIO()
    fastavro.schemaless_writer(out, stored.parsed, {"type": "togai.x", "data": "{"})
    with pytest.raises(Undecodable) as caught:
        JSON_CODEC.decode_event(b"\xc3\x01" + stored.mark + out.getvalue())
    assert caught.value.code == "bad_avro"


def test_a_bad_header_of_binary_mode_is_a_wrong_type() -> None:
    with pytest.raises(Undecodable) as caught:
        JSON_CODEC.decode_event(b"{}", [("ce_type", b"togai.x"), ("ce_time", b"today")])
    assert caught.value.code == "wrong_type"


@given(st.binary(max_size=64) | st.binary(max_size=64).map(lambda tail: single_object(EVENT)[:10] + tail))
def test_no_bytes_raise_anything_but_undecodable(value: bytes) -> None:
    for read in (JSON_CODEC.decode_event, JSON_CODEC.decode_events, lambda raw: JSON_CODEC.decode(Result, raw)):
        with suppress(Undecodable):
            read(value)
