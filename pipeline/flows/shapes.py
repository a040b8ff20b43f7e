"""Static types of what flows read and fill in, by walking msgspec types: what a path leads to, and what fits where."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

Shape = Any
"""A type, `Any` where nothing is known, or a mapping of names to shapes."""


class NoField(Exception):
    """A path leads nowhere: `segment` is not among `known`, or what `message` says."""

    def __init__(self, segment: str, known: Sequence[str] = (), message: str = "") -> None:
        super().__init__(segment)
        self.segment = segment
        self.known = known
        self.message = message


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint to put after "no such …": the nearest known word, or all of them if they are few."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; there are {', '.join(names)}" if 0 < len(names) <= 12 else ""


def no_field(error: NoField) -> str:
    """The message for a path that leads nowhere."""
    if error.message:
        return error.message
    if not error.known:
        return f"nothing is below the value before {error.segment!r}"
    return f"there is no {error.segment!r}{did_you_mean(error.segment, error.known)}"


@cache
def fields(struct: type[msgspec.Struct]) -> Mapping[str, msgspec.structs.FieldInfo]:
    """Fields by the name they have on the wire."""
    return {info.encode_name: info for info in msgspec.structs.fields(struct)}


def bare(shape: Shape) -> Shape:
    """Without `Annotated`, `None` and `UNSET`; a union of several types is `Any`."""
    origin: Any = get_origin(shape)
    if origin is Annotated:
        return bare(get_args(shape)[0])
    if origin in (Union, types.UnionType):
        rest = [bare(part) for part in get_args(shape) if part not in (type(None), msgspec.UnsetType)]
        return rest[0] if len(rest) == 1 else Any
    return shape


def is_struct(shape: Shape) -> bool:
    return isinstance(shape, type) and issubclass(shape, msgspec.Struct)


def at(shape: Shape, path: Sequence[str]) -> Shape:
    """The type at `path`. Raises `NoField` where it cannot be."""
    for segment in path:
        shape = bare(shape)
        if shape is Any:
            return Any
        if isinstance(shape, Mapping):
            if segment not in shape:
                raise NoField(segment, list(shape))
            shape = shape[segment]
        elif is_struct(shape):
            known = fields(shape)
            if segment not in known:
                raise NoField(segment, list(known))
            shape = known[segment].type
        elif kind(shape) == "map":
            shape = get_args(shape)[1] if get_args(shape) else Any
        else:
            raise NoField(segment)
    return bare(shape)


def kind(shape: Shape) -> str:
    """``text`` | ``number`` | ``boolean`` | ``list`` | ``map`` | ``object`` | "" where it cannot be told."""
    shape = bare(shape)
    origin: Any = get_origin(shape) or shape
    if origin is typing.Literal:
        return kind(type(get_args(shape)[0]))
    if not isinstance(origin, type):
        return ""
    if issubclass(origin, bool):
        return "boolean"
    if issubclass(origin, (str, datetime, date, time, Enum)):
        return "text"
    if issubclass(origin, (int, float, Decimal)):
        return "number"
    if issubclass(origin, msgspec.Struct):
        return "object"
    if issubclass(origin, (list, tuple, set, frozenset)):
        return "list"
    return "map" if issubclass(origin, dict) else ""


def fits(given: Shape, wanted: Shape) -> bool:
    """Whether a value of type `given` may be a `wanted`; where it cannot be told, it may."""
    given, wanted = bare(given), bare(wanted)
    if is_struct(given) and is_struct(wanted):
        return issubclass(given, wanted)
    one, other = kind(given), kind(wanted)
    return (
        not one
        or not other
        or one == other
        or {one, other} == {"object", "map"}
        or (wanted is Decimal and one == "text")
    )
