"""What a fault is, and the row that tells how the pipeline took it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.faults.lab import Lab


class Size(Enum):
    """How much of it: `SHORT` within some ten seconds, in every test run; `LONG` one round of the long run."""

    SHORT = "short"
    LONG = "long"


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the events that a fault was given; all but `events` must be 0. `findings` says what is wrong."""

    events: int = 0
    lost: int = 0
    duplicates: int = 0
    out_of_order: int = 0
    unresolved: int = 0
    findings: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        return not (self.lost or self.duplicates or self.out_of_order or self.unresolved)

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.events + other.events,
            self.lost + other.lost,
            self.duplicates + other.duplicates,
            self.out_of_order + other.out_of_order,
            self.unresolved + other.unresolved,
            self.findings + other.findings,
        )


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `seconds`: the longest time from an injection until work went on after it.

    `notes` counts the injections by their kind, for the file; a fault that injected nothing proves nothing.
    """

    injections: int
    tally: Tally
    seconds: float
    notes: dict[str, int]

    @property
    def good(self) -> bool:
        return self.injections > 0 and self.tally.good

    def __add__(self, other: Row) -> Row:
        """Of two rounds."""
        notes = {
            name: self.notes.get(name, 0) + other.notes.get(name, 0)
            for name in sorted(self.notes.keys() | other.notes.keys())
        }
        return Row(
            self.injections + other.injections, self.tally + other.tally, max(self.seconds, other.seconds), notes
        )

    def public(self) -> dict[str, Any]:
        """For JSON."""
        counts = asdict(self.tally)
        findings = counts.pop("findings")
        return {
            "injections": self.injections,
            **counts,
            "seconds": round(self.seconds, 2),
            "notes": self.notes,
            "findings": list(findings),
        }


@dataclass(frozen=True, slots=True)
class Fault:
    """`number` is the fault's in the table of the suite's documentation; several faults may share one.

    `run` draws every choice from the generator it is given, so that a seed repeats the choices (the timing of processes
    it cannot). It injects, waits until all has ended, and gives the row. It raises only where the suite itself is at
    fault: what never ends is `unresolved` or `lost`.
    """

    name: str
    number: int
    run: Callable[[Lab, random.Random, Size], Row]
