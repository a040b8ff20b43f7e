"""From YAML to a `FlowSpec`, with the place of everything that is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from pipeline.flows.model import FlowSpec
from pipeline.flows.source import Fault, FlowFaults, Path, Source
from pipeline.schemas.envelope import content_hash

_MESSAGES = {
    "missing": "is missing",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "string_pattern_mismatch": "must match {pattern}",
    "literal_error": "must be {expected}",
}


@dataclass(frozen=True, slots=True)
class ParsedFlow:
    """A flow of the right shape. `faults` are those of its shape that did not hinder reading the rest."""

    spec: FlowSpec
    source: Source
    version: str
    """Hash of the content: comments and layout do not count."""
    faults: tuple[Fault, ...] = ()


def parse_flow(text: str, file: str = "<flow>") -> ParsedFlow:
    """Read a flow. Raises `FlowFaults` with all faults of its shape."""
    parsed = parse_leniently(text, file)
    if parsed.faults:
        raise FlowFaults(parsed.faults)
    return parsed


def parse_leniently(text: str, file: str = "<flow>") -> ParsedFlow:
    """As `parse_flow`, but unknown keys are only noted, so that the rest can be checked in the same go."""
    source = Source(text, file)
    if not isinstance(source.value, dict):
        raise FlowFaults([source.fault((), "a flow is a mapping with id, name, type, trigger and actions")])
    faults: list[Fault] = []
    value = source.value
    for _ in range(2):
        try:
            spec = FlowSpec.model_validate(value)
        except ValidationError as error:
            faults += [
                _fault(source, item["type"], item["loc"], item["msg"], item.get("ctx", {})) for item in error.errors()
            ]
            unknown = [item["loc"] for item in error.errors() if item["type"] == "extra_forbidden"]
            value = _without(value, unknown)
            continue
        return ParsedFlow(spec, source, content_hash(spec.model_dump(mode="python")), tuple(faults))
    raise FlowFaults(faults)


def _fault(source: Source, kind: str, loc: Path, message: str, context: dict[str, Any]) -> Fault:
    path = _real(source, loc)
    name = str(loc[-1]) if loc else "the flow"
    if kind == "extra_forbidden":
        return source.fault(path, f"unknown key {name!r}", key=True)
    text = _MESSAGES.get(kind, "").format_map(_Tolerant(context)) or message[:1].lower() + message[1:]
    return source.fault(path, f"{name!r} {text}")


def _real(source: Source, loc: Path) -> Path:
    """The part of a validator's location that is in the file: its own words (``[key]``, ``bool``) come last."""
    value, path = source.value, []
    for part in loc:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            break
        path.append(part)
    return tuple(path)


def _without(value: Any, locations: Iterable[Path]) -> Any:
    pruned = deepcopy(value)
    for location in locations:
        parent = pruned
        for part in location[:-1]:
            parent = parent[part]
        parent.pop(location[-1], None)
    return pruned


class _Tolerant(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return f"{{{key}}}"
