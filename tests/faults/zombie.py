"""The owner is paused past its session, and goes on when a successor has taken over: it must do nothing any more.

To see whose call it was, the successor is stopped too, for a moment shorter than its own session, and the zombie wakes
in that moment: the calls that reach the twins meanwhile, and the committed records that were written meanwhile, are the
zombie's. What it had written before its pause and published after it would be there twice.
"""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.cli.run import Role
from pipeline.failpoints import VARIABLE
from pipeline.schemas.records import Command, Decision, Result, Step
from tests.e2e.machine import Machine
from tests.e2e.roles import RoleProcess
from tests.faults.fault import Fault, Row, Size, Tally
from tests.faults.judge import judge
from tests.faults.lab import SHORT_TIMES, Lab
from tests.faults.work import LATENCY, Work

NAME = "KAFKA_CLIENT_ID"
SESSION = 4.0
"""Seconds; a member reports at least three times as often."""
PAUSED = SESSION + 2.5
"""Seconds: the session ends, a successor takes over and does some work, and open transactions have been aborted."""
SILENCE = 0.6
"""Seconds for what the stopped successor has sent to arrive."""
WINDOW = 1.4
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
        pairs = {role: [_start(machine, role, name) for name in "ab"] for role in (Role.AGENTS, Role.SINKS)}
        work.send()
        work.progress.until(lambda: work.progress.results > 0, 60)
        seen, windows = Counter[str](), list[_Window]()
        for number in range(PAUSES[size]):
            role = (Role.SINKS, Role.AGENTS)[number % 2]
            point = rng.choice(POINTS[role])
            zombie, successor = rng.sample(pairs[role], 2)
            armed = _stop_at(zombie, point, rng, work)
            seen[point if armed else f"{role}.anywhere"] += 1
            work.recovery.injected()
            _work_on(work, PAUSED)
            window = _wake(machine, zombie, successor, role)
            if window is not None:
                windows.append(window)
                seen[f"{role}.observed"] += 1
            _work_on(work, 1.0)
        work.finish()
        machine.stop()
        tally = judge(machine, work.expected) + _judge_zombies(machine, windows)
        return Row(PAUSES[size], tally, work.recovery.longest, dict(seen))


@dataclass(frozen=True, slots=True)
class _Window:
    """When only the zombie of its role ran, in POSIX seconds."""

    role: Role
    woken: float
    end: float


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


def _start(machine: Machine, role: Role, name: str) -> RoleProcess:
    """The broker knows its members by the name, which the supervisor's next life of it keeps."""
    (member,) = machine.start(role, environment={NAME: f"{role}-{name}"})
    return member


def _wake(machine: Machine, zombie: RoleProcess, successor: RoleProcess, role: Role) -> _Window | None:
    """Let the zombie go on while nobody else of its role runs.

    None where it may have been an owner again, and so no zombie: on a slow machine the successor's session may not have
    begun in time, or may end, too.
    """
    successor.send(signal.SIGSTOP)
    try:
        time.sleep(SILENCE)
        owned_before = _owns(machine, role, zombie)
        woken = time.time()
        zombie.send(signal.SIGCONT)
        time.sleep(WINDOW)
        end = time.time()
        owned_after = _owns(machine, role, zombie) or not _owns(machine, role, successor)
    finally:
        successor.send(signal.SIGCONT)
        zombie.send(signal.SIGCONT)
    return None if owned_before or owned_after else _Window(role, woken, end)


def _owns(machine: Machine, role: Role, member: RoleProcess) -> bool:
    """Whether the group's coordinator holds it for the owner of anything."""
    group = f"{machine.here.topics.prefix}{role}"
    admin = machine.here.access.admin()
    described = admin.describe_consumer_groups([group], request_timeout=10)[group].result()
    return any(
        each.client_id == member.environment[NAME] and bool(each.assignment.topic_partitions)
        for each in described.members
    )


def _judge_zombies(machine: Machine, windows: Sequence[_Window]) -> Tally:
    """Counts as duplicates what was done in the windows: the successor does it as well."""
    tally = Tally()
    for window in windows:
        for what, times in _traces(machine, window.role).items():
            count = sum(window.woken <= time_ < window.end for time_ in times)
            if count:
                finding = f"duplicates: {count} {what} of a zombie of the {window.role}"
                tally = tally + Tally(duplicates=count, findings=(finding,))
    return tally


def _traces(machine: Machine, role: Role) -> dict[str, list[float]]:
    """When a process of the role left something outside of itself."""
    written = machine.record.written
    if role is Role.AGENTS:
        return {"decisions": written[Decision], "commands": written[Command]}
    ledgers = (machine.twins.books.ledger, machine.twins.togai.ledger)
    calls = [entry.started for ledger in ledgers for entry in ledger.entries]
    return {"calls": calls, "results": written[Result], "steps": written[Step]}


FAULTS = (Fault("zombie", 6, run),)
