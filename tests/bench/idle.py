"""What each role and the broker take when nothing happens: share of one processor, and memory."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil  # type: ignore[import-untyped]

from pipeline.cli.run import Role
from pipeline.kafka.clients import KafkaAccess
from tests.bench.figure import Bench, Figure, Outcome
from tests.e2e.machine import Machine
from tests.e2e.twins import twins

SECONDS, QUICK_SECONDS = 60.0, 5.0
SETTLES = 10.0
"""Seconds after the start that are left out."""
ROLES = (Role.AGENTS, Role.SINKS, Role.GATEWAY)


def _measure(bench: Bench) -> Outcome:
    seconds = QUICK_SECONDS if bench.quick else SECONDS
    broker = _broker()
    with _machine(bench) as machine:
        started = machine.start(*ROLES)
        machine.until_ready()
        time.sleep(QUICK_SECONDS if bench.quick else SETTLES)
        watched = {str(role.role): psutil.Process(role.pid) for role in started} | broker
        shares = _shares(watched, seconds)
        memory = {name: round(process.memory_info().rss / 1e6) for name, process in watched.items()}
    detail = {"percent_of_a_processor": shares, "megabytes": memory, "seconds": seconds}
    return Outcome(sum(share for name, share in shares.items() if name not in broker), detail)


def _broker() -> dict[str, psutil.Process]:
    """The embedded one, if it is."""
    java = [child for child in psutil.Process().children(recursive=True) if child.name().startswith("java")]
    return {"broker": java[0]} if java else {}


def _shares(watched: Mapping[str, psutil.Process], seconds: float) -> dict[str, float]:
    """Per cent of one processor in the next `seconds`."""
    before = {name: _spent(process) for name, process in watched.items()}
    began = time.monotonic()
    time.sleep(seconds)
    passed = time.monotonic() - began
    return {name: round((_spent(process) - before[name]) / passed * 100, 2) for name, process in watched.items()}


def _spent(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


@contextmanager
def _machine(bench: Bench) -> Iterator[Machine]:
    """Connected to both twins, with a link of each flow."""
    with TemporaryDirectory(prefix="bench-idle-") as directory, twins() as both:
        machine = Machine(KafkaAccess(bench.bootstrap), f"idle-{uuid.uuid4().hex[:6]}.", Path(directory), both)
        try:
            machine.connect()
            yield machine
        finally:
            machine.close()


FIGURE = Figure(
    name="idle",
    what="share of one processor of agents, sinks and gateway together when nothing happens; memory beside it",
    unit="%",
    bounds=(),
    run=_measure,
)
