"""Data for an Avro schema that takes every branch of it: each side of a union, lists and maps empty and filled."""

from __future__ import annotations

from io import BytesIO
from itertools import cycle, islice
from typing import Any

import fastavro
from fastavro import schemaless_reader, schemaless_writer

_PLAIN: dict[str, list[Any]] = {
    "null": [None],
    "boolean": [True, False],
    "int": [0, -1],
    "long": [0, 2**40],
    "float": [0.5],
    "double": [0.25],
    "bytes": [b"", b"\x00\xff"],
    "string": ["", "text"],
}


def specimens(schema: Any, named: dict[str, Any] | None = None, doc: str = "") -> list[Any]:
    """`doc` is the field's: there our schemas say what a text holds."""
    named = {} if named is None else named
    if isinstance(schema, list):
        return [each for branch in schema for each in specimens(branch, named, doc)]
    if isinstance(schema, str):
        return specimens(named[schema], named) if schema in named else _text(schema, doc)
    match schema["type"]:
        case "record":
            named[f"{schema.get('namespace', 'pipeline')}.{schema['name']}"] = schema
            fields = {f["name"]: specimens(f["type"], named, f.get("doc", "")) for f in schema["fields"]}
            most = max(map(len, fields.values()), default=1)
            return [
                dict(zip(fields, values, strict=True))
                for values in islice(zip(*map(cycle, fields.values()), strict=True), most)
            ]
        case "array":
            # Two of each: in our records a list within a list is a pair.
            inner = [each for each in specimens(schema["items"], named) if each != []]
            return [[], list(islice(cycle(inner), 2))]
        case "map":
            return [{}, {"key": specimens(schema["values"], named)[-1]}]
        case plain:
            return specimens(plain, named, doc)


def _text(kind: str, doc: str) -> list[Any]:
    if kind == "string" and doc == "JSON text":
        return ["{}"]
    if kind == "string" and doc.startswith("One of: "):
        return doc.removeprefix("One of: ").split(", ")
    return _PLAIN[kind]


def written(schema: Any, datum: Any) -> bytes:
    out = BytesIO()
    schemaless_writer(out, fastavro.parse_schema(schema), datum)
    return out.getvalue()


def unreadable(writer: Any, reader: Any) -> str:
    """What a reader of `reader` trips over in data of `writer`, by Avro's resolution rules; "" where in nothing."""
    parsed = fastavro.parse_schema(reader)
    for datum in specimens(writer):
        try:
            schemaless_reader(BytesIO(written(writer, datum)), fastavro.parse_schema(writer), parsed)
        except Exception as error:  # fastavro raises what the data make it trip over
            return f"{type(error).__name__}: {error}"
    return ""
