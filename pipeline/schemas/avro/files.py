"""The schema files: written from the Structs, read by name and by fingerprint."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import fastavro
from fastavro.schema import fingerprint, to_parsing_canonical_form

from pipeline.schemas.avro.generate import RECORDS, schema_of

FOLDER = Path(__file__).parent
RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class StoredSchema:
    """A schema file: `mark` is its CRC-64-AVRO fingerprint, 8 bytes little-endian, as single-object encoding has it.

    `text` is the schema as JSON on one line, docs and defaults included, as registries take it.
    """

    name: str
    text: str
    mark: bytes
    parsed: Any


class SchemaFiles:
    """Our schemas, current and retired; read from the folder at the first look-up."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder

    def current(self, record: str) -> StoredSchema:
        """The schema that records are written under. Raises KeyError for a name without a file."""
        return self._current[record]

    def marked(self, mark: bytes) -> StoredSchema | None:
        """The schema with this fingerprint, retired ones included."""
        return self._marked.get(mark)

    @cached_property
    def _current(self) -> dict[str, StoredSchema]:
        return {found.name: found for found in map(read, self._folder.glob("*.avsc"))}

    @cached_property
    def _marked(self) -> dict[bytes, StoredSchema]:
        retired = map(read, (self._folder / RETIRED).glob("*.avsc"))
        return {found.mark: found for found in (*retired, *self._current.values())}


def read(file: Path) -> StoredSchema:
    schema = json.loads(file.read_text(encoding="utf-8"))
    text = json.dumps(schema, separators=(",", ":"))
    return StoredSchema(schema["name"], text, _mark(schema), fastavro.parse_schema(schema))


def rendered() -> Iterator[tuple[str, str]]:
    """File name and text of every record's schema, as the Structs are now."""
    for record in RECORDS:
        yield f"{record.__name__}.avsc", json.dumps(schema_of(record), indent=2) + "\n"


def write(folder: Path = FOLDER) -> list[str]:
    """Write what changed and give the names; a schema whose fingerprint changed is kept in `retired/`."""
    changed = []
    for name, text in rendered():
        file = folder / name
        if file.exists():
            before = file.read_text(encoding="utf-8")
            if before == text:
                continue
            _retire(file, before, text)
        file.write_text(text, encoding="utf-8")
        changed.append(name)
    return changed


def _retire(file: Path, before: str, after: str) -> None:
    mark = _mark(json.loads(before))
    if mark != _mark(json.loads(after)):
        retired = file.parent / RETIRED
        retired.mkdir(exist_ok=True)
        (retired / f"{file.stem}.{mark.hex()}.avsc").write_text(before, encoding="utf-8")


def _mark(schema: Any) -> bytes:
    return bytes.fromhex(fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO"))
