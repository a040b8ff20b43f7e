"""Quotas in virtual time, counted by the app: full minutes, the edge of a day, owners that change, clocks that jump."""

from __future__ import annotations

import random
from collections import Counter
from datetime import datetime
from zoneinfo import ZoneInfo

from pipeline.schemas.records import Lane
from tests.faults.fault import Fault, Row, Size, Tally
from tests.faults.lab import Lab
from tests.faults.quota_world import Allowed, QuotaWorld

WORLDS = {Size.SHORT: 4, Size.LONG: 100}
EDGES = (
    ("UTC", (2026, 3, 1)),
    ("America/New_York", (2026, 3, 8)),
    ("America/New_York", (2026, 11, 1)),
    ("Asia/Kolkata", (2026, 12, 31)),
    ("Pacific/Auckland", (2026, 4, 5)),
)
"""Zones, and days before or on which their clocks change, or the year."""
DAY = 24 * 3600.0
PATIENCE = 6 * 3600.0
"""Virtual seconds after the last fault in which everything must have ended, and the days that its calls take."""


def run(lab: Lab, rng: random.Random, size: Size) -> Row:
    tally, counts, longest = Tally(), Counter[str](), 0.0
    for _ in range(WORLDS[size]):
        one, kinds, waited = _world(random.Random(rng.getrandbits(64)))
        tally, counts, longest = tally + one, counts + kinds, max(longest, waited)
    return Row(counts.total(), tally, longest, dict(counts))


def _world(rng: random.Random) -> tuple[Tally, Counter[str], float]:
    """One connection with more to do than it may, from a few seconds or a quarter of an hour before midnight on."""
    zone, (year, month, day) = rng.choice(EDGES)
    allowed = Allowed(rng.randint(10, 30), rng.randint(60, 200), rng.randint(1, 8), zone)
    midnight = datetime(year, month, day, tzinfo=ZoneInfo(zone)).timestamp()
    world = QuotaWorld(rng, allowed, midnight - rng.choice([rng.uniform(0.2, 20), rng.uniform(30, 900)]))
    world.send(allowed.day)
    counts: Counter[str] = Counter()
    passed = False
    for _ in range(rng.randint(6, 14)):
        world.send(rng.randint(0, 2 * allowed.minute), rng.choice(list(Lane)))
        world.pass_by(rng.choice([0.3, 5.0, 59.0, 61.0, rng.uniform(0, 200)]))
        counts[_inject(world, rng)] += 1
        if not passed and world.now >= midnight:
            passed = True
            counts["edge of a day"] += 1
    began = world.now
    deadline = began + PATIENCE + DAY * (2 + 4 * world.left / allowed.day)
    while world.left and world.now < deadline:
        world.pass_by(60)
    return _judge(world, allowed), counts, 0.0


def _inject(world: QuotaWorld, rng: random.Random) -> str:
    match rng.choice(["hand-over", "crash", "jump forward", "jump backward", "full minute"]):
        case "hand-over":
            _fill(world, rng)
            world.hand_over()
            return "owner change in good order"
        case "crash":
            _fill(world, rng)
            world.crash(rng.choice([0.0, rng.uniform(0.0, 8.0)]))
            return "owner change by crash"
        case "jump forward":
            seconds = rng.choice([1.5, 61.0, 3600.0])
            world.jump(seconds)
            world.pass_by(rng.uniform(0, 20))
            world.jump(-seconds)
            return "clock jump forward and back"
        case "jump backward":
            seconds = rng.choice([1.5, 61.0, 3600.0])
            world.jump(-seconds)
            world.pass_by(rng.uniform(0, 20))
            world.jump(seconds)
            return "clock jump backward and back"
        case _:
            world.send(3 * 30)
            world.pass_by(61)
            return "edge of a full minute"


def _fill(world: QuotaWorld, rng: random.Random) -> None:
    """From an empty minute to one that is being filled, with calls under way."""
    world.pass_by(61)
    world.send(100)
    world.pass_by(rng.uniform(0.2, 6.0))


def _judge(world: QuotaWorld, allowed: Allowed) -> Tally:
    over = world.counts.over(allowed)
    twice = {key: count for key, count in world.ended.items() if count > 1}
    findings = [*over, *(f"{key} ended {count} times" for key, count in twice.items())]
    if world.left:
        findings.append(f"{world.left} commands never ended")
    return Tally(
        events=world.sent,
        duplicates=len(twice),
        unresolved=len(over) + max(0, world.left),
        findings=tuple(f"{finding} ({allowed})" for finding in findings[:5]),
    )


FAULTS = (Fault("quota", 11, run),)
