"""All faults, in the order of their numbers. A module of one class of faults offers them as `FAULTS`."""

from __future__ import annotations

from tests.faults import broker, crash, keyless, poison, rebalance, zombie
from tests.faults.fault import Fault

FAULTS: tuple[Fault, ...] = (
    *crash.FAULTS,
    *keyless.FAULTS,
    *rebalance.FAULTS,
    *zombie.FAULTS,
    *broker.FAULTS,
    *poison.FAULTS,
)
