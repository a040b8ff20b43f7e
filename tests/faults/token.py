"""Tokens that end in the middle of a batch, and an accounts server that gives none: one refresh each, never too many.

Zoho's clock is some time off from ours, and jumps.
"""

from __future__ import annotations

import itertools
import random
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial

import msgspec

from pipeline.cli.run import Role
from pipeline.control.secrets import load_secret_box, open_secrets
from pipeline.sandbox.faults import Fault as Rule
from pipeline.sandbox.ledger import Entry
from tests.e2e.machine import Machine
from tests.faults.calls import Pair
from tests.faults.fault import Fault, Row, Size, Tally
from tests.faults.judge import Expected
from tests.faults.lab import Lab
from tests.faults.operator import Operator
from tests.faults.progress import Progress

LATENCY = 0.1
"""Seconds a call takes: some are always under way, and fail together when their token dies."""
MOST = 8
"""Requests with one refresh token in ten minutes; no run takes longer."""
NEEDED = 3
"""Tokens that are given: the first, and one after each of two deaths, however many calls they failed."""
PAUSE = 1.0
"""Seconds between two deaths of all tokens: enough for the next ones to have proved good."""
SKEWS = (-7200.0, -90.0, 0.0, 90.0, 7200.0)
ENDS = ("expired", "revoked")
DENIED = (
    '{"error_description":"You have made too many requests continuously.","error":"Access Denied","status":"failure"}'
)
REFUSALS = (
    Rule(effect="answer", name="Access Denied as 400", status=400, body=DENIED),
    Rule(effect="answer", name="200 without a token", status=200, body='{"token_type":"Bearer"}'),
    Rule(effect="answer", name="token: 502 with a page", status=502, body="<html></html>", content_type="text/html"),
    Rule(effect="lose_answer", name="token: answer lost"),
    Rule(effect="cut", name="token: cut JSON", length=30),
)


def run(lab: Lab, rng: random.Random, size: Size) -> Row:
    """Several pairs at once, as the faults hit all of them. At length every kind of refusal, in two scenes."""
    kinds = rng.sample(REFUSALS, len(REFUSALS))
    if size is Size.SHORT:
        return _scene(lab, rng, kinds[:2], count=3, accounts=10, seconds=60.0)
    first, second = (_scene(lab, rng, few, count=4, accounts=50, seconds=400.0) for few in (kinds[:3], kinds[3:]))
    return first + second


def _scene(lab: Lab, rng: random.Random, refusals: Sequence[Rule], *, count: int, accounts: int, seconds: float) -> Row:
    """Of the eight tokens that a connection may ask for: one at the start, two after all tokens died, two or three that
    are refused first, and one after the refresh token died.
    """
    with lab.fresh() as machine:
        machine.twins.books.clock.advance(rng.choice(SKEWS))
        pairs = [Pair(machine, rng) for _ in range(count)]
        granted = {pair.books: [_number(pair)] for pair in pairs}
        before = len(machine.twins.books.ledger.entries)
        machine.twins.books.twin.latency = LATENCY
        events = [pair.backlog(accounts) for pair in pairs]
        machine.send(event for row in zip(*events, strict=True) for event in row)
        machine.start(Role.AGENTS, Role.SINKS)
        progress = Progress(machine, sum((pair.expected for pair in pairs), Expected(events=[], commands=0)))

        def mend(id_: str) -> bool:
            """Zoho says that the refresh token is dead: another code."""
            pair = next((each for each in pairs if each.books == id_), None)
            if pair is None or "invalid_code" not in machine.record.states[id_].stopped:
                return False
            pair.connect()
            granted[id_].append(_number(pair))
            return True

        operator = Operator(pairs, progress, mend)
        commands = sum(pair.expected.commands or 0 for pair in pairs)
        for share, how in zip((0.15, 0.4, 0.6), [*rng.sample(ENDS, 2), "refresh token dead"], strict=True):
            pause = time.monotonic() + PAUSE
            wanted = share * commands
            operator.work_until(partial(_far_enough, progress, wanted, pause), seconds)
            if share == 0.15:
                _refuse_tokens(machine, refusals)
            _end(machine, how, rng.choice(pairs))
        operator.work_until(lambda: progress.done, seconds)
        machine.stop()
        return _row(machine, pairs, granted, machine.twins.books.ledger.entries[before:])


def _far_enough(progress: Progress, results: float, after: float) -> bool:
    return progress.results >= results and time.monotonic() >= after


def _refuse_tokens(machine: Machine, refusals: Sequence[Rule]) -> None:
    """Each is met by the first token request of every connection that comes to it."""
    for rule in refusals:
        machine.twins.books.place(msgspec.structs.replace(rule, path="/oauth/*", each=1, times=None, alone=True))


def _end(machine: Machine, how: str, pair: Pair) -> None:
    served = machine.twins.books
    match how:
        case "expired":
            served.clock.advance(3600)
        case "revoked":
            served.call(served.twin.revoke_tokens)
        case _:
            pair.clear()
            machine.twins.revoke(_refresh_token(pair))


def _row(machine: Machine, pairs: list[Pair], granted: dict[str, list[str]], entries: list[Entry]) -> Row:
    notes = Counter(machine.twins.books.twin.faults.served)
    notes["401 of a dead token"] = sum(entry.code == 57 for entry in entries)
    asked: Counter[str] = Counter()
    given: Counter[str] = Counter()
    for entry in entries:
        if entry.kind == "oauth.token" and entry.ids["grant_type"] == "refresh_token":
            asked[entry.ids["refresh_token"]] += 1
            given[entry.ids["refresh_token"]] += entry.status == 200 and not entry.faults
    tally = Tally()
    for pair in pairs:
        row = pair.row()
        tally = tally + row.tally
        for number in granted[pair.books]:
            if asked[number] > MOST or given[number] > NEEDED:
                said = f"{pair.books} made {asked[number]} requests for tokens and got {given[number]}"
                tally = tally + Tally(unresolved=1, findings=(f"unresolved: {said}, {NEEDED} are enough",))
    ended = sorted(result.ended.timestamp() for result in machine.record.results if result.ended)
    gaps = [later - earlier for earlier, later in itertools.pairwise(ended)]
    return Row(sum(notes.values()), tally, max(gaps, default=0.0), dict(notes))


def _number(pair: Pair) -> str:
    """How the twin's ledger calls the pair's refresh token."""
    served = pair.machine.twins.books
    return f"#{served.call(lambda: served.twin.state.oauth.number(_refresh_token(pair)))}"


def _refresh_token(pair: Pair) -> str:
    here = pair.machine.here
    connection = here.control().connections[pair.books]
    return open_secrets(connection.id, connection.secrets, load_secret_box(here.settings))["refresh_token"]


FAULTS = (Fault("tokens", 4, run),)
