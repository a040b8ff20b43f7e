"""All start-up checks of a connection, one after the other: what a person must mend, in one go."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from pipeline.apps.base import StartupCheck
from pipeline.errors import EffectError


@dataclass(frozen=True, slots=True)
class Step:
    """`run` gives a warning or "", and raises the `EffectError`s. `title` is what is true where it passes."""

    name: str
    title: str
    run: Callable[[], Awaitable[str]]


async def survey(steps: Sequence[Step], goes_on: Callable[[str, EffectError], bool]) -> list[StartupCheck]:
    """`goes_on` (name of the step, its error) says whether what follows may still pass; else it is not tried."""
    found: list[StartupCheck] = []
    over = False
    for step in steps:
        if over:
            found.append(StartupCheck(step.name, step.title, tried=False))
            continue
        try:
            found.append(StartupCheck(step.name, step.title, warning=await step.run()))
        except EffectError as error:
            found.append(StartupCheck(step.name, step.title, remedy=str(error) or type(error).__name__))
            over = not goes_on(step.name, error)
    return found
