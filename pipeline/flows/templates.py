"""Input templates: a tree of constants and references, compiled once into functions of the values by reference text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.flows.references import BadReference, Reference, split

Values = Mapping[str, Any]
"""Values by reference text; what is missing is not in it."""

Builder = Callable[[Values], Any]

_LEAVE_OUT: Any = object()


class MissingValue(Exception):
    """A reference that is not optional has no value now."""

    def __init__(self, reference: str) -> None:
        super().__init__(reference)
        self.reference = reference


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that is written out, or that is known since the link's options are."""

    value: Any


@dataclass(frozen=True, slots=True)
class Text:
    """A string with references in it."""

    parts: tuple[str | Reference, ...]


@dataclass(frozen=True, slots=True)
class Entries:
    """A map with templates as values."""

    items: tuple[tuple[str, Template], ...]


@dataclass(frozen=True, slots=True)
class Items:
    """A list of templates."""

    items: tuple[Template, ...]


Template = Constant | Reference | Text | Entries | Items
"""A whole-string reference keeps the type of its value."""


def parse_template(value: Any) -> Template:
    """Raises `BadReference` for a string; containers are walked by the caller that knows their places."""
    if not isinstance(value, str):
        return Constant(value)
    parts = [part for _, part in split(value)]
    if len(parts) == 1 and isinstance(parts[0], Reference):
        return parts[0]
    if any(isinstance(part, Reference) for part in parts):
        return Text(tuple(parts))
    return Constant("".join(str(part) for part in parts))


def references(template: Template) -> Iterator[Reference]:
    """All references of a template, in their order, with repeats."""
    match template:
        case Reference():
            yield template
        case Text(parts):
            yield from (part for part in parts if isinstance(part, Reference))
        case Entries(items):
            for _, item in items:
                yield from references(item)
        case Items(items):
            for item in items:
                yield from references(item)


def fold(template: Template, known: Values) -> Template:
    """The template with `known` values put in."""
    match template:
        case Reference():
            return Constant(known[template.text]) if template.text in known else template
        case Text(parts):
            folded = tuple(
                _text(known[part.text]) if isinstance(part, Reference) and part.text in known else part
                for part in parts
            )
            if any(isinstance(part, Reference) for part in folded):
                return Text(folded)
            return Constant("".join(str(part) for part in folded))
        case Entries(items):
            return Entries(tuple((key, fold(item, known)) for key, item in items))
        case Items(items):
            return Items(tuple(fold(item, known) for item in items))
    return template


def builder(template: Template) -> Builder:
    """A function that fills the template in. It raises `MissingValue` for the first value that is missing."""
    match template:
        case Constant(value):
            return lambda values: value
        case Reference(text=text, optional=optional):
            return _optional(text) if optional else _required(text)
        case Text(parts):
            return _joined(parts)
        case Entries(items):
            return _entries(items)
        case Items(items):
            builders = [builder(item) for item in items]
            return lambda values: [one for build in builders if (one := build(values)) is not _LEAVE_OUT]


def _required(text: str) -> Builder:
    def required(values: Values) -> Any:
        try:
            return values[text]
        except KeyError:
            raise MissingValue(text) from None

    return required


def _optional(text: str) -> Builder:
    return lambda values: values.get(text, _LEAVE_OUT)


def _joined(parts: tuple[str | Reference, ...]) -> Builder:
    def joined(values: Values) -> str:
        done = []
        for part in parts:
            if isinstance(part, str):
                done.append(part)
            elif part.text in values:
                done.append(_text(values[part.text]))
            elif not part.optional:
                raise MissingValue(part.text)
        return "".join(done)

    return joined


def _entries(items: tuple[tuple[str, Template], ...]) -> Builder:
    """Plain references are read without a call each: most inputs hold nothing else."""
    constant = {key: item.value for key, item in items if isinstance(item, Constant)}
    plain = [(key, item.text) for key, item in items if isinstance(item, Reference) and not item.optional]
    rest = [
        (key, builder(item))
        for key, item in items
        if not isinstance(item, Constant) and (not isinstance(item, Reference) or item.optional)
    ]

    def entries(values: Values) -> dict[str, Any]:
        done = dict(constant)
        for key, text in plain:
            try:
                done[key] = values[text]
            except KeyError:
                raise MissingValue(text) from None
        for key, build in rest:
            value = build(values)
            if value is not _LEAVE_OUT:
                done[key] = value
        return done

    return entries


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


__all__ = [
    "BadReference",
    "Builder",
    "Constant",
    "Entries",
    "Items",
    "MissingValue",
    "Template",
    "Text",
    "Values",
    "builder",
    "fold",
    "parse_template",
    "references",
]
