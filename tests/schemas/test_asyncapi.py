"""docs/asyncapi.yaml is what the models say, is AsyncAPI 3, and describes what the codec writes."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from pipeline.schemas.asyncapi import document, rendered
from pipeline.schemas.codec import Codec
from pipeline.schemas.contents import contents_of
from pipeline.schemas.topics import Topics
from pipeline.settings import Settings
from tests.schemas.strategies import records

REPOSITORY = Path(__file__).parents[2]
TOPICS = Topics("", Settings.model_fields["partitions"].default, ("togai", "zohobooks"))
DOCUMENT = document(TOPICS)
SPECIFICATION = "@asyncapi/specs@6.11.1"
"""The specification's own JSON Schemas, from the npm registry."""


def test_the_checked_in_document_is_what_the_models_say() -> None:
    checked_in = (REPOSITORY / "docs" / "asyncapi.yaml").read_text(encoding="utf-8")
    assert checked_in == rendered(TOPICS), "run `pipeline topics asyncapi > docs/asyncapi.yaml`"


def test_every_topic_that_is_not_private_is_a_channel() -> None:
    addresses = {channel["address"] for channel in DOCUMENT["channels"].values()}
    assert addresses == {content.topic for content in contents_of(TOPICS) if not content.private}
    assert {spec.name for spec in TOPICS.specs()} == {content.topic for content in contents_of(TOPICS)}


def test_every_reference_leads_somewhere() -> None:
    references = list(_references(DOCUMENT))
    assert len(references) > 50
    for reference in references:
        found: Any = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        assert found


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for each in value.values():
            yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)


@pytest.fixture(scope="module")
def specification() -> Draft7Validator:
    """Kept in the state directory from run to run."""
    npm, folder = shutil.which("npm"), REPOSITORY / ".state" / "npm"
    if npm is None:
        pytest.skip("the AsyncAPI specification's JSON Schema comes from npm, which is not here")
    file = folder / "node_modules" / "@asyncapi" / "specs" / "schemas" / "3.0.0-without-$id.json"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        install = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts"]
        done = subprocess.run([*install, SPECIFICATION], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"npm does not give {SPECIFICATION}: {done.stderr[-300:]}")
    return Draft7Validator(json.loads(file.read_text(encoding="utf-8")))


def test_the_document_follows_the_specification(specification: Draft7Validator) -> None:
    loaded = yaml.safe_load((REPOSITORY / "docs" / "asyncapi.yaml").read_text(encoding="utf-8"))
    assert [f"{each.json_path}: {each.message[:200]}" for each in specification.iter_errors(loaded)] == []


@pytest.mark.parametrize("broken", [{"operations": {"a": {"action": "emit"}}}, {"channels": {"a": 1}}, {"info": {}}])
def test_the_specification_refuses_what_is_none(specification: Draft7Validator, broken: dict[str, Any]) -> None:
    assert not specification.is_valid({**DOCUMENT, **broken})


RECORDS = list({record.__name__: record for content in contents_of(TOPICS) for record in content.records}.values())


@pytest.mark.parametrize("record", [each for each in RECORDS if each.__name__ in DOCUMENT["components"]["messages"]])
@settings(max_examples=20)
@given(data=st.data())
def test_what_the_codec_writes_follows_the_message_of_its_channel(
    record: type[msgspec.Struct], data: st.DataObject
) -> None:
    schema = {"$ref": f"#/components/schemas/{record.__name__}", "components": DOCUMENT["components"]}
    written = json.loads(Codec().encode(data.draw(records(record))))
    Draft7Validator(schema).validate(written)
