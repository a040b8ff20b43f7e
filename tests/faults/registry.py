"""All faults, in the order of their numbers. A module of one class of faults offers them as `FAULTS`."""

from __future__ import annotations

from tests.faults import (
    answers,
    broker,
    compaction,
    crash,
    files,
    keyless,
    large,
    lost_answer,
    mapping,
    order,
    poison,
    quota,
    rebalance,
    registry_away,
    token,
    zombie,
)
from tests.faults.fault import Fault

FAULTS: tuple[Fault, ...] = (
    *crash.FAULTS,
    *keyless.FAULTS,
    *lost_answer.FAULTS,
    *answers.FAULTS,
    *token.FAULTS,
    *rebalance.FAULTS,
    *zombie.FAULTS,
    *broker.FAULTS,
    *poison.FAULTS,
    *registry_away.FAULTS,
    *large.FAULTS,
    *quota.FAULTS,
    *files.FAULTS,
    *mapping.FAULTS,
    *compaction.FAULTS,
    *order.FAULTS,
)
