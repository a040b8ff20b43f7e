"""A YAML text with the place of every value, so that a fault can name file, line and column."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import yaml

from pipeline.errors import ConfigurationError

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """Something wrong in a flow file. Line and column count from 1."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class FlowFaults(ConfigurationError):
    """All faults of a flow file at once, in the order of the file: one line each."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(set(faults)))
        super().__init__("\n".join(map(str, self.faults)))


class Source:
    """A YAML document as plain values, and where each of them stands.

    Only `true` and `false` are booleans: `no`, `on` and the like are strings, and so are dates. Numbers with a point
    are Decimal. Anchors, aliases and repeated keys are faults, because what they mean is easily misread.
    """

    def __init__(self, text: str, file: str = "<flow>") -> None:
        """Raises `FlowFaults` where the text is not one YAML document."""
        self.text = text
        self.file = file
        self._values: dict[Path, yaml.Node] = {}
        self._keys: dict[Path, yaml.Node] = {}
        self._seen: set[int] = set()
        self._faults: list[Fault] = []
        try:
            root = yaml.compose(text, Loader=yaml.SafeLoader)  # nests deeper than `_plain`, which then cannot fail
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            raise FlowFaults([Fault(file, line, column, f"not YAML: {error.problem or error.context}")]) from None
        except yaml.YAMLError as error:
            raise FlowFaults([Fault(file, 1, 1, f"not YAML: {str(error).splitlines()[0]}")]) from None
        except RecursionError:
            raise FlowFaults([Fault(file, 1, 1, "it nests too deeply")]) from None
        self.value: Any = None if root is None else self._plain(root, ())
        if self._faults:
            raise FlowFaults(self._faults)

    def fault(self, path: Path, message: str, *, offset: int | None = None, key: bool = False) -> Fault:
        """A fault at the value of `path` (or at its key), `offset` characters into the text of the scalar.

        A path that is not there stands for its nearest parent.
        """
        node = self._keys.get(path) if key else None
        while node is None:
            node = self._values.get(path)
            if not path:
                break
            path = path[:-1]
        if node is None:
            return Fault(self.file, 1, 1, message)
        line, column = self._place(node, offset)
        return Fault(self.file, line, column, message)

    def _plain(self, node: yaml.Node, path: Path) -> Any:
        if id(node) in self._seen:
            self._note(node, "anchors and aliases are not supported here: write the value out")
            return None
        self._seen.add(id(node))
        self._values[path] = node
        if isinstance(node, yaml.MappingNode):
            return dict(self._items(node, path))
        if isinstance(node, yaml.SequenceNode):
            return [self._plain(item, (*path, index)) for index, item in enumerate(node.value)]
        try:
            return _scalar(node)
        except ValueError:
            self._note(node, "this is no number that can be read")
            return None

    def _items(self, node: yaml.MappingNode, path: Path) -> Iterator[tuple[str, Any]]:
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._note(key, "a key must be a plain word")
                continue
            place = (*path, key.value)
            if place in self._keys:
                self._note(key, f"{key.value!r} is given twice")
                continue
            self._keys[place] = key
            yield key.value, self._plain(value, place)

    def _note(self, node: yaml.Node, message: str) -> None:
        self._faults.append(Fault(self.file, node.start_mark.line + 1, node.start_mark.column + 1, message))

    def _place(self, node: yaml.Node, offset: int | None) -> tuple[int, int]:
        start, end = node.start_mark, node.end_mark
        if offset is None or not isinstance(node, yaml.ScalarNode):
            return start.line + 1, start.column + 1
        index = _align(self.text[start.index : end.index], node.value, offset, node.style)
        if index is None:
            return start.line + 1, start.column + 1
        before = self.text[: start.index + index]
        return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def _align(raw: str, value: str, offset: int, style: str | None) -> int | None:
    """Where in `raw`, the scalar as written, character `offset` of its `value` stands; None where it cannot be told.

    YAML folds and indents white space, so that only the other characters are counted off one by one.
    """
    cursor = raw.find("\n") + 1 if style in ("|", ">") else 1 if style else 0
    for wanted in value[:offset]:
        if wanted.isspace():
            continue
        cursor = _skip_space(raw, cursor, style)
        written = _written(raw, cursor, style)
        if not written or (len(written) == 1 and written != wanted):
            return None
        cursor += len(written)
    return cursor if value[offset : offset + 1].isspace() else _skip_space(raw, cursor, style)


def _skip_space(raw: str, cursor: int, style: str | None) -> int:
    while cursor < len(raw):
        if raw[cursor].isspace():
            cursor += 1
        elif style == '"' and raw[cursor] == "\\" and raw[cursor + 1] in " \n\tntrvf_NLP":
            cursor += 2
        else:
            break
    return cursor


def _written(raw: str, cursor: int, style: str | None) -> str:
    """The characters that write one character at `cursor`."""
    if style == "'" and raw.startswith("''", cursor):
        return "''"
    if style == '"' and raw.startswith("\\", cursor):
        return raw[cursor : cursor + {"x": 4, "u": 6, "U": 10}.get(raw[cursor + 1], 2)]
    return raw[cursor : cursor + 1]


def _scalar(node: yaml.Node) -> Any:
    text: str = node.value
    match node.tag:
        case "tag:yaml.org,2002:null":
            return None
        case "tag:yaml.org,2002:bool" if text.lower() in ("true", "false"):
            return text.lower() == "true"
        case "tag:yaml.org,2002:int" if text.lstrip("+-").isdecimal():
            return int(text)
        case "tag:yaml.org,2002:float":
            number = text.replace("_", "")
            return Decimal(number) if number.lstrip("+-").replace(".", "", 1).isdecimal() else text
        case _:
            return text
