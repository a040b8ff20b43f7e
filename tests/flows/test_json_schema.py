"""The published JSON Schemas: what the catalogue is made of is valid, and what is misspelt is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from pipeline.apps.registry import load_apps
from pipeline.flows.files import cases_beside, flow_files
from pipeline.flows.json_schema import cases_schema, flow_schema

FOLDER = Path(__file__).parents[2] / "configs" / "flows"
CONTACTS = FOLDER / "togai-account-to-zohobooks-contact.yaml"


def faults(schema: dict[str, Any], value: Any) -> list[str]:
    Draft202012Validator.check_schema(schema)
    return [error.message for error in Draft202012Validator(schema).iter_errors(value)]


@pytest.mark.parametrize("file", flow_files(FOLDER), ids=lambda file: file.stem)
def test_flows_of_the_catalogue_and_their_tests_are_valid(file: Path) -> None:
    assert faults(flow_schema(load_apps()), yaml.safe_load(file.read_text(encoding="utf-8"))) == []
    assert faults(cases_schema(), yaml.safe_load(cases_beside(file).read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("trigger", "event", "account.creatd"),
        ("trigger", "app", "tgai"),
        ("", "typ", "outbound"),
        ("", "type", "sideways"),
    ],
)
def test_what_is_misspelt_is_not(part: str, key: str, value: str) -> None:
    flow = yaml.safe_load(CONTACTS.read_text(encoding="utf-8"))
    (flow[part] if part else flow)[key] = value
    assert faults(flow_schema(load_apps()), flow)


def test_an_action_of_another_app_is_not_valid() -> None:
    flow = yaml.safe_load(CONTACTS.read_text(encoding="utf-8"))
    flow["actions"][0]["action"] = "put_setting"
    assert faults(flow_schema(load_apps()), flow)


@pytest.mark.parametrize(("name", "made"), [("flow", lambda: flow_schema(load_apps())), ("flow-tests", cases_schema)])
def test_what_is_published_is_what_is_installed(name: str, made: Callable[[], dict[str, Any]]) -> None:
    """Write it anew by `pipeline flows schema` (and `--tests`) when a trigger, an action or a shape changed."""
    published = FOLDER.parent / "schemas" / f"{name}.schema.json"
    assert json.loads(published.read_text(encoding="utf-8")) == made()
