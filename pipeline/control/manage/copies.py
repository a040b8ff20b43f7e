"""A flow's text under another id, with all else as its author wrote it, comments included."""

from __future__ import annotations

import json

import yaml

from pipeline.control.places import Fault, Faults


def copied(text: str, id: str, name: str = "") -> str:
    """Private, and called `name` where one is given. Raises `Faults` for a text that is no mapping in YAML."""
    wanted = {"id": id, "visibility": "private"} | ({"name": name} if name else {})
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise Faults([Fault("flow", f"not YAML: {str(error).splitlines()[0]}")]) from None
    if not isinstance(root, yaml.MappingNode) or not root.value:
        raise Faults([Fault("flow", "a flow is a mapping with id, name, type, trigger and actions")])
    there = {key.value: value for key, value in root.value}
    changes = [
        (there[key].start_mark.index, there[key].end_mark.index, json.dumps(value, ensure_ascii=False))
        for key, value in wanted.items()
        if key in there
    ]
    missing = {key: value for key, value in wanted.items() if key not in there}
    for start, end, value in sorted(changes, reverse=True):
        text = text[:start] + value + text[end:]
    return _added(text, missing, flow_style=bool(root.flow_style))


def _added(text: str, missing: dict[str, str], *, flow_style: bool) -> str:
    if not missing:
        return text
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in missing.items()]
    if flow_style:
        opening = text.index("{") + 1
        quoted = ", ".join(f'"{key}": {json.dumps(value, ensure_ascii=False)}' for key, value in missing.items())
        return f"{text[:opening]}{quoted}, {text[opening:]}"
    return "\n".join([text.rstrip("\n"), *lines, ""])
