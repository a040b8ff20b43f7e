"""Bytes to records and back. JSON and both Avro framings are read; what we emit is JSON or Avro by a setting.

Avro is written in the Confluent wire format where there is a registry, but for private topics (`schemas.contents`).

What arrives is recognised by its first byte: ``{`` is JSON, 0x00 the Confluent wire format (4 bytes of schema id, big
endian, resolved by the registry), 0xC3 0x01 Avro's single-object encoding (8 bytes of fingerprint, our own schemas).
Money travels as decimal strings in JSON; JSON numbers with a fraction are read as Decimal.

Codes of `Undecodable`: ``empty``, ``not_json``, ``not_an_envelope``, ``wrong_type``, ``wrong_magic_byte``,
``unknown_schema``, ``no_registry``, ``bad_avro``; `apps.incoming` adds those of an event that cannot be placed.
https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
https://avro.apache.org/docs/1.12.0/specification/#single-object-encoding
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from io import BytesIO
from typing import Any, NamedTuple, TypeVar

import msgspec
from fastavro import schemaless_reader, schemaless_writer

from pipeline.errors import Undecodable
from pipeline.schemas.avro import generate, shape
from pipeline.schemas.avro.files import SchemaFiles
from pipeline.schemas.contents import subjects_of
from pipeline.schemas.envelope import Event
from pipeline.schemas.registry import SchemaRegistry
from pipeline.schemas.registry_client import RegistryAccess
from pipeline.schemas.topics import Topics
from pipeline.settings import Encoding, Settings

Headers = Sequence[tuple[str, bytes | None]]
Record = TypeVar("Record", bound=msgspec.Struct)

BRACE = ord("{")
BRACKET = ord("[")
WHITESPACE = b" \t\r\n"
CONFLUENT = 0x00
SINGLE_OBJECT = b"\xc3\x01"

_BROKEN = (ValueError, ArithmeticError, RecursionError)
"""What decoding bad JSON raises: msgspec's own errors, bad UTF-8, numbers beyond Decimal, nesting without end."""


class Codec:
    """Decodes and encodes for one process. Thread-safe but for the first look-up of a schema, which may run twice."""

    def __init__(
        self,
        encoding: Encoding = Encoding.JSON,
        registry: SchemaRegistry | None = None,
        subjects: Mapping[type[msgspec.Struct], Sequence[str]] | None = None,
    ) -> None:
        """`subjects`: where the schema of each record is registered; the others travel in single-object encoding."""
        self._avro = encoding is Encoding.AVRO
        self._registry = registry
        self._subjects = subjects or {}
        self._files = SchemaFiles()
        self._encode = msgspec.json.Encoder().encode
        self._any = msgspec.json.Decoder(float_hook=Decimal)
        self._event = msgspec.json.Decoder(Event, float_hook=Decimal)
        self._events = msgspec.json.Decoder(list[Event], float_hook=Decimal)
        self._decoders: dict[type, msgspec.json.Decoder[Any]] = {}
        self._loaders: dict[type, shape.Step] = {}
        self._writers: dict[type[msgspec.Struct], _Writer] = {}
        self.event_content_type = b"application/cloudevents+avro" if self._avro else b"application/cloudevents+json"
        """Of the `content-type` header that goes with an event in structured mode."""

    def ready(self) -> None:
        """Ask the registry for all that writing needs, so that nothing is asked for an event.

        To be called before work begins. Raises `ConfigurationError` for what a person has to mend, and `Retry` while
        the registry cannot be asked: then nothing may be taken in yet.
        """
        if self._registry is not None:
            self._registry.check()
        if self._avro:
            self._prepare(generate.RECORDS)

    # --- events, as producers send them ---------------------------------------------------------------------------

    def decode_event(self, value: bytes | None, headers: Headers | None = None, key: bytes | None = None) -> Event:
        """One event in structured or binary mode, not yet completed. Raises `Undecodable`; `Retry` by the registry.

        `key` (``connection/party``) tells the party only where neither an attribute nor any data does.
        """
        if headers:
            for name, _ in headers:
                if name.startswith("ce_"):
                    return _enveloped(self._binary(value, headers), key)
        if not value:
            raise Undecodable("empty", "the record has no value")
        if value[0] == BRACE:
            try:
                event = self._event.decode(value)
            except _BROKEN as error:
                raise _explained(error) from error
            if event.data is None and b'"data_base64"' in value:
                event = self._with_base64(event, value)
        else:
            event = self.decode(Event, value)
        return _enveloped(event, key)

    def decode_events(self, body: bytes) -> list[Event]:
        """One event or a JSON array of them (CloudEvents batch mode). Raises `Undecodable` for the whole of it."""
        stripped = body.lstrip(WHITESPACE)
        if stripped[:1] != b"[":
            return [self.decode_event(stripped)]
        try:
            return [_enveloped(event, None) for event in self._events.decode(stripped)]
        except _BROKEN as error:
            raise _explained(error) from error

    def _binary(self, value: bytes | None, headers: Headers) -> Event:
        attributes: dict[str, Any] = {}
        try:
            for name, raw in headers:
                # Other headers are not ours to read: they may hold any bytes.
                if name.startswith("ce_"):
                    attributes[name[3:].lower()] = _text(raw)
                elif name == "traceparent":
                    attributes.setdefault("traceparent", _text(raw))
                elif name.lower() == "content-type":
                    attributes["datacontenttype"] = _text(raw)
            attributes.pop("data", None)
            event = msgspec.convert(attributes, Event, strict=False)
        except _BROKEN as error:
            raise Undecodable("wrong_type", f"a ce_ header does not hold what CloudEvents says: {error}") from error
        return msgspec.structs.replace(event, data=self._payload(value)) if value else event

    def _payload(self, value: bytes) -> Any:
        if value[0] == CONFLUENT or value[:2] == SINGLE_OBJECT:
            return self._datum(value)
        try:
            return self._any.decode(value)
        except _BROKEN as error:
            raise _explained(error) from error

    def _with_base64(self, event: Event, value: bytes) -> Event:
        try:
            raw = b64decode(self._any.decode(value)["data_base64"], validate=True)
        except (*_BROKEN, TypeError) as error:
            raise Undecodable("wrong_type", "data_base64 is not base64") from error
        return msgspec.structs.replace(event, data=self._payload(raw)) if raw else event

    # --- every record of the topics -------------------------------------------------------------------------------

    def decode(self, record: type[Record], value: bytes) -> Record:
        """A record of a topic that we write, in any form. Raises `Undecodable`; `Retry` by the registry."""
        first = value[0] if value else None
        if first == CONFLUENT or value[:2] == SINGLE_OBJECT:
            return self._from_avro(record, value)
        if first is None:
            raise Undecodable("empty", "the record has no value")
        if (first < 0x20 and first not in WHITESPACE) or 0x80 <= first != 0xEF:
            raise Undecodable(
                "wrong_magic_byte", f"the value starts with 0x{first:02x}: neither JSON nor a known Avro framing"
            )
        decoder = self._decoders.get(record)
        if decoder is None:
            decoder = self._decoders[record] = msgspec.json.Decoder(record, float_hook=Decimal)
        try:
            return decoder.decode(value)  # type: ignore[no-any-return]
        except _BROKEN as error:
            raise _explained(error) from error

    def encode(self, record: msgspec.Struct) -> bytes:
        """JSON, or Avro, by the setting. Raises what `ready` does where that was not called."""
        if not self._avro:
            return self._encode(record)
        writer = self._writers.get(type(record))
        if writer is None:
            self._prepare([type(record)])
            writer = self._writers[type(record)]
        out = BytesIO()
        out.write(writer.prefix)
        schemaless_writer(out, writer.schema, writer.dump(record))
        return out.getvalue()

    def _prepare(self, records: Iterable[type[msgspec.Struct]]) -> None:
        """In the Confluent wire format where there is a registry for it, else in single-object encoding."""
        stored = {record: self._files.current(record.__name__) for record in records}
        ids: dict[type[msgspec.Struct], int] = {}
        registered = [record for record in stored if record in self._subjects]
        if self._registry is not None and registered:
            wanted = [(stored[record].text, self._subjects[record]) for record in registered]
            ids = dict(zip(registered, self._registry.ids_of(wanted), strict=True))
        for record, schema in stored.items():
            id_ = ids.get(record)
            prefix = SINGLE_OBJECT + schema.mark if id_ is None else bytes([CONFLUENT]) + id_.to_bytes(4, "big")
            self._writers[record] = _Writer(prefix, schema.parsed, shape.dumper(record))

    def _from_avro(self, record: type[Record], value: bytes) -> Record:
        datum = self._datum(value)
        loader = self._loaders.get(record)
        if loader is None:
            loader = self._loaders[record] = shape.loader(record)
        try:
            return loader(datum)  # type: ignore[no-any-return]
        except msgspec.ValidationError as error:
            raise Undecodable("wrong_type", f"the Avro record is no {record.__name__}: {error}") from error
        except _BROKEN as error:
            raise Undecodable("bad_avro", f"a text field of the Avro record holds no JSON: {error}") from error

    def _datum(self, value: bytes) -> Any:
        if value[0] == CONFLUENT:
            schema, start = self._registered(value), 5
        else:
            schema, start = self._stored(value), 10
        source = BytesIO(value)
        source.seek(start)
        try:
            datum = schemaless_reader(source, schema, None)
        except Exception as error:  # fastavro's readers raise whatever the bytes make them trip over
            raise Undecodable("bad_avro", f"the bytes do not follow their schema: {error!r}") from error
        if source.tell() != len(value):
            raise Undecodable("bad_avro", f"{len(value) - source.tell()} bytes are left after the Avro record")
        return datum

    def _registered(self, value: bytes) -> Any:
        if len(value) < 5:
            raise Undecodable("bad_avro", "the Confluent wire format needs a schema id of 4 bytes")
        id_ = int.from_bytes(value[1:5], "big")
        if self._registry is None:
            raise Undecodable("no_registry", f"the record has schema id {id_}: set SCHEMA_REGISTRY_URL to resolve it")
        return self._registry.schema(id_)

    def _stored(self, value: bytes) -> Any:
        mark = value[2:10]
        stored = self._files.marked(mark)
        if stored is None:
            raise Undecodable("unknown_schema", f"no schema of ours has the fingerprint {mark.hex()}")
        return stored.parsed


class _Writer(NamedTuple):
    prefix: bytes
    schema: Any
    dump: shape.Step


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode()


def build_codec(settings: Settings, topics: Topics) -> Codec:
    """The codec of a process. Opens nothing. Raises `ConfigurationError` for registry settings that contradict."""
    url = settings.schema_registry_url
    registry = SchemaRegistry(RegistryAccess.of(url), register=settings.register_schemas) if url else None
    return Codec(settings.encoding, registry, subjects_of(topics))


def _enveloped(event: Event, key: bytes | None) -> Event:
    if not event.type:
        raise Undecodable("not_an_envelope", "the record is no CloudEvent: it has no `type`")
    if event.specversion != "1.0":
        raise Undecodable("not_an_envelope", f"CloudEvents 1.0 is needed, not {event.specversion!r}")
    if key and not event.party and event.data is None:
        party = key.decode(errors="replace").partition("/")[2]
        return msgspec.structs.replace(event, party=party) if party else event
    return event


def _explained(error: Exception) -> Undecodable:
    """`wrong_type` for JSON of another shape (`not_an_envelope` where it is no object at all), else `not_json`."""
    text = str(error)
    if isinstance(error, msgspec.ValidationError):
        at_root = text.startswith("Expected `object`") and " - at " not in text
        return Undecodable("not_an_envelope" if at_root else "wrong_type", f"the JSON has another shape: {text}")
    if isinstance(error, RecursionError):
        text = "it nests too deeply"
    return Undecodable("not_json", f"the value is no JSON: {text}")
