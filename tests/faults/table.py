"""The table of a run, for people and as a file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.faults.fault import Fault, Row, Tally

_HEAD = ("#", "fault", "injections", "events", "lost", "duplicates", "out of order", "unresolved", "seconds")
_WIDTHS = (2, 24, 10, 8, 6, 10, 12, 10, 8)

Rows = Sequence[tuple[Fault, Row]]


def head() -> str:
    return _line(_HEAD)


def line(fault: Fault, row: Row) -> str:
    """One row; what is wrong with it follows on lines of its own."""
    said = _line((fault.number, fault.name, row.injections, *_counts(row.tally), f"{row.seconds:.1f}"))
    if not row.injections:
        said += "\n   injected nothing, so it proves nothing"
    return said + "".join(f"\n   {finding}" for finding in row.tally.findings)


def foot(rows: Rows) -> str:
    total = total_of(rows)
    return _line(("", "total", total.injections, *_counts(total.tally), f"{total.seconds:.1f}"))


def total_of(rows: Rows) -> Row:
    total = Row(0, Tally(), 0.0, {})
    for _, row in rows:
        total = total + row
    return total


def as_json(rows: Rows, seed: int, **about: Any) -> Mapping[str, Any]:
    """`about` is what else should be known of the run: rounds, size, seconds."""
    total = total_of(rows).public()
    counts = ("injections", "events", "lost", "duplicates", "out_of_order", "unresolved")
    return {
        **{name: total[name] for name in counts},
        "seed": seed,
        **about,
        "faults": [{"fault": fault.name, "number": fault.number, **row.public()} for fault, row in rows],
    }


def write(path: Path, rows: Rows, seed: int, **about: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(as_json(rows, seed, **about), indent=2) + "\n", encoding="utf-8")


def _counts(tally: Tally) -> tuple[int, ...]:
    return tally.events, tally.lost, tally.duplicates, tally.out_of_order, tally.unresolved


def _line(cells: Sequence[object]) -> str:
    number, name, *counts = cells
    return " ".join(
        [f"{number!s:>{_WIDTHS[0]}}", f"{name!s:<{_WIDTHS[1]}}"]
        + [f"{cell!s:>{width}}" for cell, width in zip(counts, _WIDTHS[2:], strict=True)]
    )
