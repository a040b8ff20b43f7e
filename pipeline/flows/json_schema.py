"""The JSON Schemas of flow files and of their tests, for editors: completion and errors while one writes.

They say the shape, with the apps, triggers and actions that are installed. What the parts mean together, only the check
of the pipeline knows. https://json-schema.org/draft/2020-12
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from pipeline.apps.base import App
from pipeline.flows.cases import Cases
from pipeline.flows.model import FlowSpec

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def flow_schema(apps: Mapping[str, App]) -> dict[str, Any]:
    """Of a flow file."""
    schema = {"$schema": DRAFT, **FlowSpec.model_json_schema(), "title": "A flow"}
    parts = schema["$defs"]
    parts["TriggerSpec"]["allOf"] = [
        _when(name, {"event": {"enum": list(app.triggers)}}) for name, app in apps.items() if app.triggers
    ]
    parts["ActionSpec"]["allOf"] = [_when(name, {"action": {"enum": list(app.actions)}}) for name, app in apps.items()]
    parts["ActionSpec"]["allOf"] += [
        _when(name, {"input": {"properties": _inputs(action.input)}}, action=action.name)
        for name, app in apps.items()
        for action in app.actions.values()
    ]
    for part in ("TriggerSpec", "ActionSpec"):
        parts[part]["properties"]["app"]["enum"] = list(apps)
    return schema


def cases_schema() -> dict[str, Any]:
    """Of a file of tests."""
    return {"$schema": DRAFT, **Cases.model_json_schema(), "title": "Tests of a flow"}


def _when(app: str, then: Mapping[str, Any], **more: str) -> dict[str, Any]:
    asked = {"app": app, **more}
    return {
        "if": {"properties": {name: {"const": value} for name, value in asked.items()}, "required": list(asked)},
        "then": {"properties": dict(then)},
    }


def _inputs(input: type[msgspec.Struct]) -> dict[str, Any]:
    """The fields of an action's input. Values are templates, so only their names are said."""
    return {field.encode_name: {} for field in msgspec.structs.fields(input)}
