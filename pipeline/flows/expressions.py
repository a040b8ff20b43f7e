"""Conditions: clauses in CEL, compiled once, all of which must hold. https://github.com/cel-expr/cel-spec

Clauses read `data` (the trigger's), `options` and, in actions, `steps`. Only the fields that they read are bound.

Numbers: a Decimal is bound as the nearest double. Equal decimals stay equal and order is never turned round, so
comparisons with literals are exact for amounts of up to 15 digits; sums are not, and belong into an action.
A field that is null counts as missing; a time is its text (``timestamp(data.at)`` makes it one).
A missing field makes its clause false, unless the clause asks with ``has(…)`` first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any

from cel_expr_python import cel

from pipeline.flows.references import getter
from pipeline.flows.shapes import NoField, Shape, at, kind, no_field

ROOTS = ("data", "options", "steps")

_TOKEN = re.compile(
    r"""[rRbB]{0,2}(?:\"{3}.*?\"{3}|'{3}.*?'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')"""
    r"""|//[^\n]*|(?P<chain>(?<![\w.])[A-Za-z_]\w*(?:\s*\.\s*[A-Za-z_]\w*)*)(?P<call>\s*\()?|\w+|\.""",
    re.DOTALL,
)
_ERROR = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class Read:
    """A value that a clause reads: `root` and the path below it, together `text`. `number`: its schema says so."""

    text: str
    root: str
    path: tuple[str, ...]
    get: Callable[[Any], Any]
    number: bool = False


@dataclass(frozen=True, slots=True)
class ClauseFault:
    """What is wrong with a clause, `offset` characters into it."""

    offset: int
    message: str


@dataclass(frozen=True, slots=True)
class Clause:
    """One compiled clause and what it reads."""

    text: str
    expression: Any
    reads: tuple[Read, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one clause came out; `read` holds what it read, None where missing; `message` says why where that helps."""

    clause: str
    holds: bool
    read: Mapping[str, Any]
    message: str = ""


class Clauses:
    """Clauses that must all hold, joined into one expression: the common case is one evaluation."""

    __slots__ = ("_joined", "clauses", "constant", "reads")

    def __init__(self, clauses: Sequence[Clause]) -> None:
        self.clauses = tuple(clauses)
        self.reads = tuple({read.text: read for clause in clauses for read in clause.reads}.values())
        self._joined = (
            _evaluation().compile(" && ".join(f"({clause.text}\n)" for clause in clauses)) if clauses else None
        )
        self.constant = all(read.root == "options" for read in self.reads)
        """Whether the options alone decide."""

    def hold(self, roots: Mapping[str, Any]) -> bool:
        """Whether all clauses hold. `roots` gives the value of each root that is read."""
        return self._joined is None or self._joined.eval(data=_bound(self.reads, roots)).value() is True

    def explain(self, roots: Mapping[str, Any]) -> list[Outcome]:
        """Each clause by itself, in order."""
        return [refusal(clause, roots) or Outcome(clause.text, True, _read(clause, roots)) for clause in self.clauses]

    def first_false(self, roots: Mapping[str, Any]) -> Outcome:
        """The clause to name after `hold` said no."""
        refusals = (refusal(clause, roots) for clause in self.clauses)
        return next(outcome for outcome in refusals if outcome is not None)


def refusal(clause: Clause, roots: Mapping[str, Any]) -> Outcome | None:
    """How a clause that does not hold came out; None where it holds."""
    answer = clause.expression.eval(data=_bound(clause.reads, roots))
    value = answer.value()
    if value is True:
        return None
    read = _read(clause, roots)
    if answer.type() == cel.Type.ERROR:
        missing = [text for text, found in read.items() if found is None]
        return Outcome(clause.text, False, read, f"missing: {', '.join(missing)}" if missing else str(value))
    return Outcome(clause.text, False, read)


def compile_clause(text: str, shapes: Mapping[str, Shape]) -> Clause | list[ClauseFault]:
    """Compile one clause. `shapes` has the type of each root that may be read, and its paths are checked."""
    faults: list[ClauseFault] = []
    reads: dict[str, Read] = {}
    variables: dict[str, Any] = {}
    checked = list(text)
    for token in _TOKEN.finditer(text):
        chain = token["chain"]
        if chain is None:
            continue
        start = token.start("chain")
        if chain == "has" and token["call"]:
            checked[start : start + 3] = _HAS
        root, *path = re.split(r"\s*\.\s*", chain)
        if root not in ROOTS:
            continue
        if token["call"]:
            path = path[:-1]
        if root not in shapes:
            faults.append(ClauseFault(start, f"{root} cannot be read here: there are {', '.join(shapes)}"))
        elif not path:
            faults.append(ClauseFault(start, f"name the field: {root}.<field>"))
        else:
            shape: Shape = Any
            try:
                shape = at(shapes[root], path)
            except NoField as error:
                faults.append(ClauseFault(start, f"{root}.{'.'.join(path)}: {no_field(error)}"))
            dotted = ".".join((root, *path))
            read = Read(dotted, root, tuple(path), getter(tuple(path)), kind(shape) == "number")
            reads[read.text] = read
            variables[read.text] = _cel_type(shape)
    faults += _compile_faults(_evaluation(), text) or _compile_faults(_checking(variables), "".join(checked))
    if faults:
        return sorted(faults, key=lambda fault: fault.offset)
    return Clause(text, _evaluation().compile(text), tuple(reads.values()))


_HAS = "hs_"
"""Stands for the macro `has` while types are checked, where paths are variables and the macro would not do."""


@cache
def _evaluation() -> Any:
    return cel.NewEnv(variables=dict.fromkeys(ROOTS, cel.Type.DYN))


def _checking(variables: Mapping[str, Any]) -> Any:
    has = cel.FunctionDecl(_HAS, [cel.Overload("has_dyn", cel.Type.BOOL, [cel.Type.DYN], False)])
    return cel.NewEnv(variables=variables, functions=[has])


def _compile_faults(env: Any, text: str) -> list[ClauseFault]:
    try:
        result = env.compile(text).return_type()
    except RuntimeError as error:
        return list(_positions(text, str(error))) or [ClauseFault(0, str(error).splitlines()[0])]
    if result in (cel.Type.BOOL, cel.Type.DYN):
        return []
    return [ClauseFault(0, f"a clause must be true or false, this one gives {result.name()}")]


def _positions(text: str, message: str) -> Iterator[ClauseFault]:
    lines = text.split("\n")
    for line, column, said in _ERROR.findall(message):
        plain = said.removesuffix(" [INVALID_ARGUMENT]").removesuffix(" (in container '')")
        offset = sum(len(before) + 1 for before in lines[: int(line) - 1]) + int(column) - 1
        yield ClauseFault(min(offset, len(text)), plain.replace(f"'{_HAS}'", "'has'"))


def _cel_type(shape: Shape) -> Any:
    match kind(shape):
        case "text":
            return cel.Type.STRING
        case "boolean":
            return cel.Type.BOOL
        case "list":
            return cel.Type.List(cel.Type.DYN)
        case "map":
            return cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
        case _:
            return cel.Type.DYN


def _to_cel(value: Any) -> Any:
    kind_ = type(value)
    if kind_ is str or kind_ is bool:
        return value
    if kind_ is Decimal:
        return float(value)
    if kind_ is int:
        return value if value in _INT64 else float(value)
    if isinstance(value, Mapping):
        return {str(key): _to_cel(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_to_cel(item) for item in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value if value is None or kind_ is float else str(value)


def _number(value: Any) -> Any:
    """A number that became text on its way through a topic is a number again."""
    if type(value) is str:
        try:
            return float(Decimal(value))
        except InvalidOperation:
            return value
    return _to_cel(value)


def _bound(reads: Sequence[Read], roots: Mapping[str, Any]) -> dict[str, Any]:
    """What `reads` find, as nested maps; a root where nothing is found is an empty one."""
    bound: dict[str, Any] = {"data": {}}
    for read in reads:
        root, path = read.root, read.path
        place = bound.get(root)
        if place is None:
            place = bound[root] = {}
        value = read.get(roots.get(root))
        if value is not None:
            for segment in path[:-1]:
                place = place.setdefault(segment, {})
            place[path[-1]] = _number(value) if read.number else _to_cel(value)
    return bound


def _read(clause: Clause, roots: Mapping[str, Any]) -> dict[str, Any]:
    return {read.text: _brief(read.get(roots.get(read.root))) for read in clause.reads}


def _brief(value: Any) -> Any:
    """Values go into the decision as they are, containers only by their size."""
    if isinstance(value, Mapping):
        return f"map of {len(value)}"
    return f"list of {len(value)}" if isinstance(value, list | tuple) else value
