"""Between a record's Struct and the datum that fastavro reads and writes: compiled once a type, plain calls after."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import inspect as info

from pipeline.schemas.avro.generate import is_json_text, is_pair, optional

Step = Callable[[Any], Any]
"""What is done to a value on its way; None where it passes as it is."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(float_hook=Decimal).decode


def dumper(record: type[msgspec.Struct]) -> Step:
    """A function from an instance to its datum."""
    step = _dump(info.type_info(record))
    assert step is not None
    return step


def loader(record: type[msgspec.Struct]) -> Step:
    """A function from a datum to an instance. Accepts data of foreign schemas: what is no JSON text passes as it is.

    Raises `msgspec.ValidationError` where the datum is not the record's shape, ValueError where a text is no JSON.
    """
    mend = _load(info.type_info(record)) or _same

    def load(datum: Any) -> Any:
        return msgspec.convert(mend(datum), record)

    return load


def _same(value: Any) -> Any:
    return value


def _to_text(value: Any) -> str | None:
    return None if value is None else _encode(value).decode()


def _from_text(value: Any) -> Any:
    return _decode(value) if isinstance(value, str) else value


def _dump(kind: info.Type) -> Step | None:
    if is_json_text(kind):
        return _to_text
    if isinstance(kind, info.UnionType):
        return _unless_none(_dump(optional(kind)))
    if isinstance(kind, info.StructType):
        fields = [(field.encode_name, field.name, _dump(field.type)) for field in kind.fields]

        def record(value: Any) -> dict[str, Any]:
            return {
                name: getattr(value, attribute) if step is None else step(getattr(value, attribute))
                for name, attribute, step in fields
            }

        return record
    if isinstance(kind, info.ListType):
        return _each(_dump(kind.item_type))
    if is_pair(kind):
        return lambda pair: {"key": pair[0], "value": pair[1]}
    return None


def _load(kind: info.Type) -> Step | None:
    if is_json_text(kind):
        return _from_text
    if isinstance(kind, info.UnionType):
        return _unless_none(_load(optional(kind)))
    if isinstance(kind, info.StructType):
        found = [(field.encode_name, _load(field.type)) for field in kind.fields]
        fields = [(name, step) for name, step in found if step is not None]

        def record(datum: Any) -> Any:
            if isinstance(datum, dict):
                for name, step in fields:
                    if name in datum:
                        datum[name] = step(datum[name])
            return datum

        return record if fields else None
    if isinstance(kind, info.ListType):
        return _each(_load(kind.item_type))
    if is_pair(kind):
        return lambda pair: (pair["key"], pair["value"]) if isinstance(pair, dict) and "value" in pair else pair
    return None


def _unless_none(step: Step | None) -> Step | None:
    return None if step is None else (lambda value: None if value is None else step(value))


def _each(step: Step | None) -> Step | None:
    return None if step is None else (lambda values: [step(value) for value in values])
