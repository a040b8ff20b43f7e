"""The owner is paused past its session, and goes on when a successor has taken over: it must do nothing any more.

To see whose call it was, the successor is stopped too, for a moment shorter than its own session, and the zombie wakes
in that moment: whatever the twins or the topics get meanwhile comes from the zombie.
"""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from pathlib import Path

from pipeline.cli.run import Role
from pipeline.failpoints import VARIABLE
from tests.e2e.machine import Machine
from tests.e2e.roles import RoleProcess
from tests.faults.fault import Fault, Row, Size, Tally
from tests.faults.judge import judge
from tests.faults.lab import SHORT_TIMES, Lab
from tests.faults.work import LATENCY, Work

SESSION = 4.0
"""Seconds; a member reports at least three times as often."""
PAUSED = SESSION + 2.5
"""Seconds: the session ends, a successor takes over and does some work, and open transactions have been aborted."""
SILENCE = 0.4
"""Seconds for what the stopped successor has sent to arrive."""
WINDOW = 1.6
"""Seconds in which only the zombie runs."""
ARMED = 15.0
"""Seconds in which a member comes to the point where it is to stop; then it is stopped where it is."""
PAUSES = {Size.SHORT: 2, Size.LONG: 16}
POINTS = {
    Role.SINKS: (
        *("sinks.command.taken", "sinks.intent.gathered", "sinks.intent.produced", "sinks.intent.committed"),
        *("sinks.call.sending", "sinks.call.answered", "sinks.result.gathered", "sinks.result.produced"),
    ),
    Role.AGENTS: ("agents.batch.received", "agents.batch.evaluated", "agents.batch.produced"),
}


def run(lab: Lab, rng: random.Random, size: Size) -> Row:
    times = SHORT_TIMES | {"PIPELINE_SESSION_TIMEOUT_SECONDS": f"{SESSION:g}"}
    with lab.fresh(environment=times) as machine:
        machine.connect()
        machine.twins.books.twin.latency = LATENCY
        work = Work(machine, rng)
        pairs = {role: machine.start(role, role) for role in (Role.AGENTS, Role.SINKS)}
        work.send()
        work.progress.until(lambda: work.progress.results > 0, 60)
        seen, tally = Counter[str](), Tally()
        for number in range(PAUSES[size]):
            role = (Role.SINKS, Role.AGENTS)[number % 2]
            point = rng.choice(POINTS[role])
            zombie, successor = rng.sample(pairs[role], 2)
            armed = _stop_at(zombie, point, rng, work)
            seen[point if armed else f"{role}.anywhere"] += 1
            work.recovery.injected()
            _work_on(work, PAUSED)
            awake, found = _wake(machine, zombie, successor, role)
            if not awake:
                seen[f"{role}.unobserved"] += 1
            tally = tally + found
            _work_on(work, 1.0)
        work.finish()
        machine.stop()
        return Row(PAUSES[size], tally + judge(machine, work.expected), work.recovery.longest, dict(seen))


def _stop_at(member: RoleProcess, point: str, rng: random.Random, work: Work) -> bool:
    """Its next life stops at `point`, or after a while anywhere; whether it came to that point."""
    member.environment[VARIABLE] = f"{point}=stop@{rng.randint(1, 6)}"
    before = member.pid
    member.send(signal.SIGTERM)
    work.progress.until(lambda: member.pid not in (None, before), 30)
    member.environment[VARIABLE] = ""
    deadline = time.monotonic() + ARMED
    while not (reached := _stopped(member)) and time.monotonic() < deadline:
        work.keep_busy()
        work.poll()
    member.send(signal.SIGSTOP)
    return reached


def _stopped(member: RoleProcess) -> bool:
    """By the kernel's word for it: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html."""
    try:
        return Path(f"/proc/{member.pid}/stat").read_text(encoding="ascii").rpartition(") ")[2].startswith("T")
    except OSError:
        return False


def _work_on(work: Work, seconds: float) -> None:
    due = time.monotonic() + seconds
    while time.monotonic() < due:
        work.keep_busy()
        work.poll()


def _wake(machine: Machine, zombie: RoleProcess, successor: RoleProcess, role: Role) -> tuple[bool, Tally]:
    """Let the zombie go on while nobody else of its role runs; whether that moment was short enough to tell."""
    began = time.monotonic()
    successor.send(signal.SIGSTOP)
    try:
        _drain(machine, SILENCE)
        before = _traces(machine, role)
        zombie.send(signal.SIGCONT)
        _drain(machine, WINDOW)
        did = {what: count - before[what] for what, count in _traces(machine, role).items() if count > before[what]}
    finally:
        successor.send(signal.SIGCONT)
        zombie.send(signal.SIGCONT)
    if time.monotonic() - began > SESSION - SESSION / 3:
        return False, Tally()
    findings = tuple(f"duplicates: the zombie of {role} did {count} {what}" for what, count in did.items())
    return True, Tally(duplicates=sum(did.values()), findings=findings)


def _traces(machine: Machine, role: Role) -> dict[str, int]:
    """What a process of the role leaves behind outside of itself."""
    record = machine.record
    if role is Role.AGENTS:
        return {"decisions": len(record.decisions), "commands": len(record.commands)}
    ledgers = (machine.twins.books.ledger, machine.twins.togai.ledger)
    calls = sum(len(ledger.entries) for ledger in ledgers)
    return {"calls": calls, "results": len(record.results), "steps": len(record.steps)}


def _drain(machine: Machine, seconds: float) -> None:
    due = time.monotonic() + seconds
    while (left := due - time.monotonic()) > 0:
        machine.record.poll(min(left, 0.1))


FAULTS = (Fault("zombie", 6, run),)
