"""The schema files: they are what the Structs say, and old ones stay readable."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import fastavro
import pytest

from pipeline.schemas.avro import files
from pipeline.schemas.avro.files import SchemaFiles
from pipeline.schemas.avro.generate import RECORDS, schema_of
from pipeline.schemas.records import DeadLetter, Result


@pytest.mark.parametrize(("name", "text"), [*files.rendered()], ids=[record.__name__ for record in RECORDS])
def test_a_checked_in_schema_is_what_its_struct_says(name: str, text: str) -> None:
    assert (files.FOLDER / name).read_text() == text, "run `python -m pipeline.schemas.avro`"


def test_every_file_belongs_to_a_record() -> None:
    assert {file.stem for file in files.FOLDER.glob("*.avsc")} == {record.__name__ for record in RECORDS}


def test_the_fingerprint_is_the_one_of_the_specification() -> None:
    """Of `"null"` it is 0x63dd24e7cc258f8a in the specification's own test data; little-endian on the wire."""
    assert files._mark("null") == (0x63DD24E7CC258F8A).to_bytes(8, "little")


def test_every_schema_has_a_fingerprint_of_its_own() -> None:
    marks = {SchemaFiles().current(record.__name__).mark for record in RECORDS}
    assert len(marks) == len(RECORDS)


def test_a_schema_is_found_by_its_fingerprint_and_no_other_is() -> None:
    stored = SchemaFiles().current("Result")
    assert SchemaFiles().marked(stored.mark) == stored
    assert SchemaFiles().marked(b"01234567") is None


def test_an_enumeration_is_a_string_whose_doc_lists_the_values() -> None:
    status = next(field for field in schema_of(Result)["fields"] if field["name"] == "status")
    assert status["type"] == "string"
    assert "unchanged" in status["doc"]


def test_a_default_of_the_struct_is_the_default_of_the_schema() -> None:
    fields = {field["name"]: field for field in schema_of(Result)["fields"]}
    assert fields["output"]["default"] == "{ }"
    assert fields["settled"]["default"] == "none"
    assert fields["cause"]["default"] is None
    assert "default" not in fields["command"]


def test_a_changed_schema_stays_readable_under_its_old_fingerprint(tmp_path: Path) -> None:
    files.write(tmp_path)
    older = json.loads((tmp_path / "DeadLetter.avsc").read_text())
    older["fields"] = [field for field in older["fields"] if field["name"] != "stage"]
    (tmp_path / "DeadLetter.avsc").write_text(json.dumps(older))
    mark = SchemaFiles(tmp_path).current("DeadLetter").mark

    assert files.write(tmp_path) == ["DeadLetter.avsc"]

    kept = SchemaFiles(tmp_path).marked(mark)
    assert kept is not None
    assert kept.mark != SchemaFiles(tmp_path).current("DeadLetter").mark
    assert files.write(tmp_path) == []


def test_a_schema_is_accepted_by_avro() -> None:
    parsed: Any = fastavro.parse_schema(schema_of(DeadLetter))
    assert parsed["name"] == "pipeline.DeadLetter"
