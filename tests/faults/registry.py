"""All faults, in the order of their numbers. A module of one class of faults offers them as `FAULTS`."""

from __future__ import annotations

from tests.faults import broker, crash, keyless, large, poison, rebalance, registry_away, zombie
from tests.faults.fault import Fault

FAULTS: tuple[Fault, ...] = (
    *crash.FAULTS,
    *keyless.FAULTS,
    *rebalance.FAULTS,
    *zombie.FAULTS,
    *broker.FAULTS,
    *poison.FAULTS,
    *registry_away.FAULTS,
    *large.FAULTS,
)
