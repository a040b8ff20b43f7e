"""Schemas change so that readers of today read records of every day before (BACKWARD_TRANSITIVE)."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

from pipeline.schemas.avro import files
from pipeline.schemas.avro.generate import RECORDS
from pipeline.schemas.codec import SINGLE_OBJECT, Codec
from tests.schemas.specimens import specimens, unreadable, written

EARLIER = sorted((files.FOLDER / files.RETIRED).glob("*.avsc"))


def current(name: str) -> Any:
    return json.loads((files.FOLDER / f"{name}.avsc").read_text())


def earlier(file: Path) -> tuple[str, Any]:
    """The record's name, and its schema as it was."""
    return file.name.partition(".")[0], json.loads(file.read_text())


def registered(schema: Any) -> Schema:
    """As a registry takes it; earlier schemas had a default that Apicurio trips over (`generate.default`)."""
    return Schema(json.dumps(schema).replace('"{}"', '"{ }"'), "AVRO")


def named(file: Path) -> str:
    return file.stem


@pytest.mark.parametrize("file", EARLIER, ids=named)
def test_records_of_every_earlier_schema_are_read_by_the_one_of_today(file: Path) -> None:
    name, schema = earlier(file)
    assert unreadable(schema, current(name)) == ""


@pytest.mark.parametrize("file", EARLIER, ids=named)
def test_our_codec_reads_records_of_every_earlier_schema(file: Path) -> None:
    name, schema = earlier(file)
    record = next(each for each in RECORDS if each.__name__ == name)
    for datum in specimens(schema):
        assert Codec().decode(record, SINGLE_OBJECT + files.read(file).mark + written(schema, datum))


@pytest.mark.parametrize("file", EARLIER, ids=named)
def test_an_earlier_schema_is_kept_as_it_was(file: Path) -> None:
    assert file.stem.partition(".")[2] == files.read(file).mark.hex(), "what was released is never edited"


# --- what must not be done --------------------------------------------------------------------------------------------


def _field_of(schema: Any, name: str) -> Any:
    return next(field for field in schema["fields"] if field["name"] == name)


def _new_field_without_default(schema: Any) -> None:
    schema["fields"].append({"name": "tenant", "type": "string"})


def _another_type(schema: Any) -> None:
    _field_of(schema, "party")["type"] = "long"


def _never_null(schema: Any) -> None:
    field = _field_of(schema, "started")
    field["type"] = {"type": "long", "logicalType": "timestamp-micros"}
    field["default"] = 0


def _another_name(schema: Any) -> None:
    _field_of(schema, "command")["name"] = "command_id"


def _new_field_of_a_nested_record(schema: Any) -> None:
    nested = next(kind for kind in _field_of(schema, "object")["type"] if isinstance(kind, dict))
    nested["fields"].append({"name": "url", "type": "string"})


FORBIDDEN: tuple[Callable[[Any], None], ...] = (
    _new_field_without_default,
    _another_type,
    _never_null,
    _another_name,
    _new_field_of_a_nested_record,
)


def changed(change: Callable[[Any], None]) -> Any:
    schema = deepcopy(current("Result"))
    change(schema)
    return schema


@pytest.mark.parametrize("change", FORBIDDEN, ids=lambda change: change.__name__)
def test_a_change_that_readers_of_today_could_not_follow_is_found(change: Callable[[Any], None]) -> None:
    assert unreadable(current("Result"), changed(change)) != ""


def test_a_registry_that_demands_backward_transitive_takes_all_our_versions_and_none_of_those_changes(
    schema_registry: str, topic_prefix: str
) -> None:
    with SchemaRegistryClient({"url": schema_registry}) as client:
        for name, schema in map(earlier, EARLIER):
            client.register_schema(f"{topic_prefix}{name}", registered(schema))
        client.register_schema(f"{topic_prefix}Result", registered(current("Result")))
        for name in {"Result", *(name for name, _ in map(earlier, EARLIER))}:
            client.set_compatibility(f"{topic_prefix}{name}", "BACKWARD_TRANSITIVE")
            client.register_schema(f"{topic_prefix}{name}", registered(current(name)))
        taken = {
            change.__name__: client.test_compatibility_all_versions(
                f"{topic_prefix}Result", registered(changed(change))
            )
            for change in FORBIDDEN
        }
    assert not any(taken.values()), taken
