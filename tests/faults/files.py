"""The state directory is lost; the control topic holds what no longer works: the rest goes on, a remedy is told."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec

from pipeline.cli.run import Role
from pipeline.control.snapshot import Controlled
from pipeline.control.store import ControlStore
from pipeline.schemas.records import Connection, FlowVersion, Link, LinkDecision, Verdict
from tests.e2e.control import BOOKS, TOGAI
from tests.e2e.events import Backlog
from tests.e2e.machine import Machine
from tests.faults.fault import Fault, Row, Size, Tally
from tests.faults.judge import Expected, judge
from tests.faults.lab import SHORT_TIMES, Lab
from tests.faults.progress import Progress, Recovery

ACCOUNTS = 3
LOSSES = {Size.SHORT: 1, Size.LONG: 8}
BREAKS = {Size.SHORT: 4, Size.LONG: 30}
PATIENCE = 60.0
TRIES = 3
"""Backlogs until an agent must have heard of what was written to `control`."""
ACCOUNTS_FLOW = "togai-account-to-zohobooks-contact"
"""The one that is broken: it starts with what the backlogs hold."""


class Rounds:
    """Backlogs one after the other on one machine, and what must come of all of them."""

    def __init__(self, machine: Machine, rng: random.Random) -> None:
        self.machine = machine
        self.rng = rng
        self.expected = Expected(events=[], commands=0)
        self.progress = Progress(machine, self.expected)
        self.recovery = Recovery(self.progress)
        self.counts: Counter[str] = Counter()
        self.tally = Tally()

    def send(self) -> Backlog:
        backlog = Backlog(self.machine, ACCOUNTS, seed=self.rng.getrandbits(40))
        more = Expected.of(backlog)
        self.expected = self.expected + more
        self.progress.expect(more)
        self.machine.send(backlog.events)
        return backlog

    def finish(self) -> None:
        def done() -> bool:
            self.recovery.look()
            return self.progress.done

        self.progress.until(done, PATIENCE)

    def injected(self, what: str) -> None:
        self.counts[what] += 1
        self.recovery.injected()

    def found(self, finding: str) -> None:
        self.tally += Tally(unresolved=1, findings=(finding,))

    def row(self) -> Row:
        self.machine.stop()
        return Row(
            self.counts.total(),
            judge(self.machine, self.expected) + self.tally,
            self.recovery.longest,
            dict(self.counts),
        )


# --- the state directory ------------------------------------------------------------------------------------------


def state_lost(lab: Lab, rng: random.Random, size: Size) -> Row:
    """With the key of the secrets in it: what was sealed with it stays shut until the connections are applied anew."""
    with lab.fresh(environment={**SHORT_TIMES, "PIPELINE_SECRETS_KEYS": ""}) as machine:
        machine.connect()
        rounds = Rounds(machine, rng)
        sinks = machine.start(Role.AGENTS, Role.SINKS)[1]
        rounds.send()
        for _ in range(LOSSES[size]):
            rounds.progress.until(lambda: rounds.progress.results > 0, PATIENCE)
            shutil.rmtree(Path(machine.environment["PIPELINE_STATE_DIR"]), ignore_errors=True)
            rounds.injected("state directory lost while running")
            rounds.send()
            rounds.finish()
            sinks.kill()
            rounds.injected("sinks started without it")
            rounds.send()
            _stopped_with_a_remedy(rounds)
            control = machine.control
            done = machine.apply(control.write([control.togai(), control.books()], control.links()), key_lost=True)
            if not all(item.good for item in done.values()):
                rounds.found(f"what is applied again does not work: {done}")
            rounds.finish()
        return rounds.row()


def _stopped_with_a_remedy(rounds: Rounds) -> None:
    """Both connections say that their secrets cannot be read, and what to do about it."""
    states = rounds.machine.record

    def stopped() -> bool:
        return all("pipeline apply --key-lost" in states.states[id_].stopped for id_ in (TOGAI, BOOKS))

    if not rounds.progress.until(stopped, PATIENCE):
        rounds.found(f"no remedy: {[states.states[id_].stopped for id_ in (TOGAI, BOOKS)]}")


# --- the control topic --------------------------------------------------------------------------------------------


def control_broken(lab: Lab, rng: random.Random, size: Size) -> Row:
    """Rows that `pipeline apply` would never write, while events flow and before a worker starts."""
    with lab.fresh(environment=SHORT_TIMES) as machine:
        machine.connect()
        rounds = Rounds(machine, rng)
        roles = machine.start(Role.AGENTS, Role.SINKS)
        snapshot = machine.here.control()
        store = ControlStore(machine.here.access, machine.here.topics.control, machine.here.codec)
        for number in range(BREAKS[size]):
            name = sorted(_BROKEN)[number % len(_BROKEN)] if size is Size.LONG else rng.choice(sorted(_BROKEN))
            rows, words = _BROKEN[name](list(snapshot.flows.values()), rng)
            store.write(rows)
            rounds.injected(name)
            if rng.random() < 0.3:
                rng.choice(roles).kill()
                rounds.injected("a worker starts with it")
            told = not words
            for _ in range(TRIES):
                backlog = rounds.send()
                rounds.finish()
                told = told or _told(rounds, backlog, words)
                if told:
                    break
            if not told:
                rounds.found(f"no decision tells of {name}")
            store.remove(reversed(rows))
        return rounds.row()


def _told(rounds: Rounds, backlog: Backlog, words: tuple[str, ...]) -> bool:
    """Whether events that the broken link is for say which one it is, where, and what to do."""
    decisions = [each for each in rounds.machine.record.decisions if each.event_id in backlog.ids]
    failed = [link for each in decisions for link in each.links if link.link == "a-broken"]
    for link in failed[:1]:
        if not _says(link, words):
            rounds.found(f"{link.verdict} {link.message!r} does not say {words}")
    return bool(failed)


def _says(link: LinkDecision, words: tuple[str, ...]) -> bool:
    return link.verdict is Verdict.FAILED and all(word in link.message for word in words)


Broken = tuple[list[Controlled], tuple[str, ...]]


def _flow(flows: list[FlowVersion], change: tuple[str, str], words: tuple[str, ...]) -> Broken:
    """A version of the accounts' flow that was good once, and a link of it."""
    good = next(flow for flow in flows if flow.id == ACCOUNTS_FLOW)
    assert change[0] in good.text
    text = good.text.replace(*change, 1)
    flow = FlowVersion(id="broken", version="v1", text=text, file="broken.yaml")
    return [flow, _link("broken", "v1")], words


def _link(flow: str, version: str, **parts: object) -> Link:
    link = Link(id="a-broken", flow=flow, flow_version=version, connections={"togai": TOGAI, "zohobooks": BOOKS})
    return msgspec.structs.replace(link, **parts)


def _of_good(flows: list[FlowVersion], **parts: object) -> list[Controlled]:
    good = next(flow for flow in flows if flow.id == ACCOUNTS_FLOW)
    return [_link(good.id, good.version, **parts)]


_MEND = "apply it, then redrive"
_BROKEN: dict[str, Callable[[list[FlowVersion], random.Random], Broken]] = {
    "an unknown action": lambda flows, _: _flow(
        flows, ("action: upsert_contact", "action: explode"), ("broken.yaml:", "explode", _MEND)
    ),
    "a condition with a syntax error": lambda flows, _: _flow(
        flows, ("'!has(data.status) ", "'!has((data.status) "), ("broken.yaml:", _MEND)
    ),
    "a field that is gone": lambda flows, _: _flow(
        flows, ("data.status ==", "data.gone =="), ("broken.yaml:", "gone", _MEND)
    ),
    "a reference to nothing": lambda flows, _: _flow(
        flows, ("${document}", "${nothing}"), ("broken.yaml:", "nothing", _MEND)
    ),
    "half a file": lambda flows, rng: (_half(flows, rng), ()),
    "nested without end": lambda flows, _: (
        [FlowVersion(id="broken", version="v1", text="a: " + "[" * 5000 + "]" * 5000), _link("broken", "v1")],
        (),
    ),
    "a version that is gone": lambda flows, _: ([_link("broken", "gone")], ()),
    "a connection that is gone": lambda flows, _: (
        _of_good(flows, connections={"togai": TOGAI, "zohobooks": "gone"}),
        ("a-broken", "no connection 'gone'"),
    ),
    "options that are none": lambda flows, _: (
        _of_good(flows, options={"write_setting": ["x"]}),
        ("a-broken", "write_setting"),
    ),
    "a connection of an unknown app": lambda flows, _: ([Connection(id="strange", app="slack")], ()),
    "a connection with settings of nonsense": lambda flows, _: (
        [Connection(id="odd", app="zohobooks", settings={"organization_id": [1], "calls_per_minute": "many"})],
        (),
    ),
}


def _half(flows: list[FlowVersion], rng: random.Random) -> list[Controlled]:
    good = next(flow for flow in flows if flow.id == ACCOUNTS_FLOW)
    text = good.text[: rng.randint(1, len(good.text) // 2)]
    return [FlowVersion(id="broken", version="v1", text=text), _link("broken", "v1")]


FAULTS = (Fault("state lost", 12, state_lost), Fault("control broken", 12, control_broken))
