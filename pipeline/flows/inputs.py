"""Checks an action's input template against the action's input struct, entry by entry, with places."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args, get_origin

import msgspec

from pipeline.flows.references import BadReference, Reference
from pipeline.flows.shapes import NoField, Shape, bare, did_you_mean, fields, fits, is_struct, kind, no_field
from pipeline.flows.source import Fault, Path, Source
from pipeline.flows.templates import Constant, Entries, Items, Template, Text, parse_template

_SAID = {
    "text": "text",
    "number": "a number",
    "boolean": "true or false",
    "list": "a list",
    "map": "a mapping",
    "object": "an object",
}


@dataclass(slots=True)
class InputCheck:
    """Turns one input into a template and notes every fault. `shape` gives a reference's type, or raises `NoField`."""

    source: Source
    shape: Callable[[Reference], Shape]
    faults: list[Fault] = field(default_factory=list)

    def template(self, value: Any, path: Path, wanted: Shape) -> Template:
        """The template of `value`, which stands at `path` and has to become a `wanted`."""
        if isinstance(value, dict):
            return self._entries(value, path, wanted)
        if isinstance(value, list):
            return self._items(value, path, wanted)
        try:
            template = parse_template(value)
        except BadReference as error:
            self._note(path, str(error), error.offset)
            return Constant(None)
        match template:
            case Reference():
                self._reference(template, path, wanted)
            case Text(parts):
                for part in parts:
                    if isinstance(part, Reference):
                        self._reference(part, path, Any)
                if kind(wanted) not in ("", "text"):
                    self._note(path, f"must be {_said(wanted)}: a reference inside a text gives text")
            case Constant(constant):
                self._constant(constant, path, wanted)
        return template

    def _entries(self, value: Mapping[str, Any], path: Path, wanted: Shape) -> Template:
        shape = bare(wanted)
        known: Mapping[str, msgspec.structs.FieldInfo] = {}
        inner: Shape = Any
        if is_struct(shape):
            known = fields(shape)
            for name in value:
                if name not in known:
                    message = f"there is no input {name!r}{did_you_mean(name, known)}"
                    self.faults.append(self.source.fault((*path, name), message, key=True))
            missing = [name for name, info in known.items() if info.required and name not in value]
            if missing:
                self.faults.append(self.source.fault(path, f"needs {', '.join(map(repr, missing))}", key=True))
        elif kind(shape) == "map":
            arguments = get_args(shape)
            inner = arguments[1] if len(arguments) == 2 else Any
        elif kind(shape):
            self._note(path, f"must be {_said(shape)}, not a mapping")
        return Entries(
            tuple(
                (name, self.template(item, (*path, name), known[name].type if name in known else inner))
                for name, item in value.items()
            )
        )

    def _items(self, value: list[Any], path: Path, wanted: Shape) -> Template:
        shape = bare(wanted)
        inner: Shape = Any
        if kind(shape) == "list":
            inner = get_args(shape)[0] if get_origin(shape) and get_args(shape) else Any
        elif kind(shape):
            self._note(path, f"must be {_said(shape)}, not a list")
        return Items(tuple(self.template(item, (*path, index), inner) for index, item in enumerate(value)))

    def _reference(self, reference: Reference, path: Path, wanted: Shape) -> None:
        try:
            given = self.shape(reference)
        except NoField as error:
            self._note(path, f"{reference.text}: {no_field(error)}")
            return
        if not fits(given, wanted):
            self._note(path, f"must be {_said(wanted)}, and {reference.text} is {_said(given)}")
            return
        for choice in get_args(given) if kind(given) == "text" and get_origin(given) else ():
            try:
                msgspec.convert(choice, wanted)
            except msgspec.ValidationError:
                self._note(path, f"{reference.text} may be {choice!r}, which this input does not take")

    def _constant(self, value: Any, path: Path, wanted: Shape) -> None:
        try:
            msgspec.convert(value, wanted)
        except msgspec.ValidationError as error:
            said = str(error)
            self._note(path, said[:1].lower() + said[1:])

    def _note(self, path: Path, message: str, offset: int | None = None) -> None:
        self.faults.append(self.source.fault(path, message, offset=offset))


def _said(shape: Shape) -> str:
    shape = bare(shape)
    return f"a {shape.__name__}" if is_struct(shape) else _SAID.get(kind(shape), "something else")
