"""Whether two sets of conditions exclude each other, as far as that can be seen without evaluating them.

Seen is what compares one field with a value that is written out or is an option: ``==``, ``!=``, ``<``, ``<=``, ``>``,
``>=``, ``in [...]``, ``has(...)``, a boolean field by itself, and the negation of any of these. Nothing else says
anything: what is not seen to be excluded may happen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

_PATH = r"data(?:\s*\.\s*[A-Za-z_]\w*)+"
_VALUE = r"""options\.\w+|"[^"\\]*"|'[^'\\]*'|-?\d+(?:\.\d+)?|true|false"""
_COMPARED = re.compile(rf"\s*({_PATH})\s*(==|!=|<=|>=|<|>)\s*({_VALUE})\s*")
_AMONG = re.compile(rf"\s*({_PATH})\s+in\s+\[\s*((?:{_VALUE})(?:\s*,\s*(?:{_VALUE}))*)\s*\]\s*")
_ASKED = re.compile(rf"\s*has\(\s*({_PATH})\s*\)\s*")
_PLAIN = re.compile(rf"\s*({_PATH})\s*")
_TURNED: Mapping[str, str] = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}

Said = Literal["one of", "none of", "<", "<=", ">", ">=", "there", "missing"]


@dataclass(frozen=True, slots=True)
class Fact:
    """What a clause says of one field, where it holds. A fact other than `missing` says that the field is there."""

    field: str
    said: Said
    values: tuple[Any, ...] = ()


def exclude(one: Iterable[Fact], other: Iterable[Fact]) -> bool:
    """Whether no event can fulfil both."""
    others = list(other)
    return any(_against(a, b) or _against(b, a) for a in one for b in others if a.field == b.field)


def facts(clause: str, options: Mapping[str, Any]) -> list[Fact]:
    """What is seen in a clause. Parts joined by ``&&`` are seen one by one; ``||`` and ternaries hide all of it."""
    plain = re.sub(r"""\"[^\"\\]*\"|'[^'\\]*'""", lambda text: "_" * len(text.group()), clause)
    if "||" in plain or "?" in plain:
        return []
    places = [match.span() for match in re.finditer("&&", plain)]
    if places and "(" in re.sub(r"has\([^()]*\)", "", plain):
        return []
    starts, ends = [0, *(end for _, end in places)], [*(start for start, _ in places), len(clause)]
    return [
        fact for start, end in zip(starts, ends, strict=True) if (fact := _fact(clause[start:end].strip(), options))
    ]


def _fact(part: str, options: Mapping[str, Any]) -> Fact | None:
    if part.startswith("!") and not part.startswith("!="):
        inner = part[1:].strip()
        if asked := _ASKED.fullmatch(inner):
            return Fact(_field(asked[1]), "missing")
        if plain := _PLAIN.fullmatch(inner):
            return Fact(_field(plain[1]), "one of", (False,))
        if inner.startswith("(") and inner.endswith(")"):
            return _negated(inner[1:-1], options)
        return None
    if asked := _ASKED.fullmatch(part):
        return Fact(_field(asked[1]), "there")
    if plain := _PLAIN.fullmatch(part):
        return Fact(_field(plain[1]), "one of", (True,))
    if among := _AMONG.fullmatch(part):
        values = [_value(text, options) for text in re.findall(_VALUE, among[2])]
        return None if None in values else Fact(_field(among[1]), "one of", tuple(values))
    return _compared(part, options, turned=False)


def _negated(inner: str, options: Mapping[str, Any]) -> Fact | None:
    """A missing field makes no clause true, within a negation either: so the field is there."""
    if among := _AMONG.fullmatch(inner):
        values = [_value(text, options) for text in re.findall(_VALUE, among[2])]
        return None if None in values else Fact(_field(among[1]), "none of", tuple(values))
    return _compared(inner, options, turned=True)


def _compared(part: str, options: Mapping[str, Any], *, turned: bool) -> Fact | None:
    found = _COMPARED.fullmatch(part)
    value = _value(found[3], options) if found else None
    if found is None or value is None:
        return None
    operator = _TURNED[found[2]] if turned else found[2]
    field = _field(found[1])
    match operator:
        case "==":
            return Fact(field, "one of", (value,))
        case "!=":
            return Fact(field, "none of", (value,))
        case "<" | "<=" | ">" | ">=":
            return Fact(field, operator, (value,))
    return None


def _against(one: Fact, other: Fact) -> bool:
    match one.said, other.said:
        case "missing", said:
            return said != "missing"
        case "one of", "one of":
            return not any(_same(a, b) for a in one.values for b in other.values)
        case "one of", "none of":
            return all(any(_same(a, b) for b in other.values) for a in one.values)
        case "one of", ("<" | "<=" | ">" | ">=") as bound:
            return all(not _within(value, bound, other.values[0]) for value in one.values)
        case ((("<" | "<=") as upper), ((">" | ">=") as lower)):
            top, bottom = _number(one.values[0]), _number(other.values[0])
            if top is None or bottom is None:
                return False
            return top < bottom or (top == bottom and (upper, lower) != ("<=", ">="))
    return False


def _within(value: Any, bound: str, limit: Any) -> bool:
    """True also where it cannot be told."""
    number, edge = _number(value), _number(limit)
    if number is None or edge is None:
        return True
    return {"<": number < edge, "<=": number <= edge, ">": number > edge, ">=": number >= edge}[bound]


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _number(value: Any) -> Decimal | None:
    return None if isinstance(value, bool | str) else Decimal(str(value))


def _field(text: str) -> str:
    return re.sub(r"\s", "", text)


def _value(text: str, options: Mapping[str, Any]) -> Any:
    """None where it is not known: an option that is absent."""
    if text.startswith("options."):
        return options.get(text.partition(".")[2])
    if text[0] in "\"'":
        return text[1:-1]
    return {"true": True, "false": False}.get(text) if text in ("true", "false") else Decimal(text)
