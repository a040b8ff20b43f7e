"""Wrong answers to every kind of call that the flows make, while an operator mends what stops and redrives refusals.

Where an answer is final by its documented meaning, the right end is one refusal with a complete dead letter; sent again
when the fault is gone, it ends well. What has neither is lost.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from email.utils import format_datetime

import msgspec

from pipeline.cli.run import Role
from pipeline.clock import utc
from pipeline.operations.deadletters import Wanted
from pipeline.operations.redrive import Redrive
from pipeline.sandbox.faults import Fault as Rule
from pipeline.sandbox.faults import bad_gateway, blocked, refused_in_200, server_error
from pipeline.schemas.records import Command, Result, Status
from tests.e2e.machine import Machine
from tests.faults.calls import Mix, Pair
from tests.faults.fault import Fault, Row, Size, Tally
from tests.faults.judge import Expected
from tests.faults.lab import Lab
from tests.faults.progress import Progress

FOREVER = 1000
"""Rounds of sending again: an operator who does not give up."""
PAGE = "<html><body><h1>Sorry</h1></body></html>"
EXISTS = "The record already exists."


def _page(status: int, *, apply: bool = False) -> Rule:
    return Rule(
        effect="answer", name=f"{status} with a page", status=status, body=PAGE, content_type="text/html", apply=apply
    )


def _zoho(status: int, code: int, words: str = "no", **where: str) -> Rule:
    body = msgspec.json.encode({"code": code, "message": words}).decode()
    return Rule(effect="answer", name=f"{status} with code {code}", status=status, body=body, **where)  # type: ignore[arg-type]


def _togai(status: int, name: str = "", **headers: str) -> Rule:
    body = '{"message": "no"}'
    return Rule(effect="answer", name=name or f"{status} of Togai", status=status, body=body, headers=headers)


BROKEN = (
    Rule(effect="cut", name="cut JSON", length=25),
    Rule(effect="answer", name="empty 200, applied", status=200, apply=True),
    Rule(effect="drip", name="slow drip", length=200, seconds=0.02),
    Rule(effect="drip", name="drip past the time-out", length=20, seconds=0.1),
    Rule(effect="reset", name="reset"),
    bad_gateway(name="502 with a page"),
    Rule(effect="answer", name="502 with a page, applied", status=502, body=PAGE, content_type="text/html", apply=True),
    _page(400),
    _page(404),
)
BOOKS = (
    *BROKEN,
    _zoho(400, 15, "Please ensure that the field has less than 101 characters.", path="*/invoices/*"),
    Rule(effect="answer", name="401", status=401, body='{"code":57,"message":"You are not authorized"}'),
    _zoho(404, 1002, "The record does not exist."),
    _zoho(409, 900002, EXISTS),
    blocked(name="429 with code 44 and headers"),
    blocked(headers=False, name="429 with code 44"),
    Rule(effect="answer", name="429 alone", status=429),
    Rule(
        effect="answer",
        name="429 with code 45",
        status=429,
        body='{"code":45,"message":"spent"}',
        headers={"X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": "1"},
    ),
    _zoho(429, 1070),
    server_error(name="500"),
    server_error(name="500, applied", apply=True),
    refused_in_200(1000, "Internal Error", name="200 with code 1000"),
    refused_in_200(44, "blocked", name="200 with code 44"),
    refused_in_200(3062, EXISTS, name="200 with code 3062"),
    Rule(effect="answer", name="empty 200", status=200),
)
TOGAI = (
    *(msgspec.structs.replace(rule, name=f"{rule.name}, Togai") for rule in BROKEN if not rule.name.startswith("4")),
    *(_togai(status) for status in (400, 403, 404, 409, 500)),
    _togai(429),
    _togai(429, "429 with Retry-After", **{"Retry-After": "1"}),
    _togai(200, "200 with an error, Togai"),
)
FEW = {"401": 5, "401 of Togai": 2}
"""Those that a run has no more of: ten tokens are given in ten minutes, and a dead key stops its connection."""


def run(lab: Lab, rng: random.Random, size: Size) -> Row:
    """Backlogs, and accounts that are known by hints, so that their objects are fetched first."""
    accounts, hinted, seconds = {Size.SHORT: (12, 4, 60.0), Size.LONG: (100, 30, 420.0)}[size]
    with lab.fresh() as machine:
        pair = begin(machine, rng)
        if size is Size.SHORT:
            pair.work()
        later = f"{format_datetime(utc(time.time() + 2), usegmt=True)}"
        dated = _togai(429, "429 until a date", **{"Retry-After": later})
        for served, rules in ((machine.twins.books, BOOKS), (machine.twins.togai, (*TOGAI, dated, _togai(401)))):
            Mix(_few(rules), share=0.4).place(served, rng)
        events = pair.backlog(accounts, outdated=0.5)
        pair.expected = pair.expected + Expected(events=[], commands=0, refused=True)
        progress = pair.send([*events, *pair.hints(hinted)])
        operator = Operator(pair, progress)
        operator.work_until(lambda: progress.done, seconds / 2)
        pair.clear()
        operator.work_until(operator.satisfied, seconds)
        machine.stop()
        return pair.row(operator.judge_letters())


def begin(machine: Machine, rng: random.Random) -> Pair:
    """Connected, and running."""
    pair = Pair(machine, rng)
    machine.start(Role.AGENTS, Role.SINKS)
    return pair


def _few(rules: Iterable[Rule]) -> list[Rule]:
    return [msgspec.structs.replace(rule, times=FEW.get(rule.name, 1)) for rule in rules]


class Operator:
    """A person who looks every second or so: resumes what has stopped, and sends dead letters again."""

    def __init__(self, pair: Pair, progress: Progress) -> None:
        here = pair.machine.here
        self._pair = pair
        self._progress = progress
        self._redrive = Redrive(here.access, here.topics, here.codec, rate=10_000.0, rounds=FOREVER)
        self._looked = 0.0

    def work_until(self, reached: Callable[[], bool], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not reached():
            if time.monotonic() > deadline:
                return False
            self._progress.poll()
            if time.monotonic() - self._looked > 1.0:
                self._look()
        return True

    def _look(self) -> None:
        self._looked = time.monotonic()
        machine = self._pair.machine
        stopped = {id_ for id_, state in machine.record.states.items() if state.stopped}
        connections = machine.here.control().connections if stopped else {}
        machine.here.store().write([connections[id_] for id_ in sorted(stopped)])
        if any(result.status is Status.REFUSED for result in self._last().values()):
            self._redrive.run(Wanted(stage="sink"))

    def satisfied(self) -> bool:
        """Everything ended, and nothing in a refusal."""
        if not self._progress.done:
            return False
        refused = any(result.status is Status.REFUSED for result in self._last().values())
        return not refused and self._pair.complete()

    def judge_letters(self) -> Tally:
        """Each refusal has its dead letter, and the letter all that it needs."""
        record, codec = self._pair.machine.record, self._pair.machine.here.codec
        letters = {(letter.command, _round(letter.headers)): letter for letter in record.dead_letters}
        missing = []
        for result in record.results:
            if result.status is not Status.REFUSED:
                continue
            letter = letters.get((result.command, result.redrive))
            whole = (
                letter is not None
                and letter.value is not None
                and codec.decode(Command, letter.value).id == result.command
                and letter.key == result.connection.encode()
                and letter.cause == result.cause
                and bool(letter.topic)
            )
            if not whole:
                missing.append(f"lost: the dead letter of {result.command}, round {result.redrive}: {letter}")
        return Tally(lost=len(missing), findings=tuple(missing[:10]))

    def _last(self) -> dict[str, Result]:
        """The result of each command's last round."""
        last: dict[str, Result] = {}
        for result in self._pair.machine.record.results:
            if result.command not in last or result.redrive >= last[result.command].redrive:
                last[result.command] = result
        return last


def _round(headers: Iterable[tuple[str, bytes | None]]) -> int:
    return next((int(value or b"0") for name, value in headers if name == "redrive"), 0)


FAULTS = (Fault("wrong answers", 3, run),)
