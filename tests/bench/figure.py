"""What a figure is, and what it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any


class Skipped(Exception):
    """The figure cannot be had on this machine; the text says why."""


@dataclass(frozen=True, slots=True)
class Bound:
    """What is asked of a figure: at least, or at most."""

    value: float
    at_most: bool = False

    def met(self, measured: float) -> bool:
        return measured <= self.value if self.at_most else measured >= self.value

    def __str__(self) -> str:
        return f"{'at most' if self.at_most else 'at least'} {self.value:g}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A figure's value with what it was made of (medians, rounds, settings), fit for JSON.

    `met` is False where something is not as asked that the figure's bounds do not say, such as the memory that it took.
    """

    value: float
    detail: Mapping[str, Any] = field(default_factory=dict)
    met: bool = True


@dataclass(frozen=True, slots=True)
class Bench:
    """What every figure is given. `quick` asks for a tenth of the work: a smoke run, no figure to quote."""

    bootstrap: str
    build: Path
    rounds: int = 3
    quick: bool = False

    def amount(self, full: int) -> int:
        return max(1, full // 10) if self.quick else full


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. `run` raises `Skipped` where it cannot be measured."""

    name: str
    what: str
    unit: str
    bounds: tuple[Bound, ...]
    run: Callable[[Bench], Outcome]


def side_by_side(rounds: int, systems: Mapping[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Events a second of each system, one after the other, `rounds` times; each round starts with another one."""
    names = list(systems)
    measured: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            measured[name].append(systems[name]())
    return measured


def medians(measured: Mapping[str, list[float]]) -> dict[str, float]:
    return {name: median(values) for name, values in measured.items()}


def ratio(measured: Mapping[str, list[float]], ours: str, other: str) -> Outcome:
    """`ours` ÷ `other` of the medians, with all rounds beside it."""
    middle = medians(measured)
    return Outcome(
        value=middle[ours] / middle[other],
        detail={
            "events_per_second": {name: round(value) for name, value in middle.items()},
            "rounds": {name: [round(value) for value in values] for name, values in measured.items()},
        },
    )
