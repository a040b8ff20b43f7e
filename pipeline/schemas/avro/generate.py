"""The Avro schema of a record, from its Struct."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import inspect as shape

from pipeline.schemas import envelope, records

NAMESPACE = "pipeline"

RECORDS: tuple[type[msgspec.Struct], ...] = (
    envelope.Event,
    records.Step,
    records.Command,
    records.Decision,
    records.Result,
    records.LedgerRow,
    records.Mapping,
    records.ConnectionState,
    records.Connection,
    records.FlowVersion,
    records.Link,
    records.Shadow,
    records.DeadLetter,
)
"""What the topics hold, and so what has a schema file of its own."""

Schema = Any
"""An Avro schema as Python data: a name, a list (a union) or a dict."""

_PLAIN: dict[type[shape.Type], Schema] = {
    shape.StrType: "string",
    shape.IntType: "long",
    shape.FloatType: "double",
    shape.BoolType: "boolean",
    shape.BytesType: "bytes",
    shape.DateTimeType: {"type": "long", "logicalType": "timestamp-micros"},
}


def schema_of(record: type[msgspec.Struct]) -> Schema:
    """The whole schema, nested records written out at their first use. Raises TypeError for a shape without a rule."""
    return _Writer().record(record)


def is_json_text(kind: shape.Type) -> bool:
    """Whether a field of this type travels as JSON text: `Any`, and dicts that hold more than strings."""
    return isinstance(kind, shape.AnyType) or (
        isinstance(kind, shape.DictType) and not isinstance(kind.value_type, shape.StrType)
    )


def is_pair(kind: shape.Type) -> bool:
    """Whether the type is a (name, value) tuple, which travels as a record with `key` and `value`."""
    return isinstance(kind, shape.TupleType) and len(kind.item_types) == 2 and kind.item_types[0] == shape.StrType()


def optional(kind: shape.UnionType) -> shape.Type:
    """The one type beside None in a union. Raises TypeError where there are more."""
    rest = [one for one in kind.types if not isinstance(one, shape.NoneType)]
    if len(rest) != 1:
        raise TypeError(f"no Avro rule for a union of {len(rest)} types")
    return rest[0]


class _Writer:
    """Writes one schema file; remembers which named types it has written out."""

    def __init__(self) -> None:
        self.written: set[str] = set()

    def record(self, record: type[msgspec.Struct]) -> Schema:
        def fields() -> list[Schema]:
            info = shape.type_info(record)
            assert isinstance(info, shape.StructType)
            return [self.field(record, field) for field in info.fields]

        return self.named(record.__name__, inspect.getdoc(record) or "", fields)

    def named(self, name: str, doc: str, fields: Callable[[], list[Schema]]) -> Schema:
        if name in self.written:
            return f"{NAMESPACE}.{name}"
        self.written.add(name)
        summary = " ".join(doc.split("\n\n", maxsplit=1)[0].split())
        return {"type": "record", "name": name, "namespace": NAMESPACE, "doc": summary, "fields": fields()}

    def field(self, record: type[msgspec.Struct], field: shape.Field) -> Schema:
        kind = field.type
        schema: dict[str, Schema] = {"name": field.encode_name, "type": self.kind(record, field.encode_name, kind)}
        inner = optional(kind) if isinstance(kind, shape.UnionType) else kind
        if is_json_text(inner):
            schema["doc"] = "JSON text"
        elif isinstance(inner, shape.EnumType):
            schema["doc"] = "One of: " + ", ".join(member.value for member in inner.cls)
        if not field.required:
            schema["default"] = self.default(field)
        return schema

    def default(self, field: shape.Field) -> Any:
        value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
        if value is not None and is_json_text(field.type):
            text = msgspec.json.encode(value).decode()
            # Apicurio Registry takes "{}" for an object that somebody quoted, and refuses what it makes of that.
            return "{ }" if text == "{}" else text
        return msgspec.to_builtins(value)

    def kind(self, record: type[msgspec.Struct], name: str, kind: shape.Type) -> Schema:
        if isinstance(kind, shape.AnyType):
            return ["null", "string"]
        if is_json_text(kind) or isinstance(kind, shape.EnumType):
            return "string"
        if isinstance(kind, shape.UnionType):
            return ["null", self.kind(record, name, optional(kind))]
        if isinstance(kind, shape.StructType):
            return self.record(kind.cls)
        if isinstance(kind, shape.DictType):
            return {"type": "map", "values": "string"}
        if isinstance(kind, shape.ListType):
            return {"type": "array", "items": self.kind(record, name, kind.item_type)}
        if isinstance(kind, shape.TupleType):
            return self.several(record, name, kind)
        return _PLAIN[type(kind)]

    def several(self, record: type[msgspec.Struct], name: str, kind: shape.TupleType) -> Schema:
        if is_pair(kind):
            value = self.kind(record, name, kind.item_types[1])
            fields = [{"name": "key", "type": "string"}, {"name": "value", "type": value}]
            return self.named(f"{record.__name__}{name.capitalize()}", f"One of {name}.", lambda: fields)
        if len(set(map(type, kind.item_types))) != 1:
            raise TypeError(f"no Avro rule for the tuple {record.__name__}.{name}")
        return {"type": "array", "items": self.kind(record, name, kind.item_types[0])}
