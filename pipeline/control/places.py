"""YAML with places: what a person wrote, and the line and column of each of its parts.

Numbers with a point are Decimal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from pipeline.errors import ConfigurationError

Path_ = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to mend, and where."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class Faults(ConfigurationError):
    """All faults of what was given, at once; one a line. Nothing was written."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document: its value, and the marks (line and column, from 1) of its parts."""

    file: Path
    value: Any
    marks: Mapping[Path_, tuple[int, int]]

    def place(self, *path: str | int) -> str:
        """``file:line:column`` of the part at `path`, or of the nearest part around it."""
        for end in range(len(path), -1, -1):
            if mark := self.marks.get(path[:end]):
                return f"{self.file}:{mark[0]}:{mark[1]}"
        return str(self.file)

    def fault(self, message: str, *path: str | int) -> Fault:
        return Fault(self.place(*path), message)


def read_documents(file: Path) -> list[Document]:
    """The YAML documents of a file. Raises `Faults` with the place where it is unreadable."""
    try:
        return parse_documents(file.read_text(encoding="utf-8"), file)
    except OSError as error:
        raise Faults([Fault(str(file), f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise Faults([Fault(str(file), "is not UTF-8 text")]) from None


def parse_documents(text: str, file: Path) -> list[Document]:
    """As `read_documents`, of a text in hand; empty documents are left out."""
    try:
        nodes = [node for node in yaml.compose_all(text, Loader=yaml.SafeLoader) if node is not None]
        return [_document(node, file) for node in nodes]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else str(file)
        raise Faults([Fault(place, f"not YAML: {error.problem or error.context}")]) from None
    except RecursionError:
        raise Faults([Fault(str(file), "not YAML: an alias holds itself")]) from None
    except yaml.YAMLError as error:
        raise Faults([Fault(str(file), f"not YAML: {str(error).splitlines()[0]}")]) from None


def _document(node: yaml.Node, file: Path) -> Document:
    marks: dict[Path_, tuple[int, int]] = {}
    value = _value(node, (), marks, yaml.constructor.SafeConstructor())
    return Document(file, value, marks)


def _value(
    node: yaml.Node, path: Path_, marks: dict[Path_, tuple[int, int]], constructor: yaml.constructor.SafeConstructor
) -> Any:
    marks[path] = (node.start_mark.line + 1, node.start_mark.column + 1)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, index), marks, constructor) for index, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key_node, _ in node.value:
            if key_node.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"{key_node.value!r} is there twice", problem_mark=key_node.start_mark
                )
            seen.add(str(key_node.value))
        constructor.flatten_mapping(node)
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(constructor.construct_object(key_node, deep=True))
            result[key] = _value(value_node, (*path, key), marks, constructor)
            marks[(*path, key)] = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
        return result
    value = constructor.construct_object(node, deep=True)
    return Decimal(str(value)) if isinstance(value, float) else value
